"""Line charts as SVG, without a library: a few curves over a few points."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 320, 64, 40, 170, 48
COLOURS = ("#2f6fde", "#d9480f", "#2b8a3e", "#862e9c", "#e67700", "#495057")
TICKS = 5


def line_chart(
    title: str, across: str, up: str, curves: Mapping[str, Sequence[tuple[float, float]]], whole: bool = False
) -> str:
    """Draw named curves of (x, y) points; y begins at 0. `whole` marks every x that occurs instead of even steps."""
    points = [point for curve in curves.values() for point in curve]
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    top = max(y for _, y in points) * 1.05 or 1.0
    inner, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + (x - low) / ((high - low) or 1) * inner, TOP + (1 - y / top) * tall

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#212529">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT + inner / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {TOP + tall / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for i in range(TICKS + 1):
        value = top * i / TICKS
        _, y = place(low, value)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{inner}" stroke="#dee2e6"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
    marks = sorted({x for x, _ in points}) if whole else [low + (high - low) * i / TICKS for i in range(TICKS + 1)]
    for value in marks:
        x, _ = place(value, 0)
        parts.append(f'<text x="{x:.1f}" y="{TOP + tall + 18}" text-anchor="middle">{value:.4g}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        line = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in curve)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = TOP + 10 + 20 * i
        parts.append(f'<path d="M{WIDTH - RIGHT + 12} {y}h18" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 36}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])
