"""One interview: booked, confirmed, moved, cancelled or missed, held, and judged.

`interview` is the whole of it as a sub-process of an application; it returns when it was over and how
it went on: `advance`, `reject`, `again` (book another one) or `withdrew`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from auditlib.demo.calendar import DAY, HOUR, MINUTE, day_text, iso_text
from auditlib.demo.organisation import STAGE_LABELS, Campaign, home
from auditlib.demo.people import Person, quoted
from auditlib.demo.sessions import hold, wait_in_vain
from auditlib.demo.world import World
from auditlib.demo.writing import SYSTEM, Pair, change, change_item

Verdict = Generator[int, None, tuple[int, str]]

_REASONS: Final = (
    "candidate withdrew",
    "interviewer ill",
    "position filled",
    "double booking",
    "candidate asked for another week",
    "public holiday",
)
_MOVES: Final = ("calendar conflict", "candidate request", "time zone mix-up", "room not available")
_NOTES: Final = (
    "Clear reasoning, asked good questions, small gaps in testing.",
    "Solid fundamentals; struggled with the second exercise but recovered.",
    "Très bonne communication, expérience pertinente.",
    "Kommuniziert präzise, wenig Erfahrung mit großen Teams.",
    "経験は十分、説明も丁寧。",
    "Could not go into depth on past projects.",
    "Strong on systems, honest about limits — “would work with again”.",
)
_VERDICTS: Final = {1: "no", 2: "no", 3: "hold", 4: "advance", 5: "advance"}


class Interview:
    """What is known about one interview while it is under way: people, ids, slot and status."""

    __slots__ = (
        "booking", "candidate", "evaluation", "interviewer", "label", "manager", "minutes", "notes", "offset", "pair", "panel",
        "recording", "related", "room", "score", "secret", "session", "slot", "stage", "status",
    )  # fmt: skip

    def __init__(
        self, world: World, campaign: Campaign, interviewer: Person, candidate: Person, related: str, stage: str, slot: int
    ) -> None:
        chance = world.chance
        self.candidate, self.manager, self.stage, self.slot = candidate, campaign.manager, stage, slot
        self.interviewer, self.panel = interviewer, [interviewer]
        second = chance.pick(campaign.interviewers)
        if second is not interviewer and chance.often(0.4):
            self.panel.append(second)
        self.booking, self.session, self.recording, self.evaluation = (chance.short_id(kind) for kind in ("BK", "VS", "RC", "EV"))
        self.label = f"{STAGE_LABELS[stage]}, {candidate.name}"
        self.minutes = chance.pick((30, 45, 60, 60, 60, 90))
        self.status, self.score, self.notes = "scheduled", 3, chance.pick(_NOTES)
        self.pair = Pair(self.interviewer.id, self.interviewer.name, candidate.id, candidate.name)
        self.related = f'"booking":"{self.booking}",{related}'
        self.room, self.secret = chance.token("RM_"), f"{chance.bits(160):040x}"
        self.offset = home(self.interviewer).offset(slot)

    def at_local(self, at: int) -> str:
        """`20 Nov 10:00` on the interviewer's clock."""
        return day_text(at + self.offset)

    def facts(self) -> str:
        """The booking in metadata."""
        panel = ",".join([person.facts for person in self.panel])
        return (
            f'"booking":{{"id":"{self.booking}","stage":"{self.stage}","status":"{self.status}","slot":{{"start":"{iso_text(self.slot)}",'
            f'"minutes":{self.minutes},"zone":"{home(self.interviewer).zone}"}},"panel":[{panel}],"candidate":{self.candidate.facts}}}'
        )


