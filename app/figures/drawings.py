"""Small drawings as SVG, which the browser shows as pictures: compass, horizon, inset map."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from app.theme import Palette
from core.geo import Floats

SIDE = 120
"""Width and height of compass and inset."""
_MIDDLE, _RADIUS = SIDE / 2, 44.0
_MARGIN = 6.0
_MOST_DOTS = 400


def compass(heading_deg: float, half_deg: float, palette: Palette) -> str:
    """Return a compass card with a needle and the wedge that holds the heading 9 times in 10.

    Args:
        heading_deg: Degrees clockwise from north.
        half_deg: Half-width of the wedge; NaN or infinite: unknown, so no wedge is drawn.
        palette: Colours of the reader's theme.
    """
    parts = [
        f'<circle cx="{_MIDDLE}" cy="{_MIDDLE}" r="{_RADIUS}" fill="{palette.surface}" '
        f'stroke="{palette.faint}"/>'
    ]
    if isfinite(half_deg):
        parts.append(_wedge(heading_deg, half_deg, palette.refined))
    for letter, turn in zip("NESW", (0, 90, 180, 270), strict=True):
        x, y = _at(turn, _RADIUS + 9)
        parts.append(
            f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="middle" font-size="13" '
            f'font-family="sans-serif" font-weight="600" fill="{palette.text}">{letter}</text>'
        )
    for turn in range(0, 360, 30):
        (x, y), (inner, lower) = _at(turn, _RADIUS), _at(turn, _RADIUS - 4)
        parts.append(
            f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{inner:.1f}" y2="{lower:.1f}" '
            f'stroke="{palette.faint}"/>'
        )
    tip, left, right = _at(heading_deg, 38), _at(heading_deg - 140, 20), _at(heading_deg + 140, 20)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (tip, left, (_MIDDLE, _MIDDLE), right))
    parts.append(
        f'<polygon points="{points}" fill="{palette.refined}" stroke="{palette.background}"/>'
    )
    return _svg(parts, SIDE, SIDE)


def horizon(headings_deg: Mapping[str, float], palette: Palette) -> str:
    """Return the whole horizon as a strip, the first heading in its middle, each with a mark.

    Args:
        headings_deg: Degrees clockwise from north by colour.
        palette: Colours of the reader's theme.
    """
    width, height, line = 720, 44, 24
    middle = next(iter(headings_deg.values()))

    def across(heading: float) -> float:
        return width / 2 + ((heading - middle + 180.0) % 360.0 - 180.0) / 360.0 * width

    parts = [
        f'<line x1="0" y1="{line}" x2="{width}" y2="{line}" stroke="{palette.faint}" '
        'stroke-width="2"/>'
    ]
    for turn, letters in zip(range(0, 360, 45), ("N", "NE", "E", "SE", "S", "SW", "W", "NW"),
                             strict=True):  # fmt: skip
        x = min(max(across(turn), 10.0), width - 10.0)
        parts.append(
            f'<text x="{x:.1f}" y="{height - 4}" text-anchor="middle" font-size="12" '
            f'font-family="sans-serif" fill="{palette.text}">{letters}</text>'
        )
    for colour, heading in headings_deg.items():
        x = across(heading)
        parts.append(
            f'<polygon points="{x:.1f},{line} {x - 8:.1f},6 {x + 8:.1f},6" fill="{colour}" '
            f'stroke="{palette.background}"/>'
        )
    return _svg(parts, width, height)


def inset(
    outlines_m: Sequence[Floats], dots_m: Floats, box_m: Floats, pin_m: Floats, palette: Palette
) -> str:
    """Return a map of the whole campus, north up, with the part that another map shows.

    Args:
        outlines_m: Outlines of regions, `(k, 2)` `[north_m, east_m]` each.
        dots_m: `(n, 2)` training photos, which show where the campus is.
        box_m: `(2, 2)` south-west and north-east corner of the shown part.
        pin_m: `(2,)` the predicted position.
        palette: Colours of the reader's theme.
    """
    corners = np.concatenate([*outlines_m, dots_m, pin_m[None]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    scale = (SIDE - 2 * _MARGIN) / max(float((high - low).max()), 1.0)
    middle = (low + high) / 2.0

    def drawn(places_m: Floats) -> Floats:
        """Pixels `[right, down]` of positions `(n, 2)`."""
        off = (places_m - middle) * scale
        return np.stack([_MIDDLE + off[:, 1], _MIDDLE - off[:, 0]], axis=1)

    parts = [f'<rect width="{SIDE}" height="{SIDE}" rx="6" fill="{palette.surface}"/>']
    for outline in outlines_m:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn(outline))
        parts.append(
            f'<polygon points="{points}" fill="{palette.faint}" fill-opacity=".18" '
            f'stroke="{palette.faint}" stroke-opacity=".7"/>'
        )
    if not outlines_m:
        step = max(1, -(-len(dots_m) // _MOST_DOTS))
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="1" fill="{palette.faint}"/>'
            for x, y in drawn(dots_m[::step])
        ]
    (left, bottom), (right, top) = np.clip(drawn(box_m), 1, SIDE - 1)
    [(x, y)] = drawn(pin_m[None])
    parts += [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 4):.1f}" '
        f'height="{max(bottom - top, 4):.1f}" fill="none" stroke="{palette.text}" '
        'stroke-width="1.5"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{palette.refined}" '
        f'stroke="{palette.background}" stroke-width="1.5"/>',
    ]
    return _svg(parts, SIDE, SIDE)


def _svg(parts: Sequence[str], width: int, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{"".join(parts)}</svg>'
    )


def _at(heading_deg: float, radius: float) -> tuple[float, float]:
    """Pixels `(right, down)` of a direction at a distance from the middle."""
    turn = np.deg2rad(heading_deg)
    return _MIDDLE + radius * float(np.sin(turn)), _MIDDLE - radius * float(np.cos(turn))


def _wedge(heading_deg: float, half_deg: float, colour: str) -> str:
    if half_deg >= 180.0:
        return (
            f'<circle cx="{_MIDDLE}" cy="{_MIDDLE}" r="{_RADIUS}" fill="{colour}" '
            'fill-opacity=".3"/>'
        )
    (x, y), (right, down) = (_at(heading_deg + side * half_deg, _RADIUS) for side in (-1, 1))
    large = int(half_deg > 90.0)
    return (
        f'<path d="M{_MIDDLE},{_MIDDLE} L{x:.1f},{y:.1f} A{_RADIUS},{_RADIUS} 0 {large} 1 '
        f'{right:.1f},{down:.1f} Z" fill="{colour}" fill-opacity=".3"/>'
    )
