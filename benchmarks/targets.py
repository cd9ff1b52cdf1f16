"""The targets: what each asks, what a run found, and by how much it is met or missed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

TEN_MILLION: Final = 10_000_000
_ANY: Final = 0

Result = Mapping[str, Any]
"""What one run wrote; see `benchmarks.__main__`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One target in one run. `found` and `limit` are in `unit`; `at` is the size it is set for, 0 for all sizes."""

    what: str
    limit: float
    unit: str
    found: float | None
    more: bool = False
    at: int = _ANY

    @property
    def target(self) -> str:
        """The target as the table says it."""
        return f"{'≥' if self.more else '≤'} {_shown(self.limit, self.unit)}"

    def verdict(self, events: int) -> str:
        """What was found, whether that meets the target, and how much is to spare or missing."""
        if self.found is None:
            return "–"
        shown = _shown(self.found, self.unit)
        if self.at not in (_ANY, events):
            return shown
        if self.found == 0 or self.limit == 0:
            return f"{shown}, {'met' if self.found <= self.limit else 'not met'}"
        factor = self.found / self.limit if self.more else self.limit / self.found
        return f"{shown}, met ({factor:.1f}×)" if factor >= 1 else f"**{shown}, not met** ({1 / factor:.1f}× off)"


def checks(result: Result) -> list[Check]:
    """Every target, in the order of the plan, with what the run found."""
    return list(_checks(result))


def _checks(result: Result) -> Iterator[Check]:
    ours = _Figures(result, "embedded")
    slices = ours.group("slice")
    first = ours.of("first")
    yield Check("any unfiltered page against the first", 1.5, "×", max(slices) / first if slices and first else None)
    yield Check("any unfiltered page", 5, "ms", _milli(slices))
    for name, factor in {"postgres": 500, "naive": 100, "parquet": 200}.items():
        yield _against(result, "the deep page", "deep", name, factor)
    yield Check("facets and histograms without search", 15, "ms", _milli(ours.group("counts")), at=TEN_MILLION)
    ratios = [ratio for question in _keys(result, "counts") if (ratio := _ratio(result, question, "postgres"))]
    yield Check("… the closest against PostgreSQL", 30, "×", min(ratios, default=None), more=True, at=TEN_MILLION)
    yield Check("facets and histograms with search, ip, changed, person", 100, "ms", _milli(ours.group("filtered")), at=TEN_MILLION)
    yield _against(result, "search of a common word", "common", "postgres", 20)
    yield _against(result, "search of a part of a name", "name", "postgres", 8)
    for key, title in {"rare": "search of a rare fragment", "none": "search without a match"}.items():
        floor = result.get("floor", {}).get(key)
        asked = ours.of(key)
        yield Check(f"{title}, against one thread of memmem", 3, "×", asked / floor if asked and floor else None, at=TEN_MILLION)
    for name, factor in {"postgres": 3, "naive": 2}.items():
        yield _against(result, "filters and search, page 20", "filters", name, factor)
    yield Check("any key lookup", 10, "ms", _milli(ours.group("key")))
    build, opening, grown = (result.get(part) for part in ("build", "opening", "grown"))
    mine = build["embedded"] if build else None
    rate = result["events"] / mine["load_seconds"] if mine else None
    yield Check("load with verification", 250_000, "events/s", rate, more=True, at=TEN_MILLION)
    yield Check("… peak memory", 3072, "MiB", mine["memory"] / 2**20 if mine else None, at=TEN_MILLION)
    yield Check("opening what is built", 100, "ms", opening["seconds"] * 1000 if opening else None)
    yield Check("… resident memory of the process", 150, "MiB", opening["memory"] / 2**20 if opening else None)
    share = grown["seconds"] / mine["load_seconds"] * 100 if grown and mine else None
    yield Check("1 % more published and opened, of the full build", 10, "%", share, at=TEN_MILLION)
    browser = result.get("browser") or {}
    turn, crowd = browser.get("turns", {}).get("50 rows"), browser.get("crowd")
    yield Check("page turn in the browser, 50 rows", 300, "ms", turn["median"] * 1000 if turn else None)
    yield Check("… of which the server", 50, "ms", turn["server"] * 1000 if turn else None)
    yield Check("… beside 20 readers", 1000, "ms", crowd["browser"]["median"] * 1000 if crowd else None)
    yield Check("start of the app to the first rows", 5, "s", browser.get("start"))
    yield Check("import of auditlib", 0.5, "s", result.get("import_seconds"))
    yield Check("answers that differ", 0, "", len(result["differences"]))


@dataclass(frozen=True, slots=True)
class _Figures:
    """The seconds of one who answered."""

    result: Result
    name: str

    def of(self, key: str) -> float | None:
        answers = self.result["subjects"].get(self.name, {}).get("answers", {})
        seconds: float | None = answers.get(key, {}).get("seconds")
        return seconds

    def group(self, group: str) -> list[float]:
        return [seconds for key in _keys(self.result, group) if (seconds := self.of(key))]


def _keys(result: Result, group: str) -> Iterable[str]:
    return [question["key"] for question in result["questions"] if question["group"] == group]


def _ratio(result: Result, key: str, name: str) -> float | None:
    theirs, mine = _Figures(result, name).of(key), _Figures(result, "embedded").of(key)
    return theirs / mine if theirs and mine else None


def _against(result: Result, what: str, key: str, name: str, factor: float) -> Check:
    title = {"postgres": "PostgreSQL", "naive": "naive DuckDB", "parquet": "raw Parquet"}[name]
    return Check(f"{what}, faster than {title}", factor, "×", _ratio(result, key, name), more=True, at=TEN_MILLION)


def _milli(seconds: list[float]) -> float | None:
    return max(seconds) * 1000 if seconds else None


def _shown(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit == '×' else ' '}{unit}".strip()
