"""Frame interpolation: frames between the frames of a film."""
