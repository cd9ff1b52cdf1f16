"""Campaigns from draft to closed, and the applications that move through their workflow."""

from __future__ import annotations

from typing import Final

from auditlib.demo.calendar import DAY, END, HOUR, MINUTE, SECOND
from auditlib.demo.interviews import interview
from auditlib.demo.organisation import STAGE_LABELS, STAGES, Campaign, home
from auditlib.demo.people import Person, candidate, quoted
from auditlib.demo.world import Process, World
from auditlib.demo.writing import SYSTEM, Pair, change

_SOURCES: Final = ("careers page", "referral", "job board", "agency", "sourced", "career fair")
_COMMENTS: Final = (
    "Strong CV, let us talk soon.", "Please check the notice period.", "Bon profil, à rappeler.", "Gehaltswunsch über Budget.",
    "Worked with a former colleague of ours.", "Portfolio link is broken, asked for a new one.", "候補者は来月から勤務可能。",
)  # fmt: skip
_LETTERS: Final = {
    "application_received": "Receipt of the application confirmed to",
    "stage_update": "Next step explained to",
    "rejection": "Rejection sent to",
    "offer": "Offer sent to",
    "welcome": "Welcome message sent to",
}


def campaign(world: World, at: int) -> Process:
    """One opening, from its first draft to its end."""
    chance, organisation = world.chance, world.organisation
    yield at
    this = organisation.new_campaign()
    organisation.campaigns.append(this)
    _campaign(world, this, "created", f"{this.title}, {this.seats} seat{'s' if this.seats > 1 else ''}", change("status", None, '"draft"'))
    at += int((2 * MINUTE + chance.random() * HOUR) * world.pace)
    yield at
    _turn(world, this, "open")
    close = at + int((35 + chance.random() * 60) * DAY * world.pace)
    while chance.often(0.6):
        at = home(this.manager).at_work(at + int((1 + chance.random() * 15) * DAY * world.pace), chance)
        if at >= close:
            break
        yield at
        seats, this.seats = this.seats, this.seats + chance.pick((-1, 1, 1, 2)) or 1
        _campaign(world, this, "updated", f"Seats {seats} → {this.seats}", change("seats", str(seats), str(this.seats)))
    yield (close := max(home(this.manager).at_work(close, chance), at + MINUTE))
    if len(organisation.campaigns) < 2:
        world.start(campaign(world, close))
        yield close + 2 * HOUR
    organisation.campaigns.remove(this)
    _turn(world, this, "closed")
    if close < END - 2 * DAY:
        world.start(campaign(world, home(this.manager).at_work(close + int(chance.random() * DAY * world.pace), chance)))


def application(world: World, at: int) -> Process:
    """One candidate's application to one campaign, as far as it goes."""
    chance, organisation, pace = world.chance, world.organisation, world.pace
    yield at
    if not organisation.campaigns:
        return
    offer = chance.pick(organisation.campaigns)
    known = len(organisation.recent_candidates) > 20 and chance.often(0.06)
    person = chance.pick(organisation.recent_candidates) if known else candidate(chance)
    this = _Application(world, offer, person)
    if not known:
        organisation.recent_candidates.append(person)
        this.note("created", "candidate", f"Profile made from {person.home}", person)
        at += 3 * SECOND + int(chance.random() * 4 * MINUTE)
        yield at
    this.note("created", "application", f"Applied to {offer.title} via {this.source}", person, change("status", None, '"applied"'))
    yield (at := at + 2 * SECOND + int(chance.random() * 20 * SECOND))
    this.send("application_received")
    at = this.work(at, 16 * HOUR)
    yield at
    boss = offer.manager
    reader = chance.pick(offer.interviewers) if chance.often(0.4) else boss
    this.note("viewed", "candidate", "Profile and CV opened", reader)
    yield (at := at + int(MINUTE + chance.random() * 9 * MINUTE))
    this.note("assigned", "application", f"Assigned to {boss.name}", boss, change("owner", None, quoted(boss.email)))
    if chance.often(0.45):
        yield (at := at + int(chance.random() * 10 * MINUTE))
        this.note("commented", "application", chance.pick(_COMMENTS), reader)
    yield (at := this.work(at, 8 * HOUR))
    if chance.often(0.15):
        this.turn("rejected")
        yield at + 4 * SECOND
        this.send("rejection")
        return
    this.turn("screening")
    for stage in STAGES:
        if world.crowded:
            return
        yield (at := this.work(at, 10 * HOUR))
        this.turn(stage)
        yield (at := at + 3 * SECOND)
        this.send("stage_update")
        for _attempt in range(3):
            yield (at := this.work(at, 4 * HOUR))
            at, verdict = yield from interview(world, offer, person, this.related, stage, at)
            if verdict != "again":
                break
        yield (at := this.work(at, 10 * HOUR))
        if verdict == "advance":
            continue
        this.turn("withdrawn" if verdict == "withdrew" else "rejected")
        if verdict != "withdrew":
            yield at + 4 * SECOND
            this.send("rejection")
        return
    this.turn("offer")
    yield (at := this.work(at, 6 * HOUR))
    this.note("approved", "application", "Offer approved", organisation.leader())
    yield (at := at + 5 * SECOND)
    this.send("offer")
    yield (at := at + int((HOUR + chance.random() * 4 * DAY) * pace))
    if chance.often(0.75):
        this.turn("hired", person)
        yield at + 6 * SECOND
        this.send("welcome")
    else:
        this.turn("declined", person)


