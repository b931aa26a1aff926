"""MuseTalk 1.5: a network that gives a face in a clip the mouth of a speech."""
