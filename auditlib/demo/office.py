"""Everyday life in the offices: sign-ins, what people look at and take out, settings, keys, roles, and night jobs."""

from __future__ import annotations

from typing import Final

from auditlib.demo.calendar import DAY, HOUR, MINUTE, SECOND
from auditlib.demo.organisation import home
from auditlib.demo.people import Person, colleague, quoted
from auditlib.demo.world import Process, World
from auditlib.demo.writing import SYSTEM, change

EVENTS_PER_VISIT: Final = 5.4
"""Events of an average visit, measured; the plan of a history counts on it."""

_REPORTS: Final = ("Pipeline by stage", "Time to hire", "Interviewer load", "Source quality", "No-show rate", "Offer acceptance")
_SETTINGS: Final[dict[str, tuple[str, ...]]] = {
    "recording_retention_days": ("90", "180", "365"),
    "no_show_after_minutes": ("10", "15", "20"),
    "require_two_factor": ("false", "true"),
    "default_interview_minutes": ("45", "60"),
    "candidate_data_region": ('"eu"', '"us"', '"br"'),
}
_NIGHT_JOBS: Final = (
    ("exported", "report", "Nightly copy to the warehouse, {} rows"),
    ("updated", "workflow", "Reminder workflow ran, {} due"),
    ("deleted", "candidate", "Expired profiles removed by retention, {} profiles"),
)


def visit(world: World, at: int) -> Process:
    """A team member signs in, does a few things and signs out."""
    chance = world.chance
    yield at
    who = world.organisation.someone(at)
    secret = (
        f'"session":{{"id":"ses_{chance.bits(64):016x}","method":"sso","idp":"northwind-idp","mfa":true,'
        f'"session_token":"{chance.bits(128):032x}"}}'
    )
    session = chance.short_id("SE")
    if chance.often(0.07):
        _session(world, who, "sign_in_failed", session, "Wrong one-time code", secret, "failure")
        yield (at := at + 20 * SECOND)
    _session(world, who, "signed_in", session, f"Signed in from {home(who).city}", secret)
    for _ in range(chance.between(1, 6)):
        yield (at := at + int(20 * SECOND + chance.random() * 12 * MINUTE))
        _something(world, who)
    if chance.often(0.6):
        yield at + int(chance.random() * 2 * HOUR)
        _session(world, who, "signed_out", session, "Signed out", secret)


def nights(world: World, share: float) -> Process:
    """System jobs at night, on that share of nights."""
    chance = world.chance
    night = world.clock.start // DAY * DAY + 26 * HOUR
    while True:
        yield night
        if chance.often(share):
            for action, kind, told in _NIGHT_JOBS:
                count = chance.between(3, 4000)
                ident = chance.short_id("JB")
                body = f'"job":{{"id":"{ident}","name":"{kind}-{action}","rows":{count},"attempt":1,"worker":"batch-1"}}'
                world.writer.platform(world.now, SYSTEM, action, kind, ident, "Night job", told.format(count), body)
                night += chance.between(40, 900) * SECOND
                yield night
        night = night // DAY * DAY + DAY + 2 * HOUR + int(chance.random() * HOUR)


def changes_of_life(world: World) -> Process:
    """In mid history one person changes name, one role, one address, and someone new is invited."""
    chance, clock, organisation = world.chance, world.clock, world.organisation
    members = organisation.by_role["member"]
    married, promoted, moved = members[0], members[1], organisation.by_role["interviewer"][2]
    admin = organisation.by_role["admin"][0]
    yield clock.at(0.4)
    before, after = married.name, f"{married.name.split(' ')[0]} Lindqvist-Şahin"
    look(world, married)
    _member(world, admin, "updated", married, f"Name {before} → {after}", change("name", quoted(before), quoted(after)))
    married.become(after, married.email, married.role)
    yield world.now + 5 * MINUTE
    look(world, married)
    yield clock.at(0.5)
    look(world, promoted)
    _member(world, admin, "granted", promoted, "Role member → campaign_manager", change("role", '"member"', '"campaign_manager"'))
    promoted.become(promoted.name, promoted.email, "campaign_manager")
    organisation.by_role["campaign_manager"].append(promoted)
    yield world.now + 5 * MINUTE
    look(world, promoted)
    yield clock.at(0.6)
    before, after = moved.email, f"new.{moved.email}"
    _member(world, moved, "updated", moved, f"E-mail {before} → {after}", change("email", quoted(before), quoted(after)))
    moved.become(moved.name, after, moved.role)
    yield world.now + 5 * MINUTE
    look(world, moved)
    yield clock.at(0.65)
    newcomer = colleague(chance, home(admin), "member")
    _member(world, admin, "invited", newcomer, f"{newcomer.name} invited as member", change("role", None, '"member"'))
    yield clock.at(0.68)
    organisation.team.append(newcomer)
    members.append(newcomer)
    _session(world, newcomer, "signed_in", chance.short_id("SE"), "First sign-in", '"session":{"method":"invitation"}')


