"""The vocabulary: every word of the contract named, with the label and tone the product asks for."""

from __future__ import annotations

import pytest

from auditlib import vocabulary
from auditlib.event import AuditEvent
from auditlib.schema import ACTION_KEY, COLUMNS, TYPE_KEY
from auditlib.text import fold, one_line, short_id, visible

ON_INTERVIEWS = [
    "created",
    "updated",
    "cancelled",
    "marked_no_show",
    "approved",
    "participant_joined",
    "participant_left",
    "join_failed",
    "recording_started",
    "recording_completed",
    "recording_failed",
    "room_finished",
]
ON_TEAM = [
    "deleted",
    "rejected",
    "granted",
    "revoked",
    "invited",
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "viewed",
    "exported",
    "sent",
    "status_changed",
    "commented",
    "assigned",
]
OF_THE_LEDGER = ["opened", "expanded", "copied", "downloaded", "queried", "revealed", "denied", "verified", "recovered"]
TYPES = ["interview_booking", "video_session", "recording", "evaluation", "application", "candidate", "workflow", "message", "campaign"]
ROLES = ["owner", "admin", "campaign_manager", "member", "interviewer", "candidate", "service", "system", "unknown"]


def test_every_action_of_the_contract_is_named() -> None:
    assert [key for key, action in vocabulary.ACTIONS.items() if action.on_interviews] == ON_INTERVIEWS
    assert [key for key, action in vocabulary.ACTIONS.items() if not action.on_interviews] == ON_TEAM + OF_THE_LEDGER
    for key, action in vocabulary.ACTIONS.items():
        assert (action.key, action.named) == (key, True)
        assert action.help.endswith(".")
        assert action.glyph


@pytest.mark.parametrize(
    ("key", "label", "tone"),
    [
        ("created", "Created", "green"),
        ("approved", "Approved", "green"),
        ("cancelled", "Cancelled", "red"),
        ("recording_failed", "Recording Failed", "red"),
        ("updated", "Updated", "blue"),
        ("recording_started", "Recording Started", "violet"),
        ("recording_completed", "Recording Completed", "violet"),
        ("marked_no_show", "Marked No-Show", "amber"),
        ("participant_joined", "Participant Joined", "teal"),
        ("participant_left", "Participant Left", "gray"),
        ("room_finished", "Room Finished", "gray"),
        ("join_failed", "Join Failed", "gray"),
    ],
)
def test_badges_have_the_label_and_tone_of_the_product(key: str, label: str, tone: str) -> None:
    assert (vocabulary.action(key).label, vocabulary.action(key).tone) == (label, tone)


def test_badges_of_one_tone_differ_by_label_so_that_colour_is_never_the_only_signal() -> None:
    labels = [action.label for action in vocabulary.ACTIONS.values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("key", ["booking.reminder_bounced", "Odd Action!", "", "<b>"])
def test_an_action_that_nobody_has_named_is_shown_as_recorded_and_grey(key: str) -> None:
    action = vocabulary.action(key)
    assert (action.key, action.label, action.tone, action.named, action.on_interviews) == (key, key, "gray", False, False)


def test_every_resource_type_role_and_outcome_is_named() -> None:
    assert [key for key in TYPES if key not in vocabulary.RESOURCE_TYPES] == []
    assert list(vocabulary.ROLES) == ROLES
    assert list(vocabulary.OUTCOMES) == ["success", "failure", "denied"]
    assert vocabulary.INTERVIEW_TYPES == ("interview_booking", "video_session", "recording", "evaluation")
    assert set(vocabulary.TEAM_ROLES) == {"member", "campaign_manager"}
    assert list(vocabulary.TABS) == ["interviews", "team"]


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("interview_booking", "Interview Booking"),
        ("api_key", "API Key"),
        ("kiosk_device", "Kiosk Device"),
        ("s3.bucket", "S3 Bucket"),
        ("_", "_"),
    ],
)
def test_a_type_that_nobody_has_named_reads_as_its_key(key: str, label: str) -> None:
    assert vocabulary.resource_label(key) == label


def test_roles_read_as_words_and_an_unknown_one_as_recorded() -> None:
    assert [vocabulary.role_label(key) for key in ("campaign_manager", "odd role", "", None)] == ["Campaign manager", "odd role", "", ""]


def test_keys_are_spelled_as_a_link_can_ask_for_them() -> None:
    import re

    assert all(re.fullmatch(ACTION_KEY, key) for key in vocabulary.ACTIONS)
    assert all(re.fullmatch(TYPE_KEY, key) for key in vocabulary.RESOURCE_TYPES)


def test_an_events_fields_begin_with_the_columns_of_the_schema() -> None:
    event = AuditEvent(event_id="e1")
    assert tuple(event.to_record()) == COLUMNS
    assert event.related_ids() == {}


# -- text -------------------------------------------------------------------------------------------


def test_searches_fold_case_and_composition_alike() -> None:
    assert fold("ZOE\u0308") == fold("zoë") == "zoë"
    assert fold("ΣΑΣ").startswith("σα")
    assert fold("100%_\\") == "100%_\\"
    assert fold("İ") == fold(fold("İ"))


@pytest.mark.parametrize(("text", "shown"), [("BK1", "BK1"), ("a" * 13, "a" * 13), ("0123456789abcdef", "01234567…cdef"), ("", "")])
def test_an_id_is_shortened_only_where_that_saves_something(text: str, shown: str) -> None:
    assert short_id(text) == shown


def test_characters_that_cannot_be_seen_are_written_out() -> None:
    assert visible("Ann \u202egnp\u200b\x00\ud800 tab\t") == "Ann \\u202egnp\\u200b\\u0000\\ud800 tab\t"
    assert one_line("a\n\n b\tc " * 100, 10) == "a b c a b…"
