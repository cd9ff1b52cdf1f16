"""The words of the log: tabs, actions, resource types, roles and outcomes, each with label and tone.

A new action, colour or label is one row here and touches nothing else. What a source brings and
nobody has named yet is shown as recorded, grey, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Tone = Literal["green", "red", "blue", "violet", "amber", "teal", "gray"]


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab of the Audit Logs page."""

    key: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Action:
    """One named action: key as stored, label as read, tone and glyph of its badge, meaning as help.

    `glyph` names a drawing of the table component; `on_interviews` says whether the Interviews tab
    offers it in its filter.
    """

    key: str
    label: str
    tone: Tone
    glyph: str
    help: str
    on_interviews: bool = False
    named: bool = True


INTERVIEWS: Final = "interviews"
TEAM: Final = "team"

TABS: Final[Mapping[str, Tab]] = MappingProxyType(
    {
        tab.key: tab
        for tab in (
            Tab(INTERVIEWS, "Interviews", "Bookings, video sessions, recordings and evaluations."),
            Tab(TEAM, "Team", "Everything team members did, and all that is not about an interview."),
        )
    }
)

ACTIONS: Final[Mapping[str, Action]] = MappingProxyType(
    {
        action.key: action
        for action in (
            Action("created", "Created", "green", "plus", "It was made.", True),
            Action("updated", "Updated", "blue", "pencil", "Some of its fields were changed.", True),
            Action("cancelled", "Cancelled", "red", "cross", "It was called off.", True),
            Action("marked_no_show", "Marked No-Show", "amber", "ban", "Someone recorded that a participant did not come.", True),
            Action("approved", "Approved", "green", "check", "It was accepted.", True),
            Action("participant_joined", "Participant Joined", "teal", "enter", "Someone entered the video session.", True),
            Action("participant_left", "Participant Left", "gray", "exit", "Someone left the video session.", True),
            Action("join_failed", "Join Failed", "gray", "bang", "A connection to the video session broke before it stood.", True),
            Action("recording_started", "Recording Started", "violet", "disc", "The recorder began to record.", True),
            Action("recording_completed", "Recording Completed", "violet", "stop", "The recording ended with a file.", True),
            Action("recording_failed", "Recording Failed", "red", "bang", "The recording ended without a usable file.", True),
            Action("room_finished", "Room Finished", "gray", "frame", "The video session's room was closed.", True),
            Action("deleted", "Deleted", "gray", "cross", "It was removed."),
            Action("rejected", "Rejected", "gray", "cross", "It was turned down."),
            Action("granted", "Granted", "teal", "plus", "A right or role was given."),
            Action("revoked", "Revoked", "gray", "ban", "A right or role was taken away."),
            Action("invited", "Invited", "teal", "enter", "Someone was asked to join."),
            Action("signed_in", "Signed In", "gray", "enter", "Someone signed in."),
            Action("sign_in_failed", "Sign-In Failed", "gray", "bang", "An attempt to sign in failed."),
            Action("signed_out", "Signed Out", "gray", "exit", "Someone signed out."),
            Action("viewed", "Viewed", "gray", "eye", "It was read or listed."),
            Action("exported", "Exported", "teal", "export", "Data was taken out of the platform."),
            Action("sent", "Sent", "teal", "export", "A message went out."),
            Action("status_changed", "Status Changed", "teal", "pencil", "It moved from one stage to another."),
            Action("commented", "Commented", "gray", "pencil", "Someone left a note on it."),
            Action("assigned", "Assigned", "teal", "enter", "It was given to someone."),
            Action("opened", "Opened", "gray", "eye", "An entry of the audit log was read whole."),
            Action("expanded", "Expanded", "gray", "down", "What was recorded with an entry was read in the list."),
            Action("copied", "Copied", "gray", "copy", "What was recorded with an entry was copied."),
            Action("downloaded", "Downloaded", "teal", "download", "A file was taken away."),
            Action("queried", "Queried", "teal", "filter", "A query over the audit log was asked."),
            Action("revealed", "Revealed", "teal", "eye", "Hidden values of an entry were shown."),
            Action("denied", "Denied", "gray", "ban", "Someone was refused."),
            Action("verified", "Verified", "teal", "shield", "A full check of the record was started."),
            Action("recovered", "Recovered", "gray", "bang", "A line that a crash had cut was set aside."),
        )
    }
)

RESOURCE_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "interview_booking": "Interview Booking",
        "video_session": "Video Session",
        "recording": "Recording",
        "evaluation": "Evaluation",
        "application": "Application",
        "candidate": "Candidate",
        "workflow": "Workflow",
        "message": "Message",
        "campaign": "Campaign",
        "team_member": "Team Member",
        "report": "Report",
        "setting": "Setting",
        "api_key": "API Key",
    }
)

RELATED: Final[Mapping[str, str]] = MappingProxyType({"booking": "Booking", "session": "Video session"})

INTERVIEW_TYPES: Final = ("interview_booking", "video_session", "recording", "evaluation")
"""An event is on Interviews exactly when its resource type is one of these."""

TEAM_ROLES: Final = ("member", "campaign_manager")
"""An event of an actor with one of these roles is on Team, whatever its resource."""

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "owner": "Owner",
        "admin": "Admin",
        "campaign_manager": "Campaign manager",
        "member": "Member",
        "interviewer": "Interviewer",
        "candidate": "Candidate",
        "service": "Service",
        "system": "System",
        "unknown": "Unknown",
    }
)

OUTCOMES: Final[Mapping[str, str]] = MappingProxyType({"success": "Success", "failure": "Failure", "denied": "Denied"})


def action(key: str) -> Action:
    """The named action of a key, or a grey one that shows the key as recorded."""
    return ACTIONS.get(key) or Action(key, key, "gray", "", "Not a named action; shown as recorded.", named=False)


def resource_label(key: str) -> str:
    """The label of a resource type; a type nobody has named reads as its key with spaces and capitals."""
    words = key.replace("_", " ").replace(".", " ").split()
    return RESOURCE_TYPES.get(key) or " ".join(word[:1].upper() + word[1:] for word in words) or key


def related_label(kind: str) -> str:
    """The label of a kind of related id."""
    return RELATED.get(kind) or resource_label(kind)


def role_label(key: str | None) -> str:
    """The label of a role; empty where none was recorded."""
    return ROLES.get(key, key) if key else ""
