"""Notices above and instead of the table: damage, what a link could not get, why nothing is found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from auditlib import vocabulary
from auditlib.engine.base import Head, Person
from auditlib.engine.comparison import Comparison
from auditlib.engine.hiding import Hiding
from auditlib.errors import AuditError, SupersededError
from auditlib.view import Chip, Problem
from pages.ui import session, text
from pages.ui.chips import words


@dataclass(frozen=True, slots=True)
class Relaxation:
    """One active filter, and how many events there are without it."""

    chip: Chip
    found: int


@contextmanager
def told() -> Iterator[None]:
    """Shows an error of the library as its sentence; the one place where pages catch them."""
    try:
        yield
    except SupersededError:
        st.rerun()
    except AuditError as error:
        st.error(text.told(error), icon=":material/error:")


def damage(head: Head) -> None:
    """Says on every page what is missing from the record, and why."""
    sentences = text.damage(head)
    if sentences:
        with st.container(key="damage"):
            st.warning(
                "**The record is incomplete.** " + " ".join(text.label(sentence, 400) for sentence in sentences),
                icon=":material/gpp_maybe:",
            )


def unrecorded(why: str) -> None:
    """Says that what is read is not being recorded, and what is refused meanwhile; nothing where `why` is empty."""
    if why:
        with st.container(key="unrecorded"):
            st.warning(f"**What is read cannot be recorded.** {text.label(why, 300)}. {text.UNRECORDED}", icon=":material/edit_off:")


def problems(found: Sequence[Problem]) -> None:
    """Says what of the link was not taken as it stands."""
    if found:
        shown = [text.label(problem, 300) for problem in found[:8]]
        if len(found) > 8:
            shown.append(f"And {len(found) - 8} more.")
        with st.container(key="problems"):
            st.info("  \n".join(["**Part of this link was ignored.**", *shown]), icon=":material/link_off:")


def compared(found: Comparison | None) -> None:
    """Says whether the events of a copied link are still those of then."""
    if found is None:
        return
    with st.container(key="compared"):
        if found.same:
            st.success(text.label(found.sentence, 200), icon=":material/verified_user:")
        else:
            st.warning(f"**Not what it was when this link was copied.** {text.label(found.sentence, 300)}.", icon=":material/difference:")


def nothing(
    relaxations: Sequence[Relaxation],
    *,
    events: int,
    strangers: Sequence[str],
    elsewhere: tuple[str, str, int] | None,
    candidate: Person | None,
    head: Head,
    outside: bool,
) -> None:
    """The empty page: which single filter hides the results, and where else they may be.

    `strangers` are person ids of the view that the record knows nobody by; `elsewhere` is the other tab's
    key, label and matches; `candidate` someone the search text names; `outside` says that the record holds no
    event within the asked dates.
    """
    with st.container(border=True, key="nothing"):
        st.subheader(text.joined(len(relaxations)), anchor=False)
        if relaxations:
            st.caption(f"The record holds {text.count(events)}. This is what there would be without each filter.")
            _relaxations(relaxations)
        for stranger in strangers:
            st.markdown(f"Nobody in this record has the id {text.label(stranger)}.")
        if elsewhere and elsewhere[2]:
            tab, label, found = elsewhere
            _hint(f"{text.count(found, 'matching event')} on {label}.", f"Go to {label}", "go_other", lambda: session.go_to_tab(tab))
        if candidate:
            name = text.label(candidate.name or candidate.id, 60)
            _hint(
                f"{name} is a candidate. Search does not read candidates, the candidate filter does.",
                "Filter by this candidate",
                "go_candidate",
                lambda: session.follow("candidate", candidate.id),
            )
        if outside and head.first_at and head.last_at:
            first, last = (text.day(instant, session.zone()) for instant in (head.first_at, head.last_at))
            st.markdown(f"No event of the record lies within these dates: it reaches from {first} to {last}.")
        if head.quarantined:
            them = "One snapshot is" if len(head.quarantined) == 1 else f"{len(head.quarantined)} snapshots are"
            st.markdown(f"{them} quarantined. Those events are not shown anywhere; Integrity says which and why.")
        st.caption(text.SEARCH_HINT)


def hidden(found: Hiding, chips: Sequence[Chip], *, searched: bool) -> None:
    """Says why an event is not among the results, and offers the nearest results that show it.

    `chips` are the view's; `searched` says that its id was typed into the search, which does not read event ids.
    """
    hiding = set(found.filters) - ({"q"} if searched else set())
    reasons = [f"{chip.label} {text.label(chip.text, 60)}" for chip in chips if chip.parameter in hiding]
    said = f"hidden by {text.listed(reasons)}" if reasons else ""
    if found.tab:
        said += f"{' and ' if said else ''}on {vocabulary.TABS[found.tab].label}"
    if "from" in found.filters and not found.has_time:
        said += "; its time is unknown, so that it is in no range of dates"
    with st.container(horizontal=True, vertical_alignment="center", border=searched, key="hidden"):
        subject = f"**{text.label(found.event_id, 140)} is the id of an event**" if searched else "This entry is not among the results"
        st.markdown(f"{subject}{f', {said}' if said else ''}.", width="stretch")
        st.button("Show it", key="show_hidden", on_click=session.change, args=(found.relaxed.opened(found.event_id),))


def _relaxations(relaxations: Sequence[Relaxation]) -> None:
    best = max(each.found for each in relaxations)
    said = words([each.chip for each in relaxations])
    with st.container(key="relaxations"):
        for place, each in enumerate(relaxations):
            _relaxation(place, each, said[each.chip], is_best=each.found == best)


def _relaxation(place: int, each: Relaxation, said: str, *, is_best: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"relax_{place}"):
        st.markdown(said, width="stretch")
        if not each.found:
            st.markdown(":gray[still empty]", width="content")
            return
        st.markdown(f"**{each.found:,}**", width="content")
        st.button(
            "Drop this filter",
            key=f"drop_{place}",
            type="primary" if is_best else "secondary",
            on_click=session.drop,
            args=(each.chip.parameter, each.chip.value),
        )


def _hint(sentence: str, action: str, key: str, on_click: object) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(sentence, width="stretch")
        st.button(action, key=key, on_click=on_click)  # type: ignore[arg-type]
