"""The video session of an interview, as a LiveKit server reports it: room, participants, recorder, recording."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from auditlib.demo.calendar import MINUTE, SECOND, duration_text
from auditlib.demo.chance import Chance
from auditlib.demo.people import Person, quoted
from auditlib.demo.world import World
from auditlib.demo.writing import SYSTEM

if TYPE_CHECKING:
    from auditlib.demo.interviews import Interview

Ends = Generator[int, None, int]
Step = tuple[int, str, Person | None]

_CODECS: Final = (
    '"enabledCodecs":[{"mime":"audio/opus"},{"mime":"video/VP8"},{"mime":"video/H264"},{"mime":"audio/red"},{"mime":"video/VP9"}]'
)
_LEAVE_REASONS: Final = ("CLIENT_INITIATED", "CLIENT_INITIATED", "CLIENT_INITIATED", "DUPLICATE_IDENTITY", "SIGNAL_CLOSE")
_FAILURES: Final = ("no published track", "storage not reachable", "encoder stopped", "start signal not received")
_WORDS: Final = {"joined": "participant_joined", "left": "participant_left", "aborted": "participant_connection_aborted"}

FLAWS: Final = ("missing_leave", "missing_join", "recording_ends_after_room", "swapped_order", "recording_never_ends")
"""Faults a session's record can show; each is forced once where the history has traps, and happens now and then anyway."""

_FAILS, _ENDS, _ENDS_LATE = 0.04, 0.95, 0.98
_OUTCOMES: Final = {"recording_ends_after_room": _ENDS, "recording_never_ends": _ENDS_LATE}
_SHOWN_BY: Final = {
    "missing_leave": ("joined",),
    "missing_join": ("left",),
    "swapped_order": ("joined", "left"),
    "recording_ends_after_room": ("completed", "finished"),
    "recording_never_ends": ("started",),
}
"""The steps whose events are reported as the trap: those of the candidate, the room or the recording."""


def hold(world: World, this: Interview) -> Ends:
    """The session takes place; returns the instant at which everyone was gone."""
    trap = world.flaws.popleft() if world.flaws else ""
    flaw = trap or (world.chance.pick(FLAWS) if world.chance.often(0.006) else "")
    recorder = Person(world.chance.token("EG_"), "Recorder", "", "service")
    steps = _stays(world.chance, this, flaw)
    gone = steps[-1][0]
    met = max(_first(steps, "joined", this.candidate), _first(steps, "joined", this.interviewer))
    opened, recording = steps[0][0] - world.chance.between(1, 40) * SECOND, met + world.chance.between(8, 50) * SECOND
    steps += _room_and_recording(world.chance, recorder, flaw, opened, recording, gone)
    steps.sort(key=_when)
    if flaw == "missing_leave":
        steps.reverse()
        del steps[_index(steps, "left", this.candidate)]
        steps.reverse()
    elif flaw == "missing_join":
        del steps[_index(steps, "joined", this.candidate)]
    report = _Report(world, this, recorder, opened, recording)
    for at, what, person in steps:
        yield at
        ident = report.write(at, what, person)
        if trap and person in (None, this.candidate) and what in _SHOWN_BY[trap]:
            world.trap(trap, ident)
    return gone


def wait_in_vain(world: World, this: Interview) -> Ends:
    """The interviewer waits for a candidate who does not come, or too late; returns when the room was empty again."""
    chance = world.chance
    come = this.slot + int((chance.random() * 6 - 4) * MINUTE)
    left = this.slot + int((15 + chance.random() * 4) * MINUTE)
    steps: list[Step] = [(come - 2 * SECOND, "room", None), (come, "joined", this.interviewer)]
    if chance.often(0.4):
        steps += [(this.slot + MINUTE * (2 + 3 * attempt), "aborted", this.candidate) for attempt in range(chance.between(1, 4))]
    elif chance.often(0.12):
        steps += [(left - 4 * MINUTE, "joined", this.candidate), (left - 3 * MINUTE, "left", this.candidate)]
    steps += [(left, "left", this.interviewer), (left + 40 * SECOND, "finished", None)]
    report = _Report(world, this, SYSTEM, come, come)
    for at, what, person in steps:
        yield at
        report.write(at, what, person)
    return left


