"""The pen: rows of events in the order of the schema, with the metadata a platform would have recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import pyarrow as pa

from auditlib.demo.calendar import HOUR, SECOND, iso_day
from auditlib.demo.chance import Chance
from auditlib.demo.people import Person
from auditlib.schema import COLUMNS, SCHEMA

Row: TypeAlias = tuple[str | int | None, ...]

SYSTEM: Final = Person("system", "System", "", "system")
TENANT: Final = "northwind"


class Pair(NamedTuple):
    """The people of an interview: interviewer's id and name, candidate's id and name."""

    interviewer_id: str | None = None
    interviewer_name: str | None = None
    candidate_id: str | None = None
    candidate_name: str | None = None


NOBODY: Final = Pair()

_METHODS: Final = {
    "created": "POST",
    "updated": "PATCH",
    "status_changed": "PATCH",
    "viewed": "GET",
    "deleted": "DELETE",
    "revoked": "DELETE",
}
_PLACES: Final = {
    "interview_booking": ("bookings", "scheduling"),
    "evaluation": ("evaluations", "evaluations"),
    "recording": ("recordings", "media"),
    "application": ("applications", "pipeline"),
    "candidate": ("candidates", "pipeline"),
    "campaign": ("campaigns", "pipeline"),
    "message": ("messages", "messaging"),
    "workflow": ("workflows", "automation"),
    "report": ("reports", "insights"),
    "team_member": ("team", "identity"),
    "session": ("sessions", "identity"),
    "setting": ("settings", "admin"),
    "api_key": ("api-keys", "admin"),
}
_FLAGS: Final = (
    '{"panel_scheduling":true,"ai_notes":false,"new_pipeline":true,"recording_v3":true,"eu_storage":true}',
    '{"panel_scheduling":true,"ai_notes":true,"new_pipeline":true,"recording_v3":true,"eu_storage":true}',
    '{"panel_scheduling":false,"ai_notes":false,"new_pipeline":true,"recording_v3":false,"eu_storage":true}',
    '{"panel_scheduling":false,"ai_notes":false,"new_pipeline":false,"recording_v3":false,"eu_storage":false}',
)
_REGIONS: Final = ("eu-central-1", "eu-west-1", "us-east-1", "ap-northeast-1")


class Writer:
    """Collects rows; `rows` is emptied by whoever makes batches of them, `written` counts all of them."""

    __slots__ = ("_chance", "_delivered", "_delivery", "rows", "written")

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self.rows: list[Row] = []
        self.written = 0
        self._delivery, self._delivered = "", 0

    def add(self, row: Row) -> str:
        """Write a row as it is; returns its event id."""
        self.rows.append(row)
        self.written += 1
        return str(row[0])

    def amend(self, **columns: str | int | None) -> str:
        """Change columns of the row written last; returns its event id."""
        row = dict(zip(COLUMNS, self.rows.pop(), strict=True)) | columns
        self.rows.append(tuple(row.values()))
        return str(row["event_id"])

    def platform(
        self,
        at: int,
        actor: Person,
        action: str,
        kind: str,
        ident: str,
        name: str | None,
        summary: str,
        body: str,
        *,
        changes: str | None = None,
        related: str | None = None,
        pair: Pair = NOBODY,
        outcome: str = "success",
    ) -> str:
        """Write what the platform itself recorded; `body` is the inside of a JSON object. Returns the event id."""
        chance = self._chance
        random, bits = chance.random, chance.bits
        collection, service = _PLACES[kind]
        status = 200 if outcome == "success" else 403 if outcome == "denied" else 401
        trace = f"{bits(192):048x}"
        client = f'"ip":"{actor.ip}","user_agent":"{actor.agent}","country":"{actor.home}"' if actor.ip else '"job":"scheduler"'
        metadata = (
            f'{{"api_version":"2026-04","request":{{"id":"req_{trace[:20]}","method":"{_METHODS.get(action, "POST")}",'
            f'"path":"/v2/{collection}/{ident}","status":{status},"duration_ms":{11 + int(random() * random() * 900)},{client}}},'
            f'"actor":{actor.facts},{body},"feature_flags":{_FLAGS[int(random() * 4)]},'
            f'"trace":{{"trace_id":"{trace[16:]}","span_id":"{trace[:16]}","service":"{service}","region":"{_REGIONS[int(random() * 4)]}",'
            f'"host":"{service}-{trace[20:25]}"}}}}'
        )
        delay = 40_000 + int(random() * 900_000)
        if delay > 937_000:
            delay += int(random() * 4 * HOUR)
        return self.add((
            chance.event_id(at, self.written), at, at + delay, "platform", None, TENANT,
            actor.id, actor.name, actor.email or None, actor.role,
            action, f"{kind}.{action}", outcome,
            kind, ident, name, *pair,
            related, actor.ip, actor.agent, summary, changes, metadata,
            None, None,
        ))  # fmt: skip

    def livekit(
        self,
        at: int,
        actor: Person,
        action: str,
        word: str,
        kind: str,
        ident: str,
        name: str | None,
        summary: str,
        body: str,
        related: str,
        pair: Pair,
        outcome: str = "success",
    ) -> str:
        """Write a webhook of the video server, whose clock has whole seconds. Returns the event id."""
        chance = self._chance
        native = chance.token("EV_")
        second = at // SECOND
        delivery = f"livekit/{iso_day(at)}.ndjson.gz"
        if delivery != self._delivery:
            self._delivery, self._delivered = delivery, 0
        self._delivered += 1
        delay = int(SECOND + chance.random() * 3 * SECOND)
        if delay > 3_990_000:
            delay += int(chance.random() * 5 * HOUR)
        return self.add((
            chance.event_id(at, self.written), second * SECOND, at + delay, "livekit", native, TENANT,
            actor.id, actor.name, actor.email or None, actor.role,
            action, word, outcome,
            kind, ident, name, *pair,
            related, None, None, summary, None,
            f'{{"event":"{word}",{body},"id":"{native}","createdAt":"{second}"}}',
            delivery, self._delivered,
        ))  # fmt: skip


def to_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """The rows as one record batch of the schema; times are microseconds in UTC."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def change(field: str, before: str | None, after: str | None) -> str:
    """`[{"field": …, "before": …, "after": …}]` of JSON texts; a side that is None is absent."""
    return f"[{change_item(field, before, after)}]"


def change_item(field: str, before: str | None, after: str | None) -> str:
    """One object of such a list."""
    sides = "" if before is None else f',"before":{before}'
    if after is not None:
        sides += f',"after":{after}'
    return f'{{"field":"{field}"{sides}}}'
