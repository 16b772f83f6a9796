"""The picture: rates as bars, in SVG."""

from collections.abc import Sequence
from html import escape

_WIDTH, _ROW, _LABELS, _ROOM = 760, 34, 330, 80


def draw_rates(rates: Sequence[tuple[str, float]]) -> str:
    """Draw one bar per title; the first one is this program's and is colored."""
    most = max(rate for _, rate in rates)
    height = _ROW * len(rates) + 16
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" '
            'font-family="sans-serif" font-size="13">'
        ),
        "<title>Orders per second</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, (title, rate) in enumerate(rates):
        y = 8 + number * _ROW
        length = (_WIDTH - _LABELS - _ROOM) * rate / most
        color = "#1769aa" if number == 0 else "#9fb3c8"
        parts += [
            (
                f'<text x="{_LABELS - 10}" y="{y + 21}" text-anchor="end" fill="#222">'
                f"{escape(title)}</text>"
            ),
            f'<rect x="{_LABELS}" y="{y + 5}" width="{length:.1f}" height="24" fill="{color}"/>',
            f'<text x="{_LABELS + length + 8:.1f}" y="{y + 21}" fill="#222">{rate:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
