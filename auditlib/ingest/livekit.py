"""What a table cannot say about LiveKit webhooks: how a recording ended, who is no person, and a sentence on it.

Fields and values are those of the published schema (livekit/protocol, `livekit_webhook.proto`,
`livekit_egress.proto`, `livekit_models.proto`), whose JSON may spell keys in camelCase or snake_case,
enums as names or numbers, and leaves zero values out.
"""

from __future__ import annotations

from typing import Any, Final

from auditlib.ingest.paths import Path, as_text
from auditlib.text import one_line
from auditlib.vocabulary import ROLES

LIVEKIT: Final = "LiveKit"
CODE: Final = "livekit"
"""What a mapping names this module by."""

_ENDED_WELL: Final = ("EGRESS_COMPLETE", "EGRESS_LIMIT_REACHED", "3", "6")
_NOT_PEOPLE: Final = ("INGRESS", "EGRESS", "SIP", "AGENT", "1", "2", "3", "4")
_RECORDER_IDENTITY: Final = "EG_"

_SENTENCES: Final = {
    "room_started": "The room of {room} opened",
    "room_finished": "The room of {room} closed",
    "participant_joined": "{who} joined {room}",
    "participant_left": "{who} left {room}",
    "participant_connection_aborted": "{who} could not connect to {room}",
    "egress_started": "The recording of {room} started",
    "egress_ended": "The recording of {room} ended with a file",
}
_FAILED: Final = "The recording of {room} failed: {why}"
_OTHER: Final = "{event}: {who} in {room}"

_STATUS: Final = Path("egressInfo.status")
_FILES: Final = tuple(map(Path, ("egressInfo.file", "egressInfo.fileResults", "egressInfo.segments", "egressInfo.segmentResults")))
_FILE_NAMES: Final = tuple(map(Path, ("filename", "location", "playlistName", "playlistLocation")))
_ERROR: Final = Path("egressInfo.error")
_PARTICIPANT: Final = Path("participant")
_KIND: Final = Path("participant.kind")
_RECORDER: Final = Path("participant.permission.recorder")
_AGENT: Final = Path("participant.permission.agent")
_ROLE: Final = Path("participant.attributes.role")


def refine(event: Any, row: dict[str, Any]) -> None:
    """Sets the action and outcome of an ended recording, role, name and person of the actor, and the summary."""
    sentence = _SENTENCES.get(row["action_raw"] or "", _OTHER)
    if row["action_raw"] == "egress_ended":
        completed = as_text(_STATUS.find(event)) in _ENDED_WELL and _has_file(event)
        row["action"] = "recording_completed" if completed else "recording_failed"
        row["outcome"] = "success" if completed else "failure"
        sentence = sentence if completed else _FAILED
    if type(_PARTICIPANT.find(event)) is dict:
        row["actor_role"] = role = _role(event, row["actor_id"] or "")
        if role in ("candidate", "interviewer"):
            row[f"{role}_id"], row[f"{role}_name"] = row["actor_id"], row["actor_name"]
    else:
        row.update(actor_id="livekit", actor_name=LIVEKIT, actor_role="system")
    status = as_text(_STATUS.find(event)) or "no status"
    row["summary"] = one_line(
        sentence.format(
            event=row["action_raw"] or "unknown",
            who=row["actor_name"] or "Someone",
            room=row["resource_name"] or row["resource_id"] or "a room",
            why=as_text(_ERROR.find(event)) or ("no file" if status in _ENDED_WELL else status),
        )
    )


def _has_file(event: Any) -> bool:
    for place in _FILES:
        found = place.find(event)
        results = found if type(found) is list else [found]
        if any(as_text(name.find(result)) for result in results for name in _FILE_NAMES):
            return True
    return False


def _role(event: Any, identity: str) -> str:
    """The role of a participant: service for recorders, agents, streams and telephones, else what its attributes say."""
    kind = as_text(_KIND.find(event))
    is_service = kind in _NOT_PEOPLE or _RECORDER.find(event) is True or _AGENT.find(event) is True
    if is_service or (kind is None and identity.startswith(_RECORDER_IDENTITY)):
        return "service"
    role = as_text(_ROLE.find(event))
    return role if role is not None and role in ROLES else "unknown"
