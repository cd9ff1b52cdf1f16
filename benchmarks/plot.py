"""The plot: what four questions cost at each size, as an SVG that needs no colour to be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from benchmarks.targets import Result

_PANELS: Final = {
    "first": "First page",
    "deep": "A deep page (100,001, or nine tenths in)",
    "none": "Search without a match",
    "filters": "Three filters and search, page 20",
}
_HALO: Final = 'paint-order="stroke" stroke="#fff" stroke-width="4"'
_WIDTH, _HEIGHT, _LEFT, _TOP = 330, 210, 60, 44
_GAP_X, _GAP_Y = 150, 70


@dataclass(frozen=True, slots=True)
class _Line:
    """How one who answered is drawn: colour, dashes, and the mark at each size."""

    title: str
    colour: str
    dashes: str
    mark: str


_LINES: Final = {
    "embedded": _Line("ours", "#1A1D23", "", '<circle r="4"/>'),
    "postgres": _Line("PostgreSQL", "#2B63C4", "7 4", '<rect x="-4" y="-4" width="8" height="8"/>'),
    "naive": _Line("naive DuckDB", "#87480A", "2 3", '<path d="M0-5 5 4H-5Z"/>'),
    "parquet": _Line("raw Parquet", "#7A44C6", "10 3 2 3", '<path d="M0-5 5 0 0 5-5 0Z"/>'),
}


def cost_against_size(results: Sequence[Result]) -> str:
    """An SVG of small diagrams, events across and milliseconds upwards, both in powers of ten."""
    width, height = 2 * (_LEFT + _WIDTH) + _GAP_X + 110, 2 * _HEIGHT + 3 * _GAP_Y
    panels = [
        f'<g transform="translate({_LEFT + place % 2 * (_WIDTH + _GAP_X)} {_TOP + place // 2 * (_HEIGHT + _GAP_Y)})">'
        f"{''.join(_panel(key, title, results))}</g>"
        for place, (key, title) in enumerate(_PANELS.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1A1D23">'
        "<title>Milliseconds for four questions against the number of events</title>"
        '<rect width="100%" height="100%" fill="#fff"/>'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(key: str, title: str, results: Sequence[Result]) -> Iterator[str]:
    drawn = {name: found for name in _LINES if (found := _points(results, name, key))}
    sizes = sorted({events for points in drawn.values() for events, _ in points}) or [1]
    costs = [milli for points in drawn.values() for _, milli in points] or [1]
    low, high = math.floor(math.log10(min(costs))), math.ceil(math.log10(max(costs)))
    high = max(high, low + 1)
    first, last = math.log10(sizes[0]), max(math.log10(sizes[-1]), math.log10(sizes[0]) + 1)

    def x(events: int) -> float:
        return round((math.log10(events) - first) / (last - first) * _WIDTH, 1)

    def y(milli: float) -> float:
        return round(_HEIGHT - (math.log10(milli) - low) / (high - low) * _HEIGHT, 1)

    yield f'<text y="-16" font-weight="650" font-size="13">{escape(title)}</text>'
    for power in range(low, high + 1):
        at = y(10**power)
        yield f'<path d="M0 {at}H{_WIDTH}" stroke="#DFE2E7"/><text x="-8" y="{at + 4}" text-anchor="end">{_milli(power)}</text>'
    for events in sizes:
        yield f'<text x="{x(events)}" y="{_HEIGHT + 18}" text-anchor="middle">{_events(events)}</text>'
    labels: dict[int, float] = {}
    for name, points in sorted(drawn.items(), key=lambda each: each[1][-1][1]):
        line = _LINES[name]
        path = " ".join(f"{x(events)},{y(milli)}" for events, milli in points)
        yield f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2" stroke-dasharray="{line.dashes}"/>'
        for events, milli in points:
            yield f'<g transform="translate({x(events)} {y(milli)})" fill="{line.colour}">{line.mark}</g>'
        end, milli = points[-1]
        labels[end] = min(y(milli) + 4, labels.get(end, _HEIGHT + 18) - 14)
        yield f'<text x="{x(end) + 10}" y="{labels[end]}" fill="{line.colour}" {_HALO}>{line.title}</text>'


def _points(results: Sequence[Result], name: str, key: str) -> list[tuple[int, float]]:
    answers = [(result["events"], result["subjects"].get(name, {}).get("answers", {}).get(key, {}).get("seconds")) for result in results]
    return [(events, seconds * 1000) for events, seconds in answers if seconds]


def _milli(power: int) -> str:
    return f"{10.0**power:g} ms" if power < 3 else f"{10 ** (power - 3):,} s"


def _events(events: int) -> str:
    return f"{events // 1_000_000}M" if events >= 1_000_000 else f"{events // 1_000}K"