def look(world: World, who: Person, outcome: str = "success") -> str:
    """Someone opens a report; returns the event id."""
    chance = world.chance
    name = chance.pick(_REPORTS)
    ident = f"RP{_REPORTS.index(name) + 1:04d}"
    rows = chance.between(1, 900)
    body = f'"report":{{"id":"{ident}","name":"{name}","filters":{{"from":"-30d","group_by":"stage"}},"rows":{rows},"cached":false}}'
    summary = f"{name}, last 30 days" if outcome == "success" else "Not allowed"
    return world.writer.platform(world.now, who, "viewed", "report", ident, name, summary, body, outcome=outcome)


def _something(world: World, who: Person) -> None:
    chance = world.chance
    dice = chance.random()
    if world.recent and dice < 0.3:
        play(world, who)
    elif who.role in ("owner", "admin") and dice < 0.75:
        _administer(world, who)
    elif dice < 0.68:
        look(world, who, "denied" if who.role in ("member", "interviewer") and chance.often(0.08) else "success")
    elif dice < 0.74 and who.role != "interviewer":
        ident, rows = chance.short_id("XP"), chance.between(10, 5000)
        token = f"{chance.bits(128):032x}"
        body = f'"export":{{"id":"{ident}","format":"csv","rows":{rows},"columns":["name","stage","source"],"download_token":"{token}"}}'
        world.writer.platform(world.now, who, "exported", "report", ident, "Candidates", f"{rows} rows as CSV", body)
    elif world.organisation.recent_candidates:
        person = chance.pick(world.organisation.recent_candidates)
        body = f'"candidate":{person.facts},"view":{{"tab":"profile","from":"search","query_length":{chance.between(2, 14)}}}'
        world.writer.platform(world.now, who, "viewed", "candidate", person.id, person.name, "Profile opened", body,
                              related=f'{{"candidate":"{person.id}"}}')  # fmt: skip
    else:
        look(world, who)


def play(world: World, who: Person) -> str:
    """Someone plays the recording of a recent interview; returns the event id."""
    this = world.chance.pick(world.recent)
    seconds = world.chance.between(20, 2400)
    played = f'"recording":{{"id":"{this.recording}","booking":"{this.booking}","played_seconds":{seconds},"speed":1.25}}'
    return world.writer.platform(
        world.now, who, "viewed", "recording", this.recording, this.label, f"Played {max(1, seconds // 60)} min",
        f'{played},"candidate":{this.candidate.facts}',
        related=f'{{{this.related},"session":"{this.session}","recording":"{this.recording}"}}', pair=this.pair,
    )  # fmt: skip


def _administer(world: World, who: Person) -> None:
    chance = world.chance
    kind = chance.random()
    if kind < 0.4:
        field = chance.pick(tuple(_SETTINGS))
        before = world.settings.get(field, _SETTINGS[field][0])
        after = chance.pick([value for value in _SETTINGS[field] if value != before])
        world.settings[field] = after
        body = f'"setting":{{"key":"{field}","value":{after},"scope":"organisation","confirmed_with_password":true}}'
        world.writer.platform(world.now, who, "updated", "setting", field, field.replace("_", " "), f"{before} → {after}", body,
                              changes=change("value", before, after))  # fmt: skip
    elif kind < 0.7:
        other = chance.pick(world.organisation.by_role["interviewer"])
        action = "revoked" if other.id in world.reviewers else "granted"
        before, after = ("true", "false") if action == "revoked" else ("false", "true")
        world.reviewers ^= {other.id}
        _member(world, who, action, other, f"Recording review {action}", change("can_review_recordings", before, after))
    elif world.keys and chance.often(0.45):
        key = world.keys.pop()
        body = f'"api_key":{{"id":"{key}","active":false}}'
        world.writer.platform(world.now, who, "revoked", "api_key", key, "Integration key", "Key revoked", body,
                              changes=change("active", "true", "false"))  # fmt: skip
    else:
        key = chance.short_id("KY")
        world.keys.append(key)
        secret = f"nwk_{chance.bits(160):040x}"
        body = f'"api_key":{{"id":"{key}","scopes":["bookings:read","events:read"],"secret":"{secret}","expires_in_days":90}}'
        world.writer.platform(world.now, who, "created", "api_key", key, "Integration key", "Key for bookings:read, events:read", body,
                              changes=change("active", None, "true"))  # fmt: skip


def _member(world: World, who: Person, action: str, other: Person, summary: str, changes: str) -> None:
    groups = f'"groups":["hiring","{other.role}s"],"directory":{{"synced":true,"source":"scim"}}'
    body = f'"member":{other.facts},"office":"{home(other).city}",{groups}'
    world.writer.platform(world.now, who, action, "team_member", other.id, other.name, summary, body, changes=changes)


def _session(world: World, who: Person, action: str, ident: str, summary: str, body: str, outcome: str = "success") -> None:
    world.writer.platform(world.now, who, action, "session", ident, None, summary, body, outcome=outcome)
