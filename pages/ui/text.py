"""Every sentence on screen, and text from data made safe for labels that read Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from auditlib.engine.base import Head
from auditlib.errors import AuditError
from auditlib.metadata import Flaw
from auditlib.text import shown_line
from auditlib.times import in_zone

APP: Final = "Audit Logs"
SIGN_IN_NEEDED: Final = "Sign in to continue."
SIGN_IN_ENDED: Final = "Your sign-in has ended. Sign in again; where that does not help, sign out first."
FILE_GONE: Final = "This file is not offered any more. Go back to the page and prepare it again."
ADMINS_ONLY: Final = "Admins only. Your account cannot open this page."
LOCAL_ONLY: Final = (
    "Admins only. Sign-in is not configured, so this server answers only to a browser on the same machine, at a loopback address."
)
LOCAL_ADMIN: Final = "Signed in as local admin: no sign-in is configured, and only this machine can connect."
LEDGER: Final = "Ledger"
LEDGER_EMPTY: Final = "Nobody has read anything yet. This visit is the first entry: open the page again to see it."
READERS: Final = "Who has read this event"
LEADS_TO_LEDGER: Final = "Opens the ledger"
UNRECORDED: Final = "Viewing goes on. Exports, downloads, SQL and hidden values are refused until what is read can be recorded again."
SEARCH_HINT: Final = "Search reads actor name, resource type and resource id. It does not read metadata."
NOBODY: Final = "Nobody by that name yet. Keep typing, or try another part of the name, the e-mail or the id."
SPARSE: Final = "Little was recorded with this event. The actor and the resource above may tell more: choose one to see what else happened."
NOTHING_TO_COUNT: Final = "No event matches, so there is nothing to count."
NO_CHANGES: Final = "No field changes were recorded."

FLAWS: Final[Mapping[Flaw, str]] = {
    "invalid": "Not valid JSON; shown as recorded.",
    "deep": "Nested too deeply to format; shown as recorded.",
    "repeated_keys": "Some keys stand more than once; all are shown.",
    "not_finite": "Holds NaN or Infinity, which is not JSON; shown as recorded.",
}

_PUNCTUATION: Final = re.compile(r"([!-/:-@\[-`{-~])")
_LINKS: Final = re.compile(r"(?<=http)(?=s?:)|(?<=www)(?=\.)|(?<=@)", re.IGNORECASE)


def label(value: str, limit: int = 80) -> str:
    """Text from data as part of a label: on one line, unseen characters visible, no Markdown, link or emoji code.

    CommonMark lets every ASCII punctuation mark be escaped (section 2.4), which also stops Streamlit's own
    directives. Addresses become links after escapes are read (GitHub Flavored Markdown, section 6.9), so a
    space of no width parts them.
    """
    return _PUNCTUATION.sub(r"\\\1", _LINKS.sub("\u200b", shown_line(value, limit)))


def unexpected(number: str) -> str:
    """What a person sees of an error nobody foresaw."""
    return f"Something went wrong on our side. Reload the page; if it stays, tell whoever runs this server the number {number}."


def told(error: AuditError, limit: int = 600) -> str:
    """The sentence of an error as a label; of a place on this machine it keeps the last name alone."""
    sentence = str(error)
    for place in filter(os.path.isabs, map(str, error.values.values())):
        sentence = sentence.replace(place, Path(place).name)
    return label(sentence, limit)


def sign_in_with(provider: str) -> str:
    """The label of a way to sign in."""
    return "Sign in" if provider == "default" else f"Sign in with {provider.capitalize()}"


def count(number: int, noun: str = "event") -> str:
    """`1 event`, `12,482 events`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def damage(head: Head) -> list[str]:
    """What is missing from the record and why, a sentence each; empty while it is complete."""
    sentences = [
        f"Snapshot {seq} is quarantined: {why}. Its events are not shown anywhere." for seq, why in sorted(head.quarantined.items())
    ]
    return [*sentences, f"{head.problem}. Newer snapshots are refused; the last verified state is shown."] if head.problem else sentences


def record(head: Head) -> tuple[str, str]:
    """The state of the record as a title and a line for the sidebar."""
    title = f"{head.snapshots:,}/{head.snapshots + len(head.quarantined):,} verified"
    title += f", {len(head.quarantined):,} quarantined" if head.quarantined else ""
    title += ", newer ones refused" if head.problem else ""
    newest = f" Newest snapshot of {head.created_at:%d %b %Y, %H:%M} UTC." if head.created_at else ""
    return title, f"{count(head.events)}.{newest}"


def ledger_until(entries: int, last: datetime | None) -> str:
    """How far the ledger is shown; `last` is in the viewer's zone."""
    until = f" up to {last:%Y-%m-%d %H:%M:%S}" if last else ""
    shown = "1 entry" if entries == 1 else f"{entries:,} entries"
    return f"{shown}{until}. Reading them is recorded too: Refresh shows what came since."


def left_out(number: int) -> str:
    """That events without a time are in no range of days."""
    verb = "event has no usable time and is" if number == 1 else "events have no usable time and are"
    return f"{number:,} matching {verb} in no range of days."


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def day(instant: datetime, tz: ZoneInfo) -> str:
    """The day of an instant in a zone: `12 Nov 2026`; at the far ends of the calendar in UTC."""
    return wall_day(in_zone(instant, tz))


def wall_day(wall: datetime) -> str:
    """A day as people read it: `12 Nov 2026`."""
    return f"{wall.day} {wall:%b} {wall.year}"


def joined(filters: int) -> str:
    """The title of an empty page."""
    words = {1: "this filter", 2: "these two filters together", 3: "these three filters together", 4: "these four filters together"}
    return "There are no events here yet" if not filters else f"Nothing matches {words.get(filters, f'these {filters} filters together')}"
