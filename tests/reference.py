"""A reference engine of plain Python: reads the snapshot files and applies the contract event by event.

It shares no line with the engines it is compared to: only the predicates' classes, the fold of texts and
the labels of the vocabulary.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from auditlib import vocabulary
from auditlib.event import changes_of, related_ids
from auditlib.text import fold
from auditlib.times import to_micros
from auditlib.view import View
from auditlib.view.predicates import And, AnyOf, Between, Contains, InNetwork, Not, Or, Predicate, Touches

Event = dict[str, Any]

_folded, _changes, _related = cache(fold), cache(changes_of), cache(related_ids)


class Reference:
    """The events of a store as the contract, section 3, says they are served, newest first."""

    def __init__(self, store: Path) -> None:
        self.duplicates = 0
        self.events = sorted(self._served(_recorded(store)), key=_newest_first, reverse=True)
        self.by_id = {event["event_id"]: event for event in self.events}

    def _served(self, recorded: list[Event]) -> list[Event]:
        served: list[Event] = []
        first_digest: dict[str, str] = {}
        digests: defaultdict[str, set[str]] = defaultdict(set)
        natives: defaultdict[tuple[Any, ...], set[str]] = defaultdict(set)
        for event in recorded:
            ident, digest = event["event_id"], hashlib.sha256(event["metadata"].encode()).hexdigest()
            if digest in digests[ident]:
                self.duplicates += 1
                continue
            digests[ident].add(digest)
            native = (event["source"], event["tenant"], event["source_event_id"]) if event["source_event_id"] is not None else ()
            natives[native].add(digest)
            first = first_digest.setdefault(ident, digest)
            served.append({**event, "original": ident, "native": native})
            if digest != first:
                served[-1]["event_id"] = f"{ident}~{digest[:12]}"
        for event in served:
            event["conflicts"] = len(digests[event.pop("original")]) > 1 or (event["native"] != () and len(natives[event["native"]]) > 1)
            del event["native"]
        return served

    def matches(self, view: View) -> list[Event]:
        """Every match in the view's order."""
        predicate = view.predicate()
        return self.ordered([event for event in self.events if holds(predicate, event)], view.order)

    @staticmethod
    def ordered(events: list[Event], order: str) -> list[Event]:
        """Events given newest first, in an order; unknown times stay behind the known ones."""
        if order == "newest":
            return events
        known = [event for event in events if event["occurred_at"] is not None]
        return known[::-1] + events[len(known) :][::-1]

    def without_time(self, view: View) -> int:
        """How many events only the range leaves out, because they have no time."""
        if view.span() is None:
            return 0
        anytime = view.predicate(ignoring=("from",))
        return sum(event["occurred_at"] is None and holds(anytime, event) for event in self.events)

    def facet(self, view: View, column: str, filters: tuple[str, ...]) -> Counter[str | None]:
        """How often each value of a column occurs among the matches, the filters on it left out."""
        predicate = view.predicate(ignoring=filters)
        return Counter(event[column] for event in self.events if holds(predicate, event))

    def histogram(self, view: View, minutes: int) -> dict[int, int]:
        """Matches with a known time by the first microsecond of their bucket."""
        width = minutes * 60_000_000
        times = (to_micros(event["occurred_at"]) for event in self.matches(view) if event["occurred_at"] is not None)
        return dict(sorted(Counter(at // width * width for at in times).items()))


def holds(predicate: Predicate, event: Event) -> bool:
    """Whether an event meets a predicate."""
    match predicate:
        case AnyOf(column, values):
            return event[column] in values
        case Contains("resource_type", needle):
            return needle in _folded(event["resource_type"]) or needle in _folded(vocabulary.resource_label(event["resource_type"]))
        case Contains(column, needle):
            return event[column] is not None and needle in _folded(event[column])
        case Between(start, end):
            return event["occurred_at"] is not None and start <= to_micros(event["occurred_at"]) < end
        case InNetwork(values):
            return event["ip"] is not None and any(_is_inside(event["ip"], value) for value in values)
        case Touches("changes", values):
            return any(change["field"] in values for change in _changes(event["changes"]))
        case Touches(_, values):
            return any(f"{kind}:{ident}" in values for kind, ident in _related(event["related"]).items())
        case And(parts):
            return all(holds(part, event) for part in parts)
        case Or(parts):
            return any(holds(part, event) for part in parts)
        case Not(part):
            return not holds(part, event)


def _is_inside(recorded: str, wanted: str) -> bool:
    if recorded == wanted:
        return True
    try:
        address, network = ipaddress.ip_address(recorded), ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        network = ipaddress.ip_network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return address.version == network.version and address in network


def _recorded(store: Path) -> list[Event]:
    """Every row, in the order of publishing."""
    rows: list[Event] = []
    for path in sorted((store / "manifests").glob("*.json")):
        manifest = json.loads(path.read_bytes())
        for entry in manifest["files"]:
            rows += [{**row, "snapshot": manifest["seq"]} for row in pq.read_table(store / "data" / entry["path"]).to_pylist()]
    return rows


def _newest_first(event: Event) -> tuple[bool, Any, str]:
    at = event["occurred_at"]
    return at is not None, to_micros(at) if at is not None else 0, event["event_id"]