class _Application:
    """What is known about one application while it is under way."""

    __slots__ = ("campaign", "id", "pair", "person", "related", "source", "status", "world")

    def __init__(self, world: World, campaign: Campaign, person: Person) -> None:
        self.world, self.campaign, self.person = world, campaign, person
        self.id = world.chance.short_id("AP")
        self.source, self.status = world.chance.pick(_SOURCES), "applied"
        self.related = f'"application":"{self.id}","campaign":"{campaign.id}","candidate":"{person.id}"'
        self.pair = Pair(candidate_id=person.id, candidate_name=person.name)

    def work(self, at: int, delay: int) -> int:
        """A working moment of the manager some time after; `delay` is the longest at natural pace."""
        chance = self.world.chance
        return home(self.campaign.manager).at_work(at + MINUTE + int(chance.random() * delay * self.world.pace), chance)

    def note(self, action: str, kind: str, summary: str, who: Person, changes: str | None = None) -> None:
        """Write an event on the application or its candidate."""
        ident, name = (self.id, self.campaign.title) if kind == "application" else (self.person.id, self.person.name)
        body = (
            f'"application":{{"id":"{self.id}","status":"{self.status}","source":"{self.source}","attachments":["cv.pdf"]}},'
            f'"candidate":{self.person.facts},{self.campaign.facts}'
        )
        self.world.writer.platform(self.world.now, who, action, kind, ident, name, summary, body,
                                   changes=changes, related=f"{{{self.related}}}", pair=self.pair)  # fmt: skip

    def turn(self, status: str, who: Person | None = None) -> None:
        """Move to another stage of the workflow."""
        before, self.status = self.status, status
        summary = f"{_stage(before)} → {_stage(status)}"
        self.note("status_changed", "application", summary, who or self.campaign.manager, change("status", f'"{before}"', f'"{status}"'))

    def send(self, template: str) -> None:
        """Send the candidate a message."""
        ident = self.world.chance.short_id("MS")
        by_hand = template in ("rejection", "offer") and self.world.chance.often(0.5)
        body = (
            f'"message":{{"id":"{ident}","template":"{template}","channel":"email","to":{quoted(self.person.email)},'
            f'"size":{2000 + len(template) * 37},"provider":{{"name":"mailer","queue":"transactional",'
            f'"unsubscribe_token":"{self.world.chance.bits(96):024x}"}}}},"application":"{self.id}"'
        )
        sender = self.campaign.manager if by_hand else SYSTEM
        summary = f"{_LETTERS[template]} {self.person.name}"
        self.world.writer.platform(self.world.now, sender, "sent", "message", ident, template, summary, body,
                                   related=f"{{{self.related}}}", pair=self.pair)  # fmt: skip


def _stage(status: str) -> str:
    return STAGE_LABELS.get(status) or status.capitalize()


def _turn(world: World, this: Campaign, status: str) -> None:
    before, this.status = this.status, status
    _campaign(world, this, "status_changed", f"{before.capitalize()} → {status}", change("status", f'"{before}"', f'"{status}"'))


def _campaign(world: World, this: Campaign, action: str, summary: str, changes: str) -> None:
    body = f'{this.facts},"status":"{this.status}","seats":{this.seats},"approval":{{"required":true,"by":"admin"}}'
    world.writer.platform(world.now, this.manager, action, "campaign", this.id, this.title, summary, body,
                          changes=changes, related=f'{{"campaign":"{this.id}"}}')  # fmt: skip
