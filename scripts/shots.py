"""Draw the pictures of the shot grammar: one SVG for each shot type, angle, position and camera move.

python -m scripts.shots

One line width, round ends, no colours: pages use the files inline, so that a picture has the colour of its text.
"""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "static" / "img" / "shots"
WIDTH, HEIGHT = 96, 54
HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" fill="none" stroke="currentColor" '
    'stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
)
FRAME = '<rect x="2" y="2" width="92" height="50" rx="5"/>'
CLIP = '<clipPath id="f"><rect x="3" y="3" width="90" height="48" rx="4"/></clipPath>'
GROUND = '<path d="M8 46h80" stroke-opacity=".45"/>'


def person(x: float, foot: float, height: float) -> str:
    """A standing figure of this height with its feet at a point."""
    unit = height / 16
    top = foot - height
    head = f'<circle cx="{x:g}" cy="{top + 2.2 * unit:g}" r="{2.2 * unit:g}"/>'
    shoulders, hip = top + 5.2 * unit, top + 10 * unit
    body = (
        f'<path d="M{x - 3 * unit:g} {hip:g}V{shoulders + 1.5 * unit:g}a{1.5 * unit:g} {1.5 * unit:g} 0 0 1 '
        f"{1.5 * unit:g} {-1.5 * unit:g}h{3 * unit:g}a{1.5 * unit:g} {1.5 * unit:g} 0 0 1 {1.5 * unit:g} "
        f'{1.5 * unit:g}V{hip:g}"/>'
    )
    legs = f'<path d="M{x - 1.6 * unit:g} {hip:g}V{foot:g}M{x + 1.6 * unit:g} {hip:g}V{foot:g}"/>'
    return head + body + legs


def framed(inner: str) -> str:
    """A picture within the frame of the film."""
    return f'{CLIP}<g clip-path="url(#f)">{inner}</g>{FRAME}'


def camera(x: float, y: float, turn: float = 0) -> str:
    """A camera that looks to the right, turned by degrees."""
    return (
        f'<g transform="translate({x:g} {y:g}) rotate({turn:g})"><rect x="-8" y="-5" width="12" height="10" rx="2"/>'
        '<path d="M4 -1.5l5 -3v9l-5 -3z"/></g>'
    )


def arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight arrow from one point to another, along an axis or a diagonal."""
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / length * 5, (y2 - y1) / length * 5
    left, right = (x2 - dx + dy, y2 - dy - dx), (x2 - dx - dy, y2 - dy + dx)
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}M{left[0]:g} {left[1]:g}L{x2:g} {y2:g}L{right[0]:g} {right[1]:g}"/>'


def sight(x1: float, y1: float, x2: float, y2: float) -> str:
    """A dashed line of sight."""
    return f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke-dasharray="1 4" stroke-opacity=".7"/>'


def face(x: float, y: float, r: float) -> str:
    """A head from the front."""
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{r:g}"/><path d="M{x - r / 3:g} {y - r / 8:g}v.01M{x + r / 3:g} '
        f'{y - r / 8:g}v.01M{x - r / 3:g} {y + r * 0.4:g}q{r / 3:g} {r / 4:g} {r * 2 / 3:g} 0"/>'
    )


SHOULDERS = '<path d="M26 54c0 -12 8 -17 22 -17s22 5 22 17"/>'
HILLS = '<path d="M2 40l16 -18 12 13 14 -21 22 26 10 -9 18 14" stroke-opacity=".45"/>'
INNER = '<rect x="30" y="17" width="36" height="20" rx="3"/>'
EYE = (
    '<path d="M14 27c10 -15 26 -19 34 -19s24 4 34 19c-10 15 -26 19 -34 19s-24 -4 -34 -19z"/>'
    '<circle cx="48" cy="27" r="11"/><circle cx="48" cy="27" r="4"/>'
)

PICTURES = {
    # shot types
    "long_shot": framed(HILLS + '<path d="M2 46h92" stroke-opacity=".45"/>' + person(48, 46, 14)),
    "full_shot": framed(GROUND + person(48, 46, 38)),
    "medium_shot": framed(person(48, 78, 70)),
    "close_up": framed(face(48, 24, 15) + '<path d="M18 60c0 -14 12 -19 30 -19s30 5 30 19"/>'),
    "extreme_close_up": framed(EYE),
    # angles
    "eye_level": camera(16, 15) + sight(30, 15, 62, 15) + person(74, 46, 38) + GROUND,
    "high_angle": camera(16, 9, 28) + sight(28, 15, 62, 32) + person(76, 46, 26) + GROUND,
    "low_angle": camera(16, 40, -30) + sight(27, 33, 60, 15) + person(74, 46, 40) + GROUND,
    # positions
    "front_view": framed(face(48, 22, 13) + SHOULDERS),
    "back_view": framed(
        '<circle cx="48" cy="22" r="13"/><path d="M36 19q12 6 24 0M37 26q11 5 22 0" stroke-opacity=".6"/>' + SHOULDERS
    ),
    "side_view": framed(
        '<path d="M54 35c-14 4 -22 -4 -21 -14 1 -9 9 -12 15 -12 8 0 13 5 13 11l4 6h-4v5q0 4 -7 4zM54 20v.01"/>'
        '<path d="M28 54c0 -10 5 -15 13 -17M54 36c6 3 10 8 10 18"/>'
    ),
    "over_the_shoulder": framed(
        '<circle cx="24" cy="24" r="12"/><path d="M-6 56c0 -12 12 -18 30 -18 12 0 20 6 22 16"/>' + person(70, 50, 34)
    ),
    "overhead_view": framed(
        '<ellipse cx="48" cy="27" rx="24" ry="11"/><circle cx="48" cy="27" r="9"/>'
        '<path d="M48 18v-5M44 13h8" stroke-opacity=".6"/>'
    ),
    "point_of_view": framed(
        '<path d="M3 24h90" stroke-opacity=".45"/><path d="M48 24L26 52M48 24l22 28" stroke-opacity=".45"/>'
        '<path d="M8 54c2 -10 8 -14 14 -12s5 7 0 12M88 54c-2 -10 -8 -14 -14 -12s-5 7 0 12"/>'
    ),
    "aerial_view": framed(
        '<path d="M-4 50L40 26M30 56L58 26M66 56L76 26M6 34h90M0 44h96" stroke-opacity=".45"/>'
        '<path d="M42 14h12M36 10h10M50 10h10M41 10v4M55 10v4"/><circle cx="48" cy="16" r="3"/>'
    ),
    "overlooking_view": framed(
        '<path d="M2 40h30l4 14"/>'
        + person(22, 40, 22)
        + '<path d="M40 46l12 -10 10 7 14 -12 18 16" stroke-opacity=".45"/>'
    ),
    # moves
    "static": camera(46, 18) + '<path d="M44 24v8M44 32l-11 16M44 32l11 16M44 32v16"/>',
    "pan_left": FRAME + arrow(70, 27, 26, 27),
    "pan_right": FRAME + arrow(26, 27, 70, 27),
    "tilt_up": FRAME + arrow(48, 43, 48, 11),
    "tilt_down": FRAME + arrow(48, 11, 48, 43),
    "zoom_in": FRAME
    + INNER
    + arrow(10, 9, 24, 15)
    + arrow(86, 9, 72, 15)
    + arrow(10, 45, 24, 39)
    + arrow(86, 45, 72, 39),
    "zoom_out": FRAME
    + INNER
    + arrow(24, 15, 10, 9)
    + arrow(72, 15, 86, 9)
    + arrow(24, 39, 10, 45)
    + arrow(72, 39, 86, 45),
    "dolly_in": camera(16, 24) + arrow(32, 24, 58, 24) + person(76, 46, 36) + GROUND,
    "dolly_out": camera(34, 24) + arrow(22, 24, 6, 24) + person(76, 46, 36) + GROUND,
    "tracking": person(26, 32, 26) + arrow(38, 20, 62, 20) + camera(26, 45) + arrow(42, 45, 66, 45),
    "dutch_angle": '<g transform="rotate(-14 48 27)"><rect x="16" y="9" width="64" height="36" rx="4"/></g>'
    + person(48, 42, 26),
    "handheld": camera(48, 27)
    + '<path d="M26 18q-5 4 0 9t0 9M18 16q-6 6 0 11t0 11M70 18q5 4 0 9t0 9M78 16q6 6 0 11t0 11" stroke-opacity=".6"/>',
    "orbit": person(48, 38, 24) + '<path d="M22 34c-6 8 8 15 26 15s32 -7 26 -15M74 34l2 6M74 34l-7 1"/>',
    "crane_up": camera(34, 34) + arrow(62, 44, 62, 10) + '<path d="M20 46h28" stroke-opacity=".45"/>',
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, inner in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(f"{HEAD}{inner}</svg>\n", encoding="utf-8")


if __name__ == "__main__":
    main()
