"""What a link asked and cannot get, as sentences for the page."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from auditlib.text import one_line


class Problem(str):
    """The sentence about one value of a link that was not taken as it stands.

    It reads `Ignored action='updatd': no such action. Did you mean 'updated'?`; parameter, value,
    reason, suggestion and verb are attributes.
    """

    parameter: str
    value: str
    reason: str
    suggestion: str
    verb: str

    __slots__ = ("parameter", "reason", "suggestion", "value", "verb")

    def __new__(cls, parameter: str, value: str, reason: str, suggestion: str = "", verb: str = "Ignored") -> Problem:
        hint = f" Did you mean {suggestion!r}?" if suggestion else ""
        problem = super().__new__(cls, f"{verb} {one_line(parameter, 40)}='{one_line(value, 60)}': {reason}.{hint}")
        problem.parameter, problem.value, problem.reason = parameter, value, reason
        problem.suggestion, problem.verb = suggestion, verb
        return problem


def near(word: str, known: Iterable[str]) -> str:
    """The known word nearest to a mistyped one, or an empty text where none is near."""
    folded = {candidate.casefold(): candidate for candidate in known}
    if len(word) > 100:
        return ""
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""