class _Report:
    """Turns the steps of one session into webhooks."""

    __slots__ = ("_joined", "_people", "_room", "_this", "_world", "opened", "recorder", "starts")

    def __init__(self, world: World, this: Interview, recorder: Person, opened: int, starts: int) -> None:
        self._world, self._this, self.recorder, self.opened, self.starts = world, this, recorder, opened, starts
        self._joined: dict[str, int] = {}
        self._people: set[str] = set()
        self._room = (
            f'"room":{{"sid":"{this.room}","name":"{this.booking}","emptyTimeout":300,"departureTimeout":20,'
            f'"creationTime":"{opened // SECOND}","creationTimeMs":"{opened // 1000}","turnPassword":"{this.secret}",{_CODECS},'
            f'"metadata":"{{\\"booking\\":\\"{this.booking}\\",\\"stage\\":\\"{this.stage}\\"}}"'
        )

    def write(self, at: int, what: str, person: Person | None) -> str:
        """Write one step; returns the event id."""
        this = self._this
        if person is not None:
            return self._participant(at, what, person)
        if what == "room":
            return self._session(at, "created", "room_started", f"Room opened for {this.label}")
        if what == "finished":
            people = len(self._people)
            told = f"Closed after {duration_text(at - self.opened)}, {people} participant{'' if people == 1 else 's'}"
            return self._session(at, "room_finished", "room_finished", told)
        return self._recording(at, what)

    def _session(self, at: int, action: str, word: str, summary: str) -> str:
        this = self._this
        body = f'{self._room},"numParticipants":{len(self._people)},"activeRecording":false}}'
        return self._world.writer.livekit(
            at, SYSTEM, action, word, "video_session", this.session, this.label, summary, body, self._related(), this.pair
        )

    def _participant(self, at: int, what: str, person: Person) -> str:
        this, world = self._this, self._world
        role = "Recorder" if person is self.recorder else "Candidate" if person is this.candidate else "Interviewer"
        outcome = "success"
        extra = ""
        if what == "joined":
            minutes = round((at - this.slot) / MINUTE)
            moment = "on time" if not minutes else f"{abs(minutes)} min {'late' if minutes > 0 else 'early'}"
            summary = f"{role} again, reconnected" if person.id in self._joined else role if role == "Recorder" else f"{role}, {moment}"
            self._joined[person.id] = at
            if person is not self.recorder:
                self._people.add(person.id)
            action = "participant_joined"
        elif what == "left":
            since = self._joined.get(person.id)
            summary = f"{role}, join not recorded" if since is None else f"{role}, after {duration_text(max(at - since, 0))}"
            extra = f',"disconnectReason":"{world.chance.pick(_LEAVE_REASONS)}"'
            action = "participant_left"
        else:
            summary, outcome, action = f"{role}, connection broke before it stood", "failure", "join_failed"
        joined = self._joined.get(person.id, at)
        egress = person is self.recorder
        body = (
            f'{self._room},"numParticipants":{len(self._people)},"activeRecording":{"true" if at > self.starts else "false"}}},'
            f'"participant":{{"sid":"PA_{world.chance.bits(48):012x}","identity":"{person.id}","name":{quoted(person.name)},"state":"ACTIVE",'
            f'"joinedAt":"{joined // SECOND}","joinedAtMs":"{joined // 1000}","kind":"{"EGRESS" if egress else "STANDARD"}",'
            f'"permission":{{"canSubscribe":true,"canPublish":true,"canPublishData":true,"hidden":{"true" if egress else "false"}}},'
            f'"region":"eu-central-1","isPublisher":{"true" if what != "aborted" else "false"}{extra}}}'
        )
        return world.writer.livekit(at, person, action, _WORDS[what], "video_session", this.session, this.label, summary, body,
                                    self._related(), this.pair, outcome)  # fmt: skip

    def _recording(self, at: int, what: str) -> str:
        this, world = self._this, self._world
        action, word, outcome, told = f"recording_{what}", "egress_ended", "success", "EGRESS_COMPLETE"
        lasted = max(at - self.starts, SECOND)
        result = ""
        if what == "started":
            word, summary, told = "egress_started", "Composite, 1280×720", "EGRESS_ACTIVE"
        elif what == "failed":
            reason = world.chance.pick(_FAILURES)
            outcome, summary, told = "failure", f"Aborted: {reason}", "EGRESS_FAILED"
            result = f',"error":"{reason}","endedAt":"{at * 1000}"'
        else:
            megabytes = max(1, int(lasted / MINUTE * (5.5 + world.chance.random() * 2)))
            summary = f"{duration_text(lasted)}, {megabytes} MB, uploaded"
            result = (
                f',"endedAt":"{at * 1000}","fileResults":[{{"filename":"recordings/{this.booking}/{this.recording}.mp4",'
                f'"startedAt":"{self.starts * 1000}","duration":"{lasted * 1000}",'
                f'"size":"{megabytes * 1_048_576}","location":"s3://northwind-recordings/{this.recording}.mp4"}}]'
            )
        body = (
            f'"egressInfo":{{"egressId":"{self.recorder.id}","roomId":"{this.room}","roomName":"{this.booking}","status":"{told}",'
            f'"startedAt":"{self.starts * 1000}","updatedAt":"{at * 1000}","sourceType":"EGRESS_SOURCE_TYPE_WEB",'
            f'"roomComposite":{{"roomName":"{this.booking}","layout":"speaker-light","preset":"H264_720P_30","fileOutputs":[{{'
            f'"filepath":"recordings/{this.booking}/{this.recording}.mp4","s3":{{"bucket":"northwind-recordings",'
            f'"region":"eu-central-1","accessKey":"{this.secret[:16]}","secret":"{this.secret[16:]}"}}}}]}}{result}}}'
        )
        return world.writer.livekit(at, SYSTEM, action, word, "recording", this.recording, this.label, summary, body,
                                    f'{self._related()[:-1]},"recording":"{this.recording}"}}', this.pair, outcome)  # fmt: skip

    def _related(self) -> str:
        return f'{{{self._this.related},"session":"{self._this.session}"}}'


