"""A small store of events that are odd in every column a filter looks at."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from events import batch, event

from auditlib.store import publish

TIMES = (
    None,
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 30, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
NAMES = (
    None,
    "",
    "Ann_Lee",
    "100% Sure",
    'O\'Brien "Bob"',
    "İpek ΣΑΣ",
    "Zoe\u0308",
    "Zoë",
    "back\\slash",
    "\u202egnp",
    "李 小龍",
    "a\x00b",
)
ADDRESSES = (
    None,
    "",
    "10.0.0.1",
    "10.0.0.200",
    "::ffff:10.0.0.7",
    "2001:db8::1",
    "2001:DB8:0::1",
    "fe80::1%eth0",
    "vpn.example.test",
    "10.0.0.1:80",
    "010.0.0.1",
)
CHANGES = (
    None,
    "",
    "[]",
    "{}",
    "status",
    '[{"field":"status","before":1}]',
    '[{"field":"status"},{"field":"a b"},{"field":7},3,null]',
    '[{"field":"it\'s"}]',
    '[{"nofield":1}]',
    '[{"field":"tab\\tname"}]',
    "[" * 500 + "]" * 500,
)
RELATED = (
    None,
    "",
    "{}",
    "[]",
    "booking=BK1",
    '{"booking":"BK1"}',
    '{"booking":"BK1","campaign":12}',
    '{"booking":"","x":null,"y":true,"z":1.5}',
    '{"booking":"a:b%_\'"}',
    '{"session":{"id":"BK1"}}',
    '{"room":-5}',
)
ACTORS: tuple[dict[str, Any], ...] = (
    {"actor_id": None, "actor_role": None},
    {"actor_id": "", "actor_role": "member"},
    {"actor_id": "p-1", "actor_role": "campaign_manager"},
    {"actor_id": "!p-1", "actor_role": "admin"},
    {"actor_id": "p 2&x=1#y", "actor_role": "candidate"},
    {"actor_id": "ΠΣ%", "actor_role": "odd role"},
)
RESOURCES: tuple[dict[str, Any], ...] = (
    {"resource_type": "interview_booking", "resource_id": "BK1"},
    {"resource_type": "recording", "resource_id": None},
    {"resource_type": "evaluation", "resource_id": "a:b%_'"},
    {"resource_type": "kiosk_device.x-1", "resource_id": ""},
    {"resource_type": "setting", "resource_id": "Ünï_code%"},
)
ACTIONS = ("updated", "created", "booking.reminder_bounced", "viewed", "Odd Action!")
OUTCOMES = (None, "success", "failure", "denied", "meh")


def odd_events() -> list[dict[str, Any]]:
    """About a hundred events: each column's values meet those of the others, and four share each instant."""
    made = []
    for number, _ in enumerate(product(range(11), range(9))):
        made.append(
            event(
                number,
                occurred_at=TIMES[number // 4 % len(TIMES)],
                actor_name=NAMES[number % len(NAMES)],
                ip=ADDRESSES[number % len(ADDRESSES)],
                changes=CHANGES[number * 7 % len(CHANGES)],
                related=RELATED[number * 3 % len(RELATED)],
                action=ACTIONS[number % len(ACTIONS)],
                outcome=OUTCOMES[number // 2 % len(OUTCOMES)],
                interviewer_id=("U1", None, "U'2")[number % 3],
                candidate_id=(None, "C1", "C%", "")[number % 4],
                recorded_at=TIMES[number % len(TIMES)],
                **ACTORS[number * 5 % len(ACTORS)],
                **RESOURCES[number // 3 % len(RESOURCES)],
            )
        )
    return made


def publish_odd(store: Path) -> Path:
    """Publishes them in two snapshots, with repeats, rewritten bodies and native ids claimed twice in the second."""
    made = odd_events()
    publish(store, [batch(made)], name="odd", log_id="odd")
    again = [made[0], made[1] | {"metadata": '{"other":1}'}, made[1] | {"metadata": '{"other":2}'}, made[1]]
    native = [event(200 + number, source_event_id="n-1", tenant=None, metadata=f"{{{number}}}") for number in range(2)]
    same = [event(210 + number, source_event_id="n-2", metadata="{}") for number in range(2)]
    other = [event(220 + number, source_event_id="n-3", tenant=f"t{number}", metadata=f"{{{number}}}") for number in range(2)]
    publish(store, [batch(again + native + same + other)], name="again")
    return store