def interview(world: World, campaign: Campaign, candidate: Person, related: str, stage: str, at: int) -> Verdict:
    """Book at that instant, then live through it."""
    chance = world.chance
    pace = world.pace
    after = at + 30 * MINUTE + int((4 * HOUR + chance.random() * 5 * DAY) * pace)
    interviewer = chance.pick(campaign.interviewers)
    slot = home(interviewer).slot(after, chance)
    this = Interview(world, campaign, interviewer, candidate, related, stage, slot)
    _booked(world, this, this.manager, "created", f"{candidate.name}, {this.at_local(slot)}, {this.minutes} min",
            f'[{change_item("status", None, quoted("scheduled"))},{change_item("slot", None, quoted(iso_text(slot)))}]')  # fmt: skip
    at += 2_000_000 + int(chance.random() * 9_000_000)
    yield at
    tell(world, this, at, "interview_invitation", f"Invitation to {this.label.split(',')[0].lower()} sent to {candidate.name}")
    reply = at + int(chance.random() * 20 * HOUR * pace)
    if chance.often(0.8) and reply < slot - HOUR:
        yield reply
        at = reply
        this.status = "confirmed"
        _booked(world, this, candidate, "updated", "Status scheduled → confirmed", change("status", '"scheduled"', '"confirmed"'))
    if chance.often(0.22):
        move = home(this.manager).at_work(at + int(chance.random() * DAY * pace), chance)
        if move < this.slot - HOUR:
            yield move
            at = move
            _move(world, this)
    if chance.often(0.08):
        swap = home(this.manager).at_work(at + int(chance.random() * HOUR), chance)
        if swap < this.slot - HOUR:
            yield swap
            at = swap
            _add_to_panel(world, this, campaign)
    if chance.often(0.09):
        quit_at = at + int(chance.random() * 0.9 * (this.slot - at))
        yield quit_at
        reason = chance.pick(_REASONS)
        before, this.status = this.status, "cancelled"
        who = candidate if reason.startswith("candidate") else this.manager
        status = change_item("status", quoted(before), quoted("cancelled"))
        _booked(world, this, who, "cancelled", f"Reason: {reason}", f"[{status},{change_item('reason', None, quoted(reason))}]")
        return quit_at, "withdrew" if reason == "candidate withdrew" else "again"
    reminder = this.slot - int((2 + chance.between(0, 2) * 22) * HOUR)
    if reminder > at:
        yield reminder
        tell(world, this, reminder, "interview_reminder", f"Reminder of {this.at_local(this.slot)} sent to {candidate.name}")
    if chance.often(0.06):
        at = yield from wait_in_vain(world, this)
        at += int((3 + chance.random() * 20) * MINUTE)
        yield at
        before, this.status = this.status, "no_show"
        _booked(world, this, chance.pick((this.interviewer, this.manager)), "marked_no_show", f"{candidate.name} did not join in 15 min",
                change("status", quoted(before), quoted("no_show")))  # fmt: skip
        return at, "again" if chance.often(0.5) else "withdrew"
    at = yield from hold(world, this)
    world.recent.append(this)
    return (yield from _judge(world, this, at))


def _judge(world: World, this: Interview, at: int) -> Verdict:
    chance = world.chance
    at = home(this.interviewer).at_work(at + int((8 * MINUTE + chance.random() * chance.random() * 20 * HOUR) * world.pace), chance)
    yield at
    this.score = score = chance.pick((2, 3, 3, 4, 4, 4, 5, 3, 4, 1))
    _judged(world, this, this.interviewer, "created", f"Score {score} of 5, recommends {_VERDICTS[score]}",
            f'[{change_item("status", None, quoted("submitted"))},{change_item("score", None, str(score))},'
            f'{change_item("notes", None, quoted(this.notes))}]', "submitted")  # fmt: skip
    if chance.often(0.45):
        at = home(this.interviewer).at_work(at + int((5 * MINUTE + chance.random() * 6 * HOUR) * world.pace), chance)
        yield at
        this.score = min(5, max(1, score + chance.pick((-1, 1, 1))))
        if this.score != score:
            _judged(world, this, this.interviewer, "updated", f"Score {score} → {this.score}, recommends {_VERDICTS[this.score]}",
                    change("score", str(score), str(this.score)), "submitted")  # fmt: skip
        else:
            before, this.notes = this.notes, f"{this.notes} {chance.pick(_NOTES)}"
            changes = change("notes", quoted(before), quoted(this.notes))
            _judged(world, this, this.interviewer, "updated", "Notes added", changes, "submitted")
    if chance.often(0.7):
        at = home(this.manager).at_work(at + int((10 * MINUTE + chance.random() * 18 * HOUR) * world.pace), chance)
        yield at
        approver = this.manager if chance.often(0.8) else world.organisation.leader()
        _judged(world, this, approver, "approved", f"Evaluation approved, {_VERDICTS[this.score]}",
                change("status", quoted("submitted"), quoted("approved")), "approved")  # fmt: skip
    return at, "reject" if this.score < 3 or chance.often(0.05) else "advance"


