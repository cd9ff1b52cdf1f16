"""Links and views: what a link says is what a view asks, and what it cannot get is said in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditlib import vocabulary
from auditlib.errors import LinkError
from auditlib.view import FILTERS, ORDERS, PAGE_SIZES, PARAMETERS, Clause, View
from auditlib.view.problems import near

ASSUMED = "Assumed tz='UTC': the link names no usable zone for its days, so they are cut in UTC."
EMPTY_RANGE = "the range is empty, since this minute is not included; choose a later one"
BERLIN = "Europe/Berlin"

GOOD = {
    "": View(),
    "tab=team": View(tab="team"),
    "q=anna%20lee": View(clauses=(Clause("q", "anna lee"),)),
    "q=100%25_%5C%27%3B--": View(clauses=(Clause("q", "100%_\\';--"),)),
    "q=!x": View(clauses=(Clause("q", "!x"),)),
    "q=%E2%80%AEgnp": View(clauses=(Clause("q", "\u202egnp"),)),
    "action=updated&action=!created": View(clauses=(Clause("action", "updated"), Clause("action", "created", True))),
    "interviewer=U1&interviewer=U2": View(clauses=(Clause("interviewer", "U1"), Clause("interviewer", "U2"))),
    "candidate=!C1": View(clauses=(Clause("candidate", "C1", True),)),
    "tab=team&member=U1&actor=!!U2": View(tab="team", clauses=(Clause("member", "U1"), Clause("actor", "!U2", True))),
    "type=recording&resource=interview_booking:BK:1": View(
        clauses=(Clause("type", "recording"), Clause("resource", "interview_booking:BK:1"))
    ),
    "related=booking:BK1&outcome=denied": View(clauses=(Clause("related", "booking:BK1"), Clause("outcome", "denied"))),
    "ip=203.0.113.0/24&ip=vpn%20gate&changed=status": View(
        clauses=(Clause("ip", "203.0.113.0/24"), Clause("ip", "vpn gate"), Clause("changed", "status"))
    ),
    "from=2026-11-12&to=2026-11-19&tz=Europe/Berlin": View(start="2026-11-12", end="2026-11-19", tz=BERLIN),
    "from=2026-11-12T09:30&tz=UTC": View(start="2026-11-12T09:30", tz="UTC"),
    "to=2026-11-12&tz=UTC": View(end="2026-11-12", tz="UTC"),
    "tz=Asia/Kolkata": View(tz="Asia/Kolkata"),
    "order=oldest&rows=100&page=7": View(order="oldest", rows=100, page=7),
    f"event=01H.a:b~{'0' * 12}&at=0a1b2c3d&n=0": View(event=f"01H.a:b~{'0' * 12}", at="0a1b2c3d", n=0),
    f"event={'x' * 128}~0123456789ab": View(event=f"{'x' * 128}~0123456789ab"),
}

BAD = {
    "action=updatd": "Ignored action='updatd': no such action. Did you mean 'updated'?",
    "action=Up%20Dated": "Ignored action='Up Dated': expected an action key such as updated. Did you mean 'updated'?",
    "action=": "Ignored action='': expected a value, found none.",
    "tab=teem": "Ignored tab='teem': expected one of interviews, team; interviews is used. Did you mean 'team'?",
    "tab=team&tab=interviews": "Ignored tab='interviews': given more than once; the first one counts.",
    "member=U1": "Ignored member='U1': not a filter of Interviews.",
    "tab=team&candidate=C1": "Ignored candidate='C1': not a filter of Team.",
    "candidate=C1&interviewer=U1": "Ignored candidate='C1': cannot be combined with interviewer.",
    "acton=updated": "Ignored acton='updated': no such parameter. Did you mean 'action'?",
    "type=Rec%20ording": "Ignored type='Rec ording': expected a resource type such as recording.",
    "resource=BK1": "Ignored resource='BK1': expected kind:id, such as interview_booking:BK1.",
    "related=booking:": "Ignored related='booking:': expected kind:id, such as interview_booking:BK1.",
    "outcome=ok": "Ignored outcome='ok': expected one of success, failure, denied.",
    "ip=": "Ignored ip='': expected a value, found none.",
    "changed=a%00b": "Ignored changed='a\\u0000b': expected text without control characters.",
    "q=%20": "Ignored q='': expected a value, found none.",
    f"q={'a' * 201}": f"Ignored q='{'a' * 59}…': expected at most 200 characters, found 201.",
    f"actor={'a' * 100_000}": f"Ignored actor='{'a' * 59}…': expected at most 512 characters, found 100000.",
    "q=a&q=b": "Ignored q='b': given more than once; the first one counts.",
    "from=yesterday": "Ignored from='yesterday': expected YYYY-MM-DD or YYYY-MM-DDTHH:MM.",
    "to=2026-02-30": "Ignored to='2026-02-30': expected YYYY-MM-DD or YYYY-MM-DDTHH:MM, and no such day or time exists.",
    "from=9001-01-01": "Ignored from='9001-01-01': expected a year from 1900 to 9000.",
    "from=2026-11-12T9:30": "Ignored from='2026-11-12T9:30': expected YYYY-MM-DD or YYYY-MM-DDTHH:MM.",
    "from=٢٠٢٦-11-12": "Ignored from='٢٠٢٦-11-12': expected YYYY-MM-DD or YYYY-MM-DDTHH:MM.",
    "from=2026-11-19&to=2026-11-12&tz=UTC": "Swapped from='2026-11-19': it lies after to='2026-11-12'.",
    "from=2026-11-19T10:00&to=2026-11-19T10:00&tz=UTC": f"Note to='2026-11-19T10:00': {EMPTY_RANGE}.",
    "from=2026-11-19&to=2026-11-19": ASSUMED,
    "tz=Europe/Berln": "Ignored tz='Europe/Berln': no such time zone. Did you mean 'Europe/Berlin'?",
    "tz=../../etc/passwd": "Ignored tz='../../etc/passwd': no such time zone.",
    "order=newst": "Ignored order='newst': expected one of newest, oldest; newest is used. Did you mean 'newest'?",
    "rows=51": "Ignored rows='51': expected one of 10, 20, 50, 100; 50 is used.",
    "page=-1": "Ignored page='-1': expected a whole number from 1.",
    "page=0": "Ignored page='0': expected a whole number from 1.",
    "page=1e21": "Ignored page='1e21': expected a whole number from 1.",
    "page=²": "Ignored page='²': expected a whole number from 1.",
    "event=a%20b": "Ignored event='a b': expected an event id.",
    "at=xyz": "Ignored at='xyz': expected 8 to 64 hexadecimal digits.",
    "n=-1": "Ignored n='-1': expected a whole number from 0.",
    "%E2%80%AEq=%00": "Ignored \\u202eq='\\u0000': no such parameter. Did you mean 'q'?",
    "&".join(["action=updated"] * 301): "Ignored …='1 more': expected at most 300 parameters.",
}


@pytest.mark.parametrize(("query", "view"), GOOD.items(), ids=[query[:40] for query in GOOD])
def test_a_good_link_is_its_view_and_back(query: str, view: View) -> None:
    assert View.from_link(query) == view
    assert View.from_link(query).problems == ()
    assert view.to_query() == query
    assert View.from_link(f"https://host:8501/audit?{query}#part") == View.from_link(f"?{query}") == View.from_link(str(view)) == view
    assert View.from_pairs(view.to_pairs()) == view


def test_a_page_past_any_log_is_a_page_and_no_mistake() -> None:
    view = View.from_link(f"page={'9' * 30}")
    assert (view.page, view.problems) == (10**15, ())
    assert View.from_link(view.to_query()) == view


def test_every_parameter_stands_in_the_table_of_good_links_and_in_that_of_bad_ones() -> None:
    for table in (GOOD, BAD):
        missing = [parameter for parameter in PARAMETERS if not any(f"{parameter}=" in query for query in table)]
        assert missing == [], missing


@pytest.mark.parametrize(("query", "sentence"), BAD.items(), ids=[query[:40] for query in BAD])
def test_what_a_link_cannot_get_is_said_and_the_rest_is_kept(query: str, sentence: str) -> None:
    view = View.from_link(query)
    assert sentence in view.problems
    assert set(view.problems) <= {sentence, ASSUMED}
    again = View.from_link(str(view))
    assert again == view
    assert not [problem for problem in again.problems if not problem.startswith("Note")]


def test_a_problem_carries_its_parts() -> None:
    (problem,) = View.from_link("action=updatd").problems
    assert (problem.parameter, problem.value, problem.reason, problem.suggestion, problem.verb) == (
        "action",
        "updatd",
        "no such action",
        "updated",
        "Ignored",
    )


@pytest.mark.parametrize("link", ["https://host/story?tab=team", "/auditx?q=a", "https://[::1/audit?q=a", "just words", "C:\\audit"])
def test_a_link_of_another_page_cannot_be_read(link: str) -> None:
    with pytest.raises(LinkError, match="Cannot read the link"):
        View.from_link(link)


@pytest.mark.parametrize(
    "link", ["q=what?", "q=a/b?c=d", "?q=a", "/audit/?q=a", "audit?q=a", "http://h/base/audit?q=a", "/audit", "", "  "]
)
def test_links_come_with_and_without_host_and_path(link: str) -> None:
    assert View.from_link(link).problems == ()


def test_an_action_is_honoured_when_the_opened_store_has_it() -> None:
    assert View.from_link("action=odd.one", actions=["odd.one"]).values("action") == ("odd.one",)
    assert View.from_link("action=!Odd One", actions=["Odd One"]).values("action", excluded=True) == ("Odd One",)
    late = View.from_link("action=odd.one&action=!Odd One&action=!!x&action=nope").resolved(["odd.one", "Odd One", "x"])
    assert [clause.text for clause in late.clauses] == ["odd.one", "!Odd One"]
    assert [problem.value for problem in late.problems] == ["!!x", "nope"]


@pytest.mark.parametrize("rule", FILTERS.values(), ids=list(FILTERS))
def test_every_filters_example_is_accepted_reads_well_and_round_trips(rule: Any) -> None:
    for tab in rule.tabs:
        for sign in ("",) if rule.single else ("", "!"):
            view = View.from_link(f"tab={tab}&{rule.parameter}={quote(sign + rule.example)}")
            assert view.problems == ()
            assert [clause.text for clause in view.clauses] == [sign + rule.example]
            assert View.from_link(view.to_query()) == view
            (chip,) = view.chips()
            assert (chip.parameter, chip.value, chip.label) == (rule.parameter, sign + rule.example, rule.label)
            assert chip.text.startswith("not ") == bool(sign)
            assert rule.show(rule.example) in view.describe()
            assert view.without(chip.parameter, chip.value) == View(tab=tab)


VALUES = st.one_of(
    st.text(max_size=30), st.sampled_from([rule.example for rule in FILTERS.values()]), st.sampled_from(list(vocabulary.ACTIONS))
)


@st.composite
def views(draw: Any) -> View:
    """Any view that a link can ask."""
    tab = draw(st.sampled_from(list(vocabulary.TABS)))
    view = View(tab=tab)
    for parameter in draw(st.lists(st.sampled_from([key for key, rule in FILTERS.items() if tab in rule.tabs]), max_size=5)):
        rule = FILTERS[parameter]
        excluded = not rule.single and draw(st.booleans())
        value = rule.example if parameter == "action" else draw(VALUES)
        if not rule.check(value) and (rule.single or excluded or not value.startswith("!")):
            view = view.having(parameter, value, excluded=excluded)
    days = st.dates().map(str).filter(lambda day: "1900" <= day < "9000")
    bounds = sorted(draw(st.lists(days, max_size=2)))
    if bounds:
        end = f"{bounds[-1]}T{draw(st.times()):%H:%M}" if len(bounds) == 2 and bounds[0] < bounds[1] and draw(st.booleans()) else bounds[-1]
        view = view.between(bounds[0], end if len(bounds) == 2 else None, draw(st.sampled_from(["UTC", BERLIN, "Asia/Kolkata"])))
    return replace(
        view,
        order=draw(st.sampled_from(ORDERS)),
        rows=draw(st.sampled_from(PAGE_SIZES)),
        page=draw(st.integers(1, 10**15 - 1)),
        event=draw(st.just("") | st.from_regex(r"[A-Za-z0-9._:~-]{1,128}", fullmatch=True)),
        at=draw(st.just("") | st.from_regex(r"[0-9a-f]{8,64}", fullmatch=True)),
        n=draw(st.none() | st.integers(0, 10**15 - 1)),
    )


@given(view=views())
@settings(max_examples=150, deadline=None)
def test_every_view_comes_back_from_its_link(view: View) -> None:
    again = View.from_link(view.to_query())
    assert (again, again.problems) == (view, ())
    assert View.from_link(str(view)) == view
    assert hash(again) == hash(view)
    assert len(view.chips()) == len(view.clauses) + bool(view.start or view.end)
    assert view.describe().endswith(".")


@given(
    link=st.text()
    | st.text().map(lambda text: f"/audit?{text}")
    | st.lists(st.tuples(st.sampled_from(PARAMETERS), VALUES)).map(
        lambda pairs: "&".join(f"{parameter}={value}" for parameter, value in pairs)
    )
)
@example(link="q=\ud800")
@example(link="\ud800=1")
@example(link="//[&=")
@example(link="q=%ff%00")
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_view_or_no_link(link: str) -> None:
    try:
        view = View.from_link(link)
    except LinkError as error:
        assert str(error).startswith("Cannot read the link")
        return
    assert View.from_link(str(view)) == view
    assert view.describe()
    assert view.predicate()


# -- neighbours -------------------------------------------------------------------------------------

BUSY = View.from_link(
    f"q=a&candidate=C1&actor=P1&from=2026-11-01&to=2026-11-02&tz={BERLIN}&order=oldest&rows=20&page=3&event=e1&at=0a1b2c3d&n=5"
)


def test_choosing_a_candidate_clears_the_interviewer_and_the_other_way_round() -> None:
    assert View().having("interviewer", "U1").having("candidate", "C1") == View().having("candidate", "C1")
    assert View().having("candidate", "C1").having("interviewer", "U1") == View().having("interviewer", "U1")


def test_changing_tab_keeps_what_both_tabs_share_drops_the_rest_and_closes_the_entry() -> None:
    expected = f"tab=team&q=a&actor=P1&from=2026-11-01&to=2026-11-02&tz={BERLIN}&order=oldest&rows=20"
    assert BUSY.on_tab("team").to_query() == expected
    assert View(tab="team").having("member", "U1").on_tab("interviews") == View()


def test_clear_all_keeps_tab_rows_zone_and_order() -> None:
    assert BUSY.cleared().to_query() == f"tz={BERLIN}&order=oldest&rows=20"


def test_every_filter_change_goes_to_page_one_and_closes_the_entry() -> None:
    changed = [
        BUSY.having("q", "b"),
        BUSY.without("q"),
        BUSY.without("from"),
        BUSY.between(None, None),
        BUSY.with_only("actor"),
        BUSY.sized(10),
        BUSY.ordered("newest"),
        BUSY.on_tab("team"),
    ]
    assert {(view.page, view.event) for view in changed} == {(1, "")}


def test_paging_and_opening_leave_the_filters_alone() -> None:
    assert replace(BUSY.on_page(9).opened("e2"), page=3, event="e1") == BUSY
    assert BUSY.opened("").event == ""


def test_a_value_is_asked_for_or_excluded_but_not_both_by_hand() -> None:
    view = View().having("action", "updated").having("action", "updated", excluded=True)
    assert [clause.text for clause in view.clauses] == ["!updated"]
    assert [clause.text for clause in view.having("action", "updated", "created").clauses] == ["updated", "created"]


def test_search_holds_one_text_and_repeated_values_count_once() -> None:
    assert View().having("q", "a").having("q", "b").values("q") == ("b",)
    assert View().having("action", "updated", "updated").values("action") == ("updated",)


def test_with_only_replaces_what_is_asked_for_and_keeps_what_is_excluded() -> None:
    view = View().having("action", "updated").having("action", "deleted", excluded=True)
    assert [clause.text for clause in view.with_only("action", "created").clauses] == ["!deleted", "created"]
    assert [clause.text for clause in view.with_only("action").clauses] == ["!deleted"]


def test_without_drops_one_value_or_the_whole_filter() -> None:
    view = View().having("action", "updated", "created").having("action", "deleted", excluded=True)
    assert [clause.text for clause in view.without("action", "!deleted").clauses] == ["updated", "created"]
    assert view.without("action").clauses == ()
    assert BUSY.without("to").to_query() == f"q=a&candidate=C1&actor=P1&tz={BERLIN}&order=oldest&rows=20"


def test_problems_take_no_part_in_the_equality_of_views() -> None:
    assert View.from_link("nope=1") == View()
    assert hash(View.from_link("nope=1")) == hash(View())


def test_people_are_named_on_chips_and_in_the_sentence() -> None:
    names = {"U1": "Anna Lee", "C1": None}.get
    view = View(tab="team").having("member", "U1").having("actor", "C1", excluded=True)
    assert [chip.text for chip in view.chips(names)] == ["Anna Lee", "not C1"]
    assert "team member is Anna Lee and actor is not C1" in view.describe(names)


def test_the_sentence_says_everything_that_is_asked() -> None:
    assert View().describe() == "Interview events, newest first, page 1 at 50 rows a page."
    assert BUSY.describe() == (
        "Interview events where search is “a” and candidate is C1 and actor is P1, 1 – 2 Nov 2026 (Europe/Berlin), "
        "oldest first, page 3 at 20 rows a page, with event e1 open."
    )
    view = View.from_link("tab=team&action=updated&action=created&action=!deleted&ip=10.0.0.1&from=2026-11-01&tz=UTC")
    assert view.describe() == (
        "Team events where action is Updated or Created and action is not Deleted and IP address is 10.0.0.1 "
        "(dates not applied: from 1 Nov 2026, pick an end), newest first, page 1 at 50 rows a page."
    )


def test_the_near_word_is_found_whatever_its_case() -> None:
    assert near("UPDATED", vocabulary.ACTIONS) == "updated"
    assert near("x" * 101, vocabulary.ACTIONS) == near("zzz", vocabulary.ACTIONS) == ""
