"""The words of the shot grammar: SkyCaptioner-V1's values, how each is said in English, and what else people call it.

The values are those of the captions that SkyReels-V2 was trained on
(https://github.com/SkyworkAI/SkyReels-V2, skycaptioner_v1). Camera motion is free text there; the list of moves is
ours, and has every entry of the Camera Director that came before this studio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def lexicon(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


@dataclass(frozen=True, slots=True)
class Term:
    """One value of a field: how a text says it, how a page calls it, and other words that mean it.

    `also` are matched in free prompts as whole words; `seed` are values of the Camera Director that mean this one.
    """

    value: str
    phrase: str
    title: str
    also: tuple[str, ...] = ()
    seed: tuple[str, ...] = field(default=())


SHOT_TYPES = (
    Term(
        "long_shot",
        "A long shot",
        "Long shot",
        (
            *("long shot", "wide shot", "wide-angle shot", "extreme wide shot", "very wide shot", "establishing shot"),
            *("extreme long shot", "wide view", "panoramic view", "panorama"),
        ),
        ("extreme-wide",),
    ),
    Term(
        "full_shot",
        "A full shot",
        "Full shot",
        ("full shot", "full-body shot", "full body shot", "full length shot", "full-length shot"),
        ("wide",),
    ),
    Term(
        "medium_shot",
        "A medium shot",
        "Medium shot",
        ("medium shot", "mid shot", "mid-shot", "medium close-up", "waist shot", "cowboy shot", "half-body shot"),
        ("medium",),
    ),
    Term(
        "close_up",
        "A close-up",
        "Close-up",
        ("close-up shot", "close up shot", "close-up", "close up", "closeup", "head shot", "headshot", "tight shot"),
        ("close-up",),
    ),
    Term(
        "extreme_close_up",
        "An extreme close-up",
        "Extreme close-up",
        (
            *("extreme close-up shot", "extreme close-up", "extreme close up", "extreme closeup", "macro shot"),
            *("detail shot", "very close close-up"),
        ),
        ("extreme-close-up",),
    ),
    Term("other", "An unusual shot", "Other", ("unusual shot",)),
)
SHOT_ANGLES = (
    Term("eye_level", "at eye level", "Eye level", ("eye level", "eye-level", "eye-level angle"), ("eye-level",)),
    Term(
        "high_angle",
        "from a high angle",
        "High angle",
        ("high angle", "high-angle", "from above", "looking down at"),
        ("high-angle",),
    ),
    Term(
        "low_angle",
        "from a low angle",
        "Low angle",
        ("low angle", "low-angle", "from below", "worm's eye", "worm's-eye", "worm’s eye", "looking up at"),
        ("low-angle", "wormseye"),
    ),
    Term(
        "other",
        "from an unusual angle",
        "Other",
        ("unusual angle", "dutch angle", "dutch-angle", "dutch tilt", "canted angle", "tilted angle"),
        ("dutch-angle",),
    ),
)
SHOT_POSITIONS = (
    Term("front_view", "in front view", "Front", ("front view", "seen from the front", "frontal view")),
    Term("back_view", "in back view", "Back", ("back view", "rear view", "seen from behind", "seen from the back")),
    Term("side_view", "in side view", "Side", ("side view", "seen from the side", "in profile", "profile view")),
    Term(
        "over_the_shoulder",
        "over the shoulder",
        "Over the shoulder",
        ("over the shoulder", "over-the-shoulder", "over his shoulder", "over her shoulder", "over their shoulder"),
        ("over-the-shoulder",),
    ),
    Term(
        "overhead_view",
        "in overhead view",
        "Overhead",
        ("overhead view", "overhead shot", "overhead", "top view", "top-down view", "top-down", "bird's eye view"),
        ("birdseye",),
    ),
    Term(
        "point_of_view",
        "in point of view",
        "Point of view",
        ("point of view", "point-of-view", "pov", "first-person view", "first person view"),
    ),
    Term(
        "aerial_view", "in aerial view", "Aerial", ("aerial view", "aerial shot", "aerial", "drone shot", "drone view")
    ),
    Term("overlooking_view", "in overlooking view", "Overlooking", ("overlooking view",)),
    Term("other", "from an unusual position", "Other", ("unusual position",)),
)
# What a camera does. A move is a sentence, as camera motion is said in one of its own.
CAMERA_MOVES = (
    Term(
        "static",
        "The camera is static",
        "Static",
        ("static", "static camera", "static shot", "locked off"),
        ("static",),
    ),
    Term("pan_left", "The camera pans left", "Pan left", ("pan left", "pans left", "panning left"), ("pan-left",)),
    Term(
        "pan_right", "The camera pans right", "Pan right", ("pan right", "pans right", "panning right"), ("pan-right",)
    ),
    Term("tilt_up", "The camera tilts up", "Tilt up", ("tilt up", "tilts up", "tilting up"), ("tilt-up",)),
    Term(
        "tilt_down", "The camera tilts down", "Tilt down", ("tilt down", "tilts down", "tilting down"), ("tilt-down",)
    ),
    Term("zoom_in", "The camera zooms in", "Zoom in", ("zoom in", "zooms in", "zooming in", "slow zoom"), ("zoom-in",)),
    Term("zoom_out", "The camera zooms out", "Zoom out", ("zoom out", "zooms out", "zooming out"), ("zoom-out",)),
    Term(
        "dolly_in",
        "The camera moves closer",
        "Dolly in",
        ("dolly in", "dollies in", "push in", "pushes in", "pushing in"),
        ("dolly-in",),
    ),
    Term(
        "dolly_out",
        "The camera moves back",
        "Dolly out",
        ("dolly out", "dollies out", "pull back", "pulls back", "pull out", "pulls out"),
        ("dolly-out",),
    ),
    Term(
        "tracking",
        "The camera tracks the subject",
        "Tracking",
        ("tracking", "tracking shot", "follow shot", "tracks alongside"),
        ("tracking",),
    ),
    Term(
        "dutch_angle",
        "The camera is tilted to one side, in a Dutch angle",
        "Dutch angle",
        ("dutch angle", "dutch tilt", "canted"),
        ("dutch-angle",),
    ),
    Term(
        "handheld", "The camera is handheld", "Handheld", ("handheld", "hand-held", "handheld camera", "shaky camera")
    ),
    Term("orbit", "The camera circles the subject", "Orbit", ("orbit shot", "arc shot", "orbiting shot")),
    Term("crane_up", "The camera rises", "Crane up", ("crane up", "crane shot")),
)
FIELDS: Mapping[str, tuple[Term, ...]] = {
    "shot_type": SHOT_TYPES,
    "shot_angle": SHOT_ANGLES,
    "shot_position": SHOT_POSITIONS,
}
VALUES: Mapping[str, tuple[str, ...]] = {name: tuple(term.value for term in terms) for name, terms in FIELDS.items()}

# The kinds of subjects with names that mean them. The captions' own list is open-ended: any other name is Other.
TYPES: Mapping[str, tuple[str, ...]] = {
    "Human": (
        *("woman", "man", "girl", "boy", "child", "baby", "person", "teenager", "couple", "crowd", "family", "group"),
        *("dancer", "singer", "chef", "cook", "soldier", "astronaut", "knight", "king", "queen", "prince", "princess"),
        *(
            "farmer",
            "fisherman",
            "doctor",
            "nurse",
            "teacher",
            "student",
            "scientist",
            "musician",
            "pianist",
            "guitarist",
        ),
        *("painter", "artist", "runner", "athlete", "skier", "surfer", "skateboarder", "cyclist", "driver", "pilot"),
        *(
            "sailor",
            "detective",
            "police officer",
            "firefighter",
            "waiter",
            "waitress",
            "bride",
            "groom",
            "monk",
            "nun",
        ),
        *(
            "warrior",
            "samurai",
            "ninja",
            "wizard",
            "witch",
            "pirate",
            "cowboy",
            "ballerina",
            "actor",
            "actress",
            "model",
        ),
        *(
            "grandmother",
            "grandfather",
            "mother",
            "father",
            "sister",
            "brother",
            "lady",
            "gentleman",
            "hiker",
            "climber",
        ),
        *("worker", "people", "men", "women", "children", "girls", "boys", "friends", "lovers", "tourist", "traveller"),
    ),
    "Animal": (
        *(
            "dog",
            "cat",
            "horse",
            "bird",
            "fish",
            "butterfly",
            "insect",
            "bee",
            "swan",
            "lion",
            "tiger",
            "elephant",
            "bear",
        ),
        *("panda", "rabbit", "fox", "wolf", "deer", "cow", "sheep", "goat", "pig", "chicken", "duck", "eagle", "owl"),
        *("whale", "dolphin", "shark", "turtle", "snake", "frog", "monkey", "gorilla", "giraffe", "zebra", "kangaroo"),
        *(
            "koala",
            "penguin",
            "seal",
            "octopus",
            "jellyfish",
            "spider",
            "ant",
            "dragonfly",
            "parrot",
            "peacock",
            "puppy",
        ),
        *("kitten", "golden retriever", "hummingbird", "squirrel", "mouse", "hedgehog", "camel", "leopard", "crab"),
        *("dragon", "dinosaur", "unicorn", "dogs", "cats", "horses", "birds", "butterflies", "wolves", "elephants"),
    ),
    "Plant": (
        "tree",
        "flower",
        "rose",
        "grass",
        "leaf",
        "bamboo",
        "cactus",
        "mushroom",
        "trees",
        "flowers",
        "sunflower",
    ),
    "Scenery": (
        *("mountain", "mountains", "lake", "river", "sea", "ocean", "waterfall", "forest", "desert", "beach", "valley"),
        *("city", "village", "street", "skyline", "island", "volcano", "canyon", "glacier", "meadow", "garden", "sky"),
        *("clouds", "waves", "moon", "planet", "galaxy", "castle", "bridge", "lighthouse", "temple", "house", "ruins"),
    ),
    "Vehicles": (
        *(
            "ship",
            "boat",
            "sailboat",
            "car",
            "sports car",
            "train",
            "plane",
            "airplane",
            "helicopter",
            "bicycle",
            "bike",
        ),
        *("motorcycle", "bus", "truck", "tram", "taxi", "rocket", "spaceship", "submarine", "hot air balloon", "cars"),
    ),
    "Sport": ("football", "basketball", "tennis ball", "volleyball", "baseball", "surfboard", "skateboard"),
    "Food": ("coffee", "cake", "bread", "pizza", "noodles", "soup", "fruit", "apple", "tea", "wine", "burger", "sushi"),
    "Other": (
        *(
            "robot",
            "ball",
            "balloon",
            "candle",
            "book",
            "clock",
            "lantern",
            "umbrella",
            "cup",
            "glass",
            "bottle",
            "statue",
        ),
        *("kite", "fountain", "doll", "toy", "cube", "sphere", "circle", "square", "triangle", "star", "ring", "heart"),
    ),
}
TYPE_OF: Mapping[str, str] = {name: kind for kind, names in TYPES.items() for name in names}
FEMALE = lexicon("woman girl queen princess waitress bride nun witch ballerina actress grandmother mother sister lady")
MALE = lexicon(
    "man boy king prince fisherman gentleman waiter groom monk wizard cowboy actor grandfather father brother"
)
PLURALS = lexicon("people men women children clouds waves wolves friends lovers butterflies mountains noodles")
MASS = lexicon(
    "grass bamboo coffee bread soup fruit tea wine water snow rain smoke fire fog mist dust sand steam "
    "lava ice sunlight moonlight light lightning thunder traffic music"
)

TIMES = ("sunset", "sunrise", "dusk", "dawn", "night", "noon", "midnight", "twilight", "golden hour", "blue hour")
LIGHT_WORDS = (
    *(
        "light",
        "lights",
        "lighting",
        "lit",
        "sunlight",
        "sunlit",
        "sun",
        "sunny",
        "moonlight",
        "moonlit",
        "candlelight",
    ),
    *(
        "candlelit",
        "daylight",
        "backlit",
        "backlight",
        "shadow",
        "shadows",
        "neon",
        "overcast",
        "bright",
        "dark",
        "dim",
    ),
    *("glow", "glowing", "glows", "lamp", "lamplight", "silhouette", "high-key", "low-key", "foggy", "misty", "gloomy"),
)


def term(name: str, value: str) -> Term:
    """Return the term of a field's value; raises KeyError."""
    terms = CAMERA_MOVES if name == "camera_motion" else FIELDS[name]
    for each in terms:
        if each.value == value:
            return each
    raise KeyError(value)


def director(shot: str = "", movement: str = "", angle: str = "") -> dict[str, str]:
    """Return the fields of a shot for values of the Camera Director. Raises KeyError for a value that it never had.

    What the captions have no value for, a Dutch angle, is an `other` angle and a sentence of the camera's.
    """
    found: dict[str, str] = {}
    for given, places in (
        (shot, (("shot_type", SHOT_TYPES), ("shot_position", SHOT_POSITIONS))),
        (angle, (("shot_angle", SHOT_ANGLES), ("shot_position", SHOT_POSITIONS))),
        (movement, (("camera_motion", CAMERA_MOVES),)),
    ):
        if not given:
            continue
        places_of = [(name, each) for name, terms in places for each in terms if given in each.seed]
        if not places_of:
            raise KeyError(given)
        name, each = places_of[0]
        found[name] = each.phrase if name == "camera_motion" else each.value
    if movement == "dutch-angle" and not angle:
        found["shot_angle"] = "other"
    return found