def _move(world: World, this: Interview) -> None:
    chance = world.chance
    before = this.slot
    this.slot = home(this.interviewer).slot(before + chance.between(1, 5) * 12 * HOUR, chance)
    this.offset = home(this.interviewer).offset(this.slot)
    who = this.manager if chance.often(0.6) else this.candidate
    reason = chance.pick(_MOVES)
    slots = change_item("slot", quoted(iso_text(before)), quoted(iso_text(this.slot)))
    summary = f"Moved from {this.at_local(before)} to {this.at_local(this.slot)}"
    _booked(world, this, who, "updated", summary, f"[{slots},{change_item('reason', None, quoted(reason))}]")


def _add_to_panel(world: World, this: Interview, campaign: Campaign) -> None:
    extra = world.chance.pick(campaign.interviewers)
    if extra in this.panel:
        return
    before = ",".join([quoted(person.email) for person in this.panel])
    this.panel.append(extra)
    _booked(world, this, this.manager, "updated", f"{extra.name} added to the panel",
            change("panel", f"[{before}]", f"[{before},{quoted(extra.email)}]"))  # fmt: skip


def _booked(world: World, this: Interview, who: Person, action: str, summary: str, changes: str) -> None:
    world.writer.platform(world.now, who, action, "interview_booking", this.booking, this.label, summary, this.facts(),
                          changes=changes, related=f"{{{this.related}}}", pair=this.pair)  # fmt: skip


def _judged(world: World, this: Interview, who: Person, action: str, summary: str, changes: str, status: str) -> None:
    score = this.score
    body = (
        f'"evaluation":{{"id":"{this.evaluation}","status":"{status}","score":{score},"recommendation":"{_VERDICTS[score]}",'
        f'"criteria":{{"craft":{max(1, score - 1)},"communication":{score},"motivation":{min(5, score + 1)}}},'
        f'"notes":{quoted(this.notes)},"booking":"{this.booking}","candidate":{this.candidate.facts}}}'
    )
    related = f'{{{this.related},"session":"{this.session}","evaluation":"{this.evaluation}"}}'
    world.writer.platform(world.now, who, action, "evaluation", this.evaluation, this.label, summary, body,
                          changes=changes, related=related, pair=this.pair)  # fmt: skip


def tell(world: World, this: Interview, at: int, template: str, summary: str) -> None:
    """Send the candidate a message about the interview."""
    ident = world.chance.short_id("MS")
    body = (
        f'"message":{{"id":"{ident}","template":"{template}","channel":"email","to":{quoted(this.candidate.email)},'
        f'"booking":"{this.booking}","slot":"{iso_text(this.slot)}","join_token":"{world.chance.bits(96):024x}"}}'
    )
    world.writer.platform(at, SYSTEM, "sent", "message", ident, template, summary, body, related=f"{{{this.related}}}",
                          pair=Pair(candidate_id=this.candidate.id, candidate_name=this.candidate.name))  # fmt: skip
