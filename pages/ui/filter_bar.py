"""The filters in the sidebar: search, actions, a person, a range of days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final

import streamlit as st

from auditlib import vocabulary
from auditlib.engine.base import Head, Person, PersonKind
from auditlib.lookalikes import odd_letters, tags
from auditlib.text import short_id, shown_line
from auditlib.view import FILTERS, View
from pages.ui import session, text

LIVE: Final = "300ms"
Finder = Callable[[PersonKind, str], Sequence[Person]]


def filter_bar(
    view: View, *, actions: Iterable[str], head: Head, find: Finder, name_of: Callable[[str], str | None], live: bool = True
) -> None:
    """Draws the filters of the view's tab; `find` gives the people of a kind that match a text, `live` searches as one types."""
    st.text_input(
        "Search",
        key="q",
        type="search",
        live=LIVE if live else False,
        max_chars=200,
        placeholder="Actor, resource or id",
        help=text.SEARCH_HINT,
        on_change=session.search,
    )
    st.multiselect(
        "Action",
        _offered(view, actions),
        key="action",
        format_func=lambda key: shown_line(vocabulary.action(key).label, 80),
        placeholder="All actions",
        help=_meanings(view.tab),
        select_all=False,
        on_change=session.choose_actions,
    )
    _person(view, find, name_of)
    st.date_input(
        "Dates",
        key="dates",
        value=[],
        min_value=min(_days(view, head, first=True)),
        max_value=max(_days(view, head, first=False)),
        format="YYYY-MM-DD",
        help=f"First and last day, both included, in {session.zone().key}.",
        on_change=session.choose_dates,
    )
    st.segmented_control(
        "Order",
        ["newest", "oldest"],
        key="order",
        required=True,
        format_func=lambda order: f"{order.capitalize()} first",
        on_change=session.choose_order,
        width="stretch",
    )


def _person(view: View, find: Finder, name_of: Callable[[str], str | None]) -> None:
    kinds = session.people()
    kind = _kind(view, kinds) if len(kinds) > 1 else kinds[0]
    label = FILTERS[kind].label
    if chosen := view.values(kind):
        _chosen(kind, chosen, name_of)
    typed = st.text_input(
        label,
        key=f"find_{kind}",
        type="search",
        live=LIVE,
        max_chars=100,
        placeholder=f"Find {'an' if label[0] in 'AEIOU' else 'a'} {label.lower()}",
        label_visibility="collapsed" if len(kinds) > 1 else "visible",
        on_change=session.used,
    )
    if typed and typed.strip():
        _matches(kind, find(kind, typed))


def _chosen(kind: PersonKind, people: Sequence[str], name_of: Callable[[str], str | None]) -> None:
    with st.container(key="chosen"):
        for person_id in people:
            name = name_of(person_id) or person_id
            odd = odd_letters(name)
            st.button(
                text.label(name, 60) + (f" :gray[{text.label(odd)}]" if odd else ""),
                key=f"match_chosen_{kind}_{person_id}",
                icon=":material/close:",
                icon_position="right",
                help=f"Remove this {FILTERS[kind].label.lower()}",
                on_click=session.drop,
                args=(kind, person_id),
                width="stretch",
            )


def _kind(view: View, kinds: tuple[PersonKind, ...]) -> PersonKind:
    """Which of the tab's kinds of person is looked for; at first the one that is filtered by, if any."""
    filtered = next((kind for kind in kinds if view.values(kind)), None)
    if "person_kind" not in st.session_state or (filtered and filtered != st.session_state.get("_filtered_kind")):
        st.session_state["person_kind"] = filtered or kinds[0]
    st.session_state["_filtered_kind"] = filtered
    chosen = st.segmented_control(
        "Person",
        kinds,
        key="person_kind",
        required=True,
        format_func=lambda kind: FILTERS[kind].label,
        on_change=session.used,
        width="stretch",
    )
    return chosen or kinds[0]


def _matches(kind: PersonKind, people: Sequence[Person]) -> None:
    if not people:
        st.caption(text.NOBODY)
        return
    told_apart = tags((person.id, person.name or person.id) for person in people)
    with st.container(key="matches", gap=None):
        for person in people:
            name = person.name or person.id
            tag = told_apart.get((person.id, name), "")
            known_by = dict.fromkeys([*tag.split(" · "), person.email or short_id(person.id)])
            st.button(
                f"{text.label(name, 22 if tag else 40)} :gray[{text.label(' · '.join(filter(None, known_by)), 60)}]",
                key=f"match_{kind}_{person.id}",
                on_click=session.choose_person,
                args=(kind, person.id),
                type="tertiary",
                width="stretch",
            )


def _offered(view: View, actions: Iterable[str]) -> list[str]:
    """The named actions of the tab, then whatever else was recorded, then whatever the link asks."""
    named = [key for key, action in vocabulary.ACTIONS.items() if action.on_interviews or view.tab == vocabulary.TEAM]
    return list(dict.fromkeys([*named, *sorted(set(actions) - vocabulary.ACTIONS.keys()), *view.values("action")]))


def _meanings(tab: str) -> str:
    named = [action for action in vocabulary.ACTIONS.values() if action.on_interviews or tab == vocabulary.TEAM]
    return "\n".join(f"- **{action.label}**: {action.help}" for action in named)


def _days(view: View, head: Head, *, first: bool) -> list[date]:
    """Days the calendar must reach: those of the record, a margin, and those the link asks."""
    known = head.first_at if first else head.last_at
    asked = [date.fromisoformat(bound[:10]) for bound in (view.start, view.end) if bound]
    today = date.today()
    record = [] if known is None or abs(known.year - today.year) > 100 else [known.date()]
    return [*record, *asked, today.replace(month=1, day=1) if first else today.replace(month=12, day=31)]
