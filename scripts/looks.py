"""Draw the pictures of the looks, one scene in each: `make looks`."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from workers.prompts.styles import STYLES

OUT = Path(__file__).resolve().parents[1] / "static" / "looks"
WIDTH, HEIGHT = 240, 144  # of a picture; three times what the page shows
SCALE = 4  # everything is drawn larger, and made smaller at the end
W, H = WIDTH * SCALE, HEIGHT * SCALE
HORIZON = 0.60
SUN = (0.30, 0.40)
QUALITY = 82

Array = npt.NDArray[np.float32]
Colour = tuple[int, int, int]
Y, X = np.mgrid[0:H, 0:W].astype(np.float32)
Y, X = Y / H, X / W


def noise(seed: int, cells: float, octaves: int = 5, stretch: float = 1.0) -> Array:
    """Smooth noise in 0 to 1; `cells` across the picture in the first octave, `stretch` times as wide as high."""
    rng = np.random.default_rng(seed)
    total, weight = np.zeros((H, W), np.float32), 0.0
    for octave in range(octaves):
        across = max(2, round(cells * 2**octave))
        down = max(2, round(across * H / W * stretch))
        grid = Image.fromarray((rng.random((down, across)) * 255).astype(np.uint8))
        part = np.asarray(grid.resize((W, H), Image.Resampling.BICUBIC), np.float32) / 255
        total += part * 0.5**octave
        weight += 0.5**octave
    low, high = (total / weight).min(), (total / weight).max()
    return np.asarray((total / weight - low) / (high - low), np.float32)


def mask(draw: Callable[[ImageDraw.ImageDraw], None], blur: float = 0.0) -> Array:
    """What `draw` paints white, as 0 to 1."""
    picture = Image.new("L", (W, H))
    draw(ImageDraw.Draw(picture))
    if blur:
        picture = picture.filter(ImageFilter.GaussianBlur(blur * SCALE))
    return np.asarray(picture, np.float32) / 255


def polygon(*points: tuple[float, float], blur: float = 0.0) -> Array:
    return mask(lambda d: d.polygon([(x * W, y * H) for x, y in points], fill=255), blur)


def ramp(value: Array, *stops: tuple[float, Colour]) -> Array:
    """Colours along a value, as [H, W, 3]."""
    places = [place for place, _ in stops]
    return np.stack([np.interp(value, places, [c[i] for _, c in stops]) for i in range(3)], axis=-1).astype(np.float32)


def over(picture: Array, colour: Array | Colour, alpha: Array) -> Array:
    paint = np.asarray(colour, np.float32)
    return picture + (paint - picture) * alpha[..., None]


def grey(picture: Array) -> Array:
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32))


def saturated(picture: Array, much: float) -> Array:
    return grey(picture)[..., None] * (1 - much) + picture * much


def contrast(picture: Array, much: float, middle: float = 128) -> Array:
    return (picture - middle) * much + middle


def vignette(picture: Array, much: float) -> Array:
    away = ((X - 0.5) ** 2 * 1.2 + (Y - 0.5) ** 2 * 1.6) / 0.55
    return picture * (1 - much * np.clip(away, 0, 1))[..., None]


def grain(picture: Array, much: float, seed: int = 9) -> Array:
    dots = np.random.default_rng(seed).normal(0, much, (H // 3, W // 3)).astype(np.float32)
    large = np.asarray(Image.fromarray(dots).resize((W, H), Image.Resampling.BILINEAR), np.float32)
    return picture + large[..., None]


# The parts of the scene: a lighthouse on a headland, a sailing boat, hills behind the sea.
RIDGE = (0.055 * noise(3, 3, 4)[0] + 0.03) * np.clip((0.56 - X[0]) / 0.3, 0, 1) ** 0.7
HILLS = np.asarray(((HORIZON - RIDGE)[None, :] < Y) & (Y < HORIZON), np.float32)
SEA = np.asarray(Y >= HORIZON, np.float32)
SHORE = [(0.50, 1.0), (0.56, 0.88), (0.60, 0.80), (0.655, 0.665), (0.70, 0.625), (0.78, 0.60), (0.9, 0.585), (1, 0.60)]
LAND = polygon(*SHORE, (1, 1))
CLIFF = polygon(*SHORE[:5], (0.74, 0.72), (0.70, 0.86), (0.66, 1.0)) * LAND
TOWER = polygon((0.755, 0.62), (0.772, 0.235), (0.828, 0.235), (0.845, 0.62))
BANDS = sum(
    (polygon((0.74, y), (0.86, y), (0.86, y + 0.065), (0.74, y + 0.065)) for y in (0.29, 0.42, 0.55)),
    np.zeros((H, W), np.float32),
)
ROOM = polygon((0.779, 0.16), (0.821, 0.16), (0.821, 0.222), (0.779, 0.222))
ROOF = polygon((0.768, 0.16), (0.80, 0.095), (0.832, 0.16))
GALLERY = polygon((0.757, 0.222), (0.843, 0.222), (0.843, 0.24), (0.757, 0.24))
HOUSE = polygon((0.87, 0.60), (0.87, 0.535), (0.955, 0.535), (0.955, 0.60))
HOUSE_ROOF = polygon((0.86, 0.54), (0.885, 0.485), (0.94, 0.485), (0.965, 0.54))
HULL = polygon((0.265, 0.745), (0.40, 0.745), (0.378, 0.79), (0.29, 0.79))
SAIL = polygon((0.325, 0.51), (0.325, 0.73), (0.255, 0.73))
JIB = polygon((0.335, 0.53), (0.405, 0.73), (0.335, 0.73))
SIDE = np.clip((X - 0.765) / 0.075, 0, 1)  # from the lit side of the tower to the other
SUN_AWAY = np.sqrt(((X - SUN[0]) * W / H) ** 2 + (Y - SUN[1]) ** 2)


class Palette:
    """The colours of one look."""

    def __init__(self, sky: list[Colour], sea: list[Colour], land: list[Colour], **more: Colour) -> None:
        self.sky, self.sea, self.land = sky, sea, land
        self.sun = more.get("sun", (255, 244, 214))
        self.hills = more.get("hills", (110, 136, 160))
        self.white = more.get("white", (244, 240, 232))
        self.shade = more.get("shade", (150, 152, 166))
        self.band = more.get("band", (196, 58, 48))
        self.roof = more.get("roof", (84, 44, 46))
        self.cloud = more.get("cloud", (255, 255, 255))
        self.hull = more.get("hull", (110, 62, 44))
        self.lamp = more.get("lamp", (255, 230, 150))


def scene(p: Palette, clouds: str = "soft", flat: bool = False, sun: bool = True, ripples: float = 1.0) -> Array:
    """The scene in these colours. `flat` has even surfaces; `clouds` are "soft", "hard", "heavy" or "none"."""
    picture = ramp(Y / HORIZON, (0, p.sky[0]), (0.6, p.sky[1]), (1, p.sky[2]))
    if sun:
        glow = np.exp(-((SUN_AWAY / 0.34) ** 2)) * 0.7
        picture = over(picture, p.sun, glow * (0 if flat else 1))
        picture = over(picture, p.sun, np.clip((0.082 - SUN_AWAY) / 0.006, 0, 1))
    fog = noise(11, 4, 5, 2.2)
    if clouds == "soft":
        picture = over(picture, p.cloud, np.clip((fog - 0.52) * 2.6, 0, 0.85) * (Y < HORIZON))
    elif clouds == "heavy":
        picture = over(picture, p.cloud, np.clip((fog - 0.3) * 1.7, 0, 0.9))
        picture = over(picture, p.shade, np.clip((noise(12, 5, 5, 2.4) - 0.55) * 2.2, 0, 0.7))
    elif clouds == "hard":
        puffs = [(0.06, 0.42, 0.12), (0.17, 0.34, 0.14), (0.29, 0.43, 0.12), (0.42, 0.47, 0.08), (0.55, 0.2, 0.07)]
        puffs += [(0.63, 0.17, 0.08), (0.70, 0.22, 0.05), (0.0, 0.52, 0.14), (0.14, 0.5, 0.13), (0.36, 0.53, 0.1)]
        for lift, colour in ((0.0, p.shade), (-0.026, p.cloud)):

            def paint(d: ImageDraw.ImageDraw, lift: float = lift) -> None:
                for x, y, r in puffs:
                    d.ellipse(((x - r) * W, (y + lift) * H - r * W, (x + r) * W, (y + lift) * H + r * W), fill=255)

            bottom = np.clip((HORIZON - Y) / 0.01, 0, 1) * ((0.56 + lift > Y) | (X < 0.48))
            picture = over(picture, colour, mask(paint) * bottom)
    picture = over(picture, p.hills, HILLS)
    deep = np.clip((Y - HORIZON) / (1 - HORIZON), 0, 1)
    water = ramp(deep, (0, p.sea[0]), (1, p.sea[1]))
    if not flat:
        waves = noise(21, 9, 5, 7.0) - 0.5
        water = water + waves[..., None] * (60 + 50 * deep[..., None]) * ripples
    if sun:
        narrow = np.exp(-(((X - SUN[0]) / (0.05 + 0.16 * deep)) ** 2))
        water = over(water, p.sun, narrow * np.clip((noise(22, 12, 4, 9.0) - 0.5) * 5, 0, 0.9))
    picture = over(picture, water, SEA)
    grass = ramp(np.clip((Y - 0.58) / 0.4, 0, 1), (0, p.land[0]), (1, p.land[1]))
    rock = ramp(np.clip((X - 0.52) / 0.2, 0, 1), (0, p.land[2]), (1, p.land[1]))
    if not flat:
        grass = grass + (noise(31, 26, 4, 1.6)[..., None] - 0.5) * 46
        rock = rock + (noise(32, 16, 5, 0.5)[..., None] - 0.5) * 80
    picture = over(picture, grass, LAND)
    picture = over(picture, rock, CLIFF)
    lit = np.where(SIDE > 0.5, 1.0, 0.0).astype(np.float32) if flat else SIDE
    body = over(np.broadcast_to(np.asarray(p.white, np.float32), (H, W, 3)), p.shade, lit * 0.8)
    stripe = over(np.broadcast_to(np.asarray(p.band, np.float32), (H, W, 3)), (30, 12, 24), lit * 0.45)
    picture = over(picture, body, TOWER)
    picture = over(picture, stripe, TOWER * np.clip(BANDS, 0, 1))
    picture = over(picture, p.lamp, ROOM)
    picture = over(picture, p.roof, np.clip(ROOF + GALLERY, 0, 1))
    picture = over(picture, p.white, HOUSE)
    picture = over(picture, p.roof, HOUSE_ROOF)
    picture = over(picture, p.hull, HULL)
    picture = over(picture, p.white, SAIL)
    return over(picture, p.shade, JIB * 0.9)


def edges(picture: Array, width: float, strength: float) -> Array:
    """Lines where surfaces meet, as an ink would draw them."""
    parts = (HILLS, LAND, CLIFF, TOWER, TOWER * np.clip(BANDS, 0, 1), ROOM, ROOF, GALLERY, HOUSE, HOUSE_ROOF)
    lines = np.zeros((H, W), np.float32)
    for part in (*parts, HULL, SAIL, JIB):
        shape = Image.fromarray((np.clip(part, 0, 1) * 255).astype(np.uint8))
        size = int(width * SCALE) // 2 * 2 + 1
        line = ImageChops.difference(
            shape.filter(ImageFilter.MaxFilter(size)), shape.filter(ImageFilter.MinFilter(size))
        )
        lines = np.maximum(lines, np.asarray(line, np.float32) / 255)
    return over(picture, (28, 22, 44), lines * strength)


def beam(picture: Array, colour: Colour, strength: float) -> Array:
    """The light of the lamp, to both sides."""
    left = polygon((0.80, 0.185), (0.80, 0.20), (-0.1, 0.36), (-0.1, 0.02), blur=3)
    right = polygon((0.80, 0.185), (0.80, 0.20), (1.1, 0.27), (1.1, 0.13), blur=2)
    fade = np.clip(1 - np.abs(X - 0.8) / 0.95, 0, 1)
    picture = over(picture, colour, np.clip(left + right, 0, 1) * fade * strength)
    halo = np.exp(-((((X - 0.8) * W / H) ** 2 + (Y - 0.19) ** 2) / 0.006))
    return over(picture, (255, 255, 255), halo)


DAY = Palette(
    [(62, 118, 186), (128, 174, 220), (214, 226, 232)],
    [(96, 142, 168), (30, 72, 104)],
    [(112, 136, 72), (66, 84, 48), (142, 128, 108)],
    hills=(128, 152, 172),
)


def realistic() -> Array:
    return vignette(grain(contrast(scene(DAY), 1.06), 3), 0.12)


def cinematic() -> Array:
    dusk = Palette(
        [(16, 44, 62), (54, 92, 104), (246, 158, 84)],
        [(96, 96, 92), (8, 30, 42)],
        [(46, 56, 42), (14, 24, 28), (70, 52, 42)],
        sun=(255, 206, 130), hills=(38, 66, 78), white=(226, 186, 150), shade=(34, 58, 72), band=(150, 46, 34),
        roof=(20, 26, 34), cloud=(242, 148, 92), hull=(24, 20, 22), lamp=(255, 226, 160),
    )  # fmt: skip
    picture = vignette(contrast(beam(scene(dusk), (255, 222, 160), 0.42), 1.12, 96), 0.55)
    bars = ((Y < 0.115) | (Y > 0.885)).astype(np.float32)
    return over(grain(picture, 4), (4, 5, 8), bars)


def animated() -> Array:
    bright = Palette(
        [(38, 150, 240), (104, 200, 255), (206, 244, 255)],
        [(44, 196, 214), (10, 104, 186)],
        [(132, 214, 74), (64, 164, 66), (214, 156, 104)],
        sun=(255, 226, 92), hills=(92, 190, 176), white=(255, 250, 240), shade=(176, 190, 236), band=(255, 78, 74),
        roof=(86, 62, 164), hull=(244, 128, 46), lamp=(255, 236, 120),
    )  # fmt: skip
    picture = scene(bright, clouds="hard", flat=True)
    soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2.2 * SCALE))
    shine = np.clip(1 - np.abs(SIDE - 0.22) / 0.14, 0, 1) * TOWER * 0.75
    picture = over(picture, (255, 255, 255), shine)
    rounded = np.clip((Y - 0.6) / 0.4, 0, 1) * LAND * 0.35
    picture = over(picture, (20, 92, 70), rounded)
    return saturated(picture * 0.78 + np.asarray(soft, np.float32) * 0.26, 1.12)


def anime() -> Array:
    sky = Palette(
        [(34, 74, 190), (92, 138, 236), (250, 196, 196)],
        [(118, 152, 232), (36, 62, 148)],
        [(96, 168, 112), (44, 104, 104), (132, 112, 148)],
        sun=(255, 250, 226), hills=(132, 134, 206), white=(255, 250, 246), shade=(150, 146, 214), band=(232, 70, 96),
        roof=(58, 52, 112), cloud=(255, 252, 250), hull=(94, 66, 110), lamp=(255, 244, 186),
    )  # fmt: skip
    picture = edges(scene(sky, clouds="hard", flat=True), 0.9, 0.85)
    for offset, strength in ((0.0, 0.34), (0.16, 0.2), (0.27, 0.16)):
        ray = polygon(
            (0.02 + offset, 0), (0.09 + offset, 0), (0.42 + offset * 1.6, 1), (0.26 + offset * 1.6, 1), blur=2
        )
        picture = over(picture, (255, 244, 220), ray * strength)
    return picture


def noir() -> Array:
    night = Palette(
        [(6, 6, 8), (18, 18, 20), (66, 66, 68)],
        [(70, 70, 72), (8, 8, 8)],
        [(26, 26, 26), (6, 6, 6), (44, 44, 44)],
        sun=(230, 230, 230), hills=(20, 20, 22), white=(226, 226, 226), shade=(26, 26, 28), band=(34, 34, 34),
        roof=(6, 6, 6), cloud=(84, 84, 86), hull=(4, 4, 4), lamp=(255, 255, 255),
    )  # fmt: skip
    picture = beam(scene(night, clouds="heavy", sun=False, ripples=0.6), (236, 236, 236), 0.8)
    rng = np.random.default_rng(5)

    def fall(d: ImageDraw.ImageDraw) -> None:
        for _ in range(110):
            x, y = rng.random() * W * 1.2, rng.random() * H
            d.line((x, y, x - 0.02 * W, y + 0.09 * H), fill=150, width=SCALE // 2)

    picture = over(picture, (255, 255, 255), mask(fall) * 0.5)
    tone = contrast(grey(vignette(picture, 0.5)), 1.25, 90)
    return grain(np.repeat(tone[..., None], 3, axis=-1), 7)


def vintage() -> Array:
    picture = saturated(scene(DAY), 0.45)
    tone = ramp(np.clip(grey(picture) / 255, 0, 1), (0, (66, 40, 44)), (0.5, (176, 128, 92)), (1, (255, 238, 196)))
    picture = picture * 0.34 + tone * 0.68
    leak = np.exp(-(((X + 0.02) / 0.16) ** 2)) * (0.55 + 0.45 * np.sin(Y * 4 + 0.6))
    picture = over(picture, (255, 120, 40), np.clip(leak, 0, 0.85))
    rng = np.random.default_rng(8)

    def scratch(d: ImageDraw.ImageDraw) -> None:
        for _ in range(7):
            x = rng.random() * W
            d.line((x, 0, x + rng.normal() * 8, H), fill=120, width=1)
        for _ in range(26):
            x, y, r = rng.random() * W, rng.random() * H, rng.random() * SCALE
            d.ellipse((x - r, y - r, x + r, y + r), fill=170)

    picture = vignette(grain(over(picture, (255, 246, 220), mask(scratch)), 8), 0.42)
    frame = mask(lambda d: d.rounded_rectangle((0.03 * W, 0.04 * H, 0.97 * W, 0.96 * H), radius=0.06 * W, fill=255))
    return over(picture, (34, 22, 20), 1 - frame)


def documentary() -> Array:
    overcast = Palette(
        [(150, 158, 164), (178, 184, 186), (204, 208, 206)],
        [(132, 144, 146), (70, 84, 88)],
        [(122, 124, 92), (82, 84, 66), (134, 128, 118)],
        hills=(140, 150, 154), white=(226, 224, 218), shade=(148, 150, 152), band=(158, 82, 72), roof=(86, 74, 72),
        cloud=(222, 224, 222), hull=(88, 76, 70), lamp=(220, 214, 190),
    )  # fmt: skip
    picture = contrast(scene(overcast, clouds="heavy", sun=False), 0.96, 140)
    still = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    tilted = still.rotate(2.6, Image.Resampling.BICUBIC).crop(
        (int(0.05 * W), int(0.06 * H), int(0.95 * W), int(0.94 * H))
    )
    picture = grain(np.asarray(tilted.resize((W, H), Image.Resampling.BICUBIC), np.float32), 6)
    x0, x1, y0, y1, arm = 0.06, 0.94, 0.09, 0.91, 0.075

    def finder(d: ImageDraw.ImageDraw) -> None:
        for x, y, dx, dy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
            d.line((x * W, y * H, (x + dx * arm) * W, y * H), fill=255, width=SCALE * 2)
            d.line((x * W, y * H, x * W, (y + dy * arm * 1.6) * H), fill=255, width=SCALE * 2)

    picture = over(picture, (250, 250, 248), mask(finder) * 0.9)
    dot = mask(lambda d: d.ellipse((0.105 * W, 0.15 * H, 0.15 * W, 0.15 * H + 0.045 * W), fill=255))
    return over(picture, (226, 40, 36), dot)


def watercolour() -> Array:
    pale = Palette(
        [(112, 160, 204), (176, 204, 224), (250, 226, 196)],
        [(130, 180, 194), (58, 112, 150)],
        [(150, 178, 104), (96, 136, 92), (190, 160, 130)],
        sun=(255, 214, 140), hills=(150, 158, 196), white=(252, 248, 240), shade=(186, 188, 212), band=(214, 92, 80),
        roof=(120, 84, 110), cloud=(255, 252, 246), hull=(140, 92, 76), lamp=(255, 226, 150),
    )  # fmt: skip
    picture = scene(pale, flat=True)
    # Paint runs: everything is pushed about a little, and gathers where a wash ends.
    push = 0.012 * SCALE * 60
    x = np.clip(X * W + (noise(41, 14, 3) - 0.5) * push * 2, 0, W - 1).astype(int)
    y = np.clip(Y * H + (noise(42, 14, 3) - 0.5) * push * 2, 0, H - 1).astype(int)
    washed = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)[y, x]).filter(ImageFilter.MedianFilter(9))
    picture = np.asarray(washed, np.float32)
    soft = np.asarray(washed.filter(ImageFilter.GaussianBlur(1.6 * SCALE)), np.float32)
    picture = soft - np.abs(picture - soft) * 0.7
    pigment = noise(43, 5, 5)[..., None]
    picture = picture + (255 - picture) * np.clip((pigment - 0.45) * 0.9, 0, 0.5)
    paper = (noise(44, 90, 2) - 0.5)[..., None] * 26
    ragged = np.minimum.reduce([X, 1 - X, Y * H / W, (1 - Y) * H / W]) + (noise(45, 12, 4) - 0.5) * 0.075
    return over(picture + paper, (250, 246, 238), 1 - np.clip((ragged - 0.03) / 0.014, 0, 1))


def artistic() -> Array:
    oil = Palette(
        [(38, 70, 150), (120, 140, 200), (250, 190, 90)],
        [(60, 120, 160), (16, 52, 104)],
        [(150, 160, 60), (70, 96, 50), (150, 92, 60)],
        sun=(255, 220, 110), hills=(86, 74, 140), white=(246, 232, 200), shade=(120, 110, 160), band=(206, 60, 40),
        roof=(90, 40, 60), cloud=(255, 214, 160), hull=(120, 54, 36), lamp=(255, 226, 130),
    )  # fmt: skip
    picture = scene(oil)
    # Strokes: the picture is read along a turning field, in steps as long as a brush is wide.
    turn = noise(51, 4, 3) * 4 * np.pi
    length = 7 * SCALE
    strokes = np.zeros_like(picture)
    for step in np.linspace(-1, 1, 9):
        x = np.clip(X * W + np.cos(turn) * step * length, 0, W - 1).astype(int)
        y = np.clip(Y * H + np.sin(turn) * step * length, 0, H - 1).astype(int)
        strokes += picture[y, x] / 9
    bristle = (noise(52, 70, 2) - 0.5)[..., None] * 60
    return contrast(saturated(strokes + bristle, 1.35), 1.15)


def abstract() -> Array:
    picture = np.broadcast_to(np.asarray((238, 226, 204), np.float32), (H, W, 3)).astype(np.float32)

    def disc(x: float, y: float, r: float) -> Array:
        return np.asarray(((X - x) * W / H) ** 2 + (Y - y) ** 2 < r * r, np.float32)

    picture = over(picture, (232, 176, 64), disc(0.30, 0.40, 0.27))
    picture = over(picture, (38, 82, 140), polygon((0, 0.62), (1, 0.5), (1, 1), (0, 1)))
    picture = over(picture, (28, 52, 96), polygon((0, 0.82), (1, 0.72), (1, 1), (0, 1)))
    picture = over(picture, (206, 66, 48), polygon((0.62, 1), (0.74, 0.12), (0.86, 0.12), (0.98, 1)))
    picture = over(picture, (244, 236, 220), polygon((0.66, 0.72), (0.685, 0.52), (0.915, 0.52), (0.94, 0.72)))
    picture = over(picture, (24, 24, 32), polygon((0.71, 0.12), (0.80, 0), (0.89, 0.12)))
    picture = over(picture, (244, 236, 220), polygon((0.18, 0.74), (0.36, 0.2), (0.36, 0.74)))
    picture = over(picture, (24, 24, 32), polygon((0.16, 0.78), (0.50, 0.78), (0.44, 0.86), (0.22, 0.86)))
    picture = over(picture, (98, 160, 150), disc(0.56, 0.24, 0.10))
    return picture + (noise(53, 60, 2) - 0.5)[..., None] * 14


def sketch() -> Array:
    plain = Palette(
        [(150, 150, 150), (200, 200, 200), (245, 245, 245)],
        [(190, 190, 190), (120, 120, 120)],
        [(170, 170, 170), (110, 110, 110), (130, 130, 130)],
        sun=(255, 255, 255), hills=(150, 150, 150), white=(250, 250, 250), shade=(150, 150, 150), band=(70, 70, 70),
        roof=(60, 60, 60), cloud=(255, 255, 255), hull=(70, 70, 70), lamp=(250, 250, 250),
    )  # fmt: skip
    tone = grey(scene(plain, flat=True)) / 255
    paper = 244 + (noise(54, 60, 2) - 0.5) * 8
    shade = np.zeros((H, W), np.float32)
    wobble = (noise(55, 12, 3) - 0.5) * 10 * SCALE
    for angle, below in ((0.8, 0.82), (-0.7, 0.62), (0.1, 0.42)):
        across = X * W * np.cos(angle) + Y * H * np.sin(angle) + wobble
        line = np.clip(1.4 - np.abs((across / (6 * SCALE)) % 1 - 0.5) * 7, 0, 1)
        shade = np.maximum(shade, line * np.clip((below - tone) * 6, 0, 1))
    drawn = over(np.repeat(paper[..., None], 3, -1), (70, 68, 72), shade * (0.55 + 0.3 * noise(56, 50, 2)))
    return edges(drawn, 1.4, 0.75)


def render() -> Array:
    clay = Palette(
        [(150, 196, 240), (196, 222, 246), (236, 240, 246)],
        [(96, 178, 214), (52, 128, 186)],
        [(150, 206, 120), (96, 164, 96), (206, 170, 140)],
        sun=(255, 226, 150), hills=(150, 176, 214), white=(252, 250, 246), shade=(196, 200, 216), band=(240, 98, 84),
        roof=(222, 88, 84), cloud=(255, 255, 255), hull=(176, 112, 80), lamp=(255, 236, 170),
    )  # fmt: skip
    picture = scene(clay, clouds="hard", flat=True)
    parts = (HILLS, LAND, TOWER, ROOF, GALLERY, HOUSE, HOUSE_ROOF, HULL, SAIL, JIB)
    for part in parts:
        # A rounded form: light from above on the left, and dark where it turns away; below it lies its shadow.
        soft = (
            np.asarray(
                Image.fromarray((np.clip(part, 0, 1) * 255).astype(np.uint8)).filter(
                    ImageFilter.GaussianBlur(5 * SCALE)
                ),
                np.float32,
            )
            / 255
        )
        down, right = np.gradient(soft)
        light = (down + right) * 9 * SCALE
        picture = over(picture, (255, 255, 255), np.clip(light, 0, 0.45) * np.clip(part, 0, 1))
        picture = over(picture, (40, 40, 90), np.clip(-light, 0, 0.35) * np.clip(part, 0, 1))
    return vignette(picture, 0.12)


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    for key in STYLES:
        drawn = np.clip(globals()[key](), 0, 255).astype(np.uint8)
        path = OUT / f"{key}.webp"
        Image.fromarray(drawn).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)
        print(f"{path.stat().st_size:>8} bytes  {key}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