def _stays(chance: Chance, this: Interview, flaw: str) -> list[Step]:
    """Who comes and goes, in time order; now and then the candidate loses the connection and returns."""
    arrival = this.slot + int((chance.random() * 10 - 4) * MINUTE)
    finish = this.slot + int(this.minutes * MINUTE * (0.75 + chance.random() * 0.35))
    steps: list[Step] = [(arrival, "joined", this.candidate), (finish, "left", this.candidate)]
    for person in this.panel:
        steps.append((this.slot + int((chance.random() * 8 - 5) * MINUTE), "joined", person))
        steps.append((finish + int(chance.random() * 3 * MINUTE), "left", person))
    swapped = flaw == "swapped_order"
    if swapped or chance.often(0.18):
        drop = arrival + int((0.2 + chance.random() * 0.5) * (finish - arrival))
        back = drop + (-2 if swapped else chance.between(3, 90)) * SECOND
        steps += [(drop, "left", this.candidate), (back, "joined", this.candidate)]
    steps.sort(key=_when)
    return steps


def _room_and_recording(chance: Chance, recorder: Person, flaw: str, opened: int, recording: int, gone: int) -> list[Step]:
    closed = gone + chance.between(20, 90) * SECOND
    steps: list[Step] = [(opened, "room", None), (recording - 2 * SECOND, "joined", recorder), (recording, "started", None)]
    steps += [(gone + chance.between(2, 18) * SECOND, "left", recorder), (closed, "finished", None)]
    outcome = _OUTCOMES.get(flaw) or chance.random()
    if outcome < _FAILS:
        steps.append((recording + int(chance.random() * (gone - recording)), "failed", None))
    elif outcome < _ENDS:
        steps.append((gone + chance.between(4, 18) * SECOND, "completed", None))
    elif outcome < _ENDS_LATE:
        steps.append((closed + chance.between(15, 400) * SECOND, "completed", None))
    return steps


def _index(steps: list[Step], what: str, person: Person) -> int:
    return next(index for index, step in enumerate(steps) if step[1] == what and step[2] is person)


def _first(steps: list[Step], what: str, person: Person) -> int:
    return steps[_index(steps, what, person)][0]


def _when(step: Step) -> int:
    return step[0]
