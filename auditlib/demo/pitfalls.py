"""The traps of a demo history: what real logs do to their readers, each at least once.

Faults of a session's record (`sessions.FLAWS`) are forced on the next sessions; every other trap is
a row or a few of its own, spread over the history. They are planted from 2,000 events upward.

    missing_leave, missing_join       half of a participant's stay is not in the record
    recording_ends_after_room         its end is reported after `room_finished`
    recording_never_ends              started, and neither completed nor failed
    swapped_order                     a reconnect whose join is reported before the leave
    ties                              64 messages at one microsecond
    duplicate_in_file, duplicate_across_snapshots            the same row twice
    same_id_other_metadata            one event id with two contents, in two snapshots
    same_native_id_two_bodies         one native id with two contents, under two event ids
    no_time, far_future               no usable time; the end of the century
    metadata_…                        huge, broken, odd or not JSON (`METADATA`, and two huge ones)
    name_…                            names that are markup, wildcards or hard to see (`NAMES`)
    unknown_action … ip_is_host_name  a column nobody expects like that (`COLUMNS_AMISS`)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Final

from auditlib.demo.office import look, play
from auditlib.demo.people import candidate, quoted
from auditlib.demo.sessions import FLAWS
from auditlib.demo.world import Process, World
from auditlib.demo.writing import Pair, Row
from auditlib.times import to_micros

FEWEST_EVENTS: Final = 2_000
_TIES: Final = 64
_FIRST, _LAST = 0.12, 0.84

METADATA: Final[Mapping[str, str]] = MappingProxyType(
    {
        "truncated": '{"booking":{"id":"BK00000000","slot":{"start":"2026-09-01T09:00:0',
        "nan": '{"score":NaN,"best":Infinity,"worst":-Infinity}',
        "duplicate_keys": '{"status":"scheduled","status":"cancelled","status":"confirmed"}',
        "deep": "[" * 2_000 + "]" * 2_000,
        "not_json": "booking moved by hand, see ticket <HR-2231>",
        "empty": "",
        "scalar": "42",
        "null": "null",
        "null_byte": r'{"note":"before\u0000after","path":"C:\\temp\\new"}',
        "long_integer": '{"egress_id":12345678901234567890123,"ratio":1.0000000000000000001,"minus":-0,"power":1e2}',
        "trailing_junk": '{"id":"BK00000001"} -- end of record',
        "secret_in_text": '{"request":{"authorization":"Bearer demo.not-a-secret","body":"password=hunter2&user=ann"},"cookie":"sid=0"}',
        "json_in_json": '{"payload":"{\\"status\\":\\"moved\\",\\"slot\\":{\\"start\\":\\"2026-09-01T09:00:00Z\\"}}"}',
        "script_keys": '{"__proto__":{"admin":true},"constructor":"x","":"empty key","<b>":"<img src=x onerror=alert(1)>"}',
    }
)

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "image": "![](http://evil.test/x.png)",
        "html": "<img src=x onerror=alert(1)>",
        "markdown": "**bold** [a](javascript:alert(1))",
        "icon": ":material/lock: :red[urgent]",
        "formula": "$x^2$",
        "spreadsheet": '=HYPERLINK("http://evil.test","open")',
        "right_to_left": "Ann \u202egnp.exe",
        "zero_width": "A\u200bn\u200dn\ufeff Lee",
        "long": "Wolfeschlegelsteinhausenbergerdorff " * 27 + "Maximilian Sr. von und zu at",
        "quote": "Robert'); DROP TABLE events;--",
        "percent": "100% Sure",
        "underscore": "ann_lee",
        "backslash": "C:\\Users\\ann",
        "entity": "Tom &amp; Jerry &lt;b&gt;",
        "combining": "Z\u0351\u036b\u0343a\u0302\u0303lgo",
    }
)

COLUMNS_AMISS: Final[Mapping[str, Mapping[str, str | None]]] = MappingProxyType(
    {
        "unknown_action": {"action": "booking.reminder_bounced", "action_raw": "booking.reminder_bounced", "summary": "Mailbox full",
                           "resource_type": "interview_booking", "resource_id": "BK00000002"},
        "unknown_type": {"resource_type": "kiosk_device", "resource_id": "kiosk/lobby:2", "resource_name": "Lobby kiosk",
                         "action": "updated"},
        "missing_actor": {"actor_id": None, "actor_name": None, "actor_email": None, "actor_role": None, "ip": None, "user_agent": None},
        "missing_resource_id": {"resource_id": None, "resource_name": None, "summary": "All reports listed"},
        "missing_summary": {"summary": None},
        "empty_changes": {"action": "updated", "changes": "[]"},
        "one_sided_changes": {"action": "updated",
                              "changes": '[{"field":"phone","after":"+49 30 5550100"},{"field":"title","before":"Dr."},{"field":"team"}]'},
        "changes_not_json": {"action": "updated", "changes": "status: open -> closed"},
        "related_not_json": {"related": "booking=BK00000003"},
        "ip_is_host_name": {"ip": "vpn-gateway.northwind.example.test"},
        "long_resource_id": {"resource_id": "arn:aws:s3:::northwind-recordings/" + "2026/09/01/" * 20 + "RC.mp4"},
    }
)  # fmt: skip

_SIZES: Final = (("huge", 300 * 1024), ("2_mb", 2 * 1024 * 1024))
_WRONG_CLOCK: Final[Mapping[str, str | int | None]] = {
    "occurred_at": to_micros(datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    "action": "viewed",
    "action_raw": "report.viewed",
    "resource_type": "report",
    "resource_id": "RPWEEKLY",
    "resource_name": "Weekly report",
    "changes": None,
    "summary": "Opened on a laptop whose clock is wrong",
}


def plant(world: World, boundaries: Sequence[int]) -> Process:
    """Plant every trap; `boundaries` are the instants between snapshots."""
    clock = world.clock
    yield clock.at(_FIRST / 2)
    world.flaws.extend(FLAWS)
    steps = _single(world)
    twins: list[tuple[str, Row]] = []
    for number, step in enumerate(steps):
        yield clock.at(_FIRST + (_LAST - _FIRST) * number / len(steps))
        step()
        if not twins:
            twins = _twins(world)
            later = next(boundary for boundary in boundaries if boundary > world.now)
        elif later and world.now >= later:
            later = 0
            _repeat(world, twins)


def _single(world: World) -> list[Callable[[], None]]:
    steps: list[Callable[[], None]] = [partial(_amiss, world, name, columns) for name, columns in COLUMNS_AMISS.items()]
    steps += [partial(_amiss, world, f"metadata_{name}", {"metadata": text}) for name, text in METADATA.items()]
    steps += [partial(_amiss, world, f"metadata_{name}", {"metadata": _huge(size)}) for name, size in _SIZES]
    steps += [partial(_amiss, world, "no_time", {"occurred_at": None})] * 4
    steps += [partial(_amiss, world, "far_future", _WRONG_CLOCK)]
    steps += [partial(_named, world, name, text) for name, text in NAMES.items()]
    steps += [partial(_tied, world), partial(_two_bodies, world), partial(_doubled, world)]
    return steps


def _huge(size: int) -> str:
    line = '{"word":"interviewer","from":1.25,"to":1.75,"confidence":0.97}'
    return f'{{"transcript":[{",".join([line] * (size // len(line)))}],"note":"{"." * 256}"}}'


def _ordinary(world: World) -> None:
    who = world.organisation.someone(world.now)
    if world.recent and world.chance.often(0.5):
        play(world, who)
    else:
        look(world, who)


def _amiss(world: World, name: str, columns: Mapping[str, str | int | None]) -> None:
    _ordinary(world)
    world.trap(name, world.writer.amend(**columns))


def _named(world: World, name: str, text: str) -> None:
    chance = world.chance
    person = candidate(chance)
    person.become(text, person.email, "candidate")
    interviewer = chance.pick(world.organisation.by_role["interviewer"])
    booking = chance.short_id("BK")
    world.trap(
        f"name_{name}",
        world.writer.platform(
            world.now, person, "created", "interview_booking", booking, f"Open day, {text}", f"{text} booked an open day visit",
            f'"booking":{{"id":"{booking}","status":"scheduled","candidate":{person.facts},"note":{quoted(text)}}}',
            related=f'{{"booking":"{booking}","candidate":"{person.id}"}}',
            pair=Pair(interviewer.id, interviewer.name, person.id, text),
        ),
    )  # fmt: skip


def _tied(world: World) -> None:
    manager = world.chance.pick(world.organisation.by_role["campaign_manager"])
    for number in range(_TIES):
        ident = world.chance.short_id("MS")
        body = f'"message":{{"id":"{ident}","template":"open_day","bulk":{{"position":{number + 1},"of":{_TIES}}}}}'
        summary = f"Open day letter {number + 1} of {_TIES}"
        world.trap("ties", world.writer.platform(world.now, manager, "sent", "message", ident, "open_day", summary, body))


def _two_bodies(world: World) -> None:
    native, session = world.chance.token("EV_"), world.chance.short_id("VS")
    for delivery in ("first", "second"):
        look(world, world.organisation.someone(world.now))
        body = f'{{"event":"participant_left","id":"{native}","delivery":"{delivery}"}}'
        event_id = world.writer.amend(source="livekit", source_event_id=native, action="participant_left", action_raw="participant_left",
                                      resource_type="video_session", resource_id=session, resource_name=None,
                                      summary=f"Left, {delivery} delivery", metadata=body)  # fmt: skip
        world.trap("same_native_id_two_bodies", event_id)


def _doubled(world: World) -> None:
    _ordinary(world)
    row = world.writer.rows[-1]
    world.trap("duplicate_in_file", world.writer.add(row))


def _twins(world: World) -> list[tuple[str, Row]]:
    twins = []
    for name in ("duplicate_across_snapshots", "same_id_other_metadata"):
        _ordinary(world)
        world.trap(name, str(world.writer.rows[-1][0]))
        twins.append((name, world.writer.rows[-1]))
    return twins


def _repeat(world: World, twins: Sequence[tuple[str, Row]]) -> None:
    for name, row in twins:
        world.writer.add(row)
        if name == "same_id_other_metadata":
            world.writer.amend(metadata='{"rewritten":true,"note":"delivered again with another body"}')
