"""Lines of the server's log about errors: their kind and their places in the code, never what they say.

The words of an exception can hold what was read or sent: a name, a cookie, a value of the metadata.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any


def keep_words_out() -> None:
    """Makes every logger of this process write errors so."""
    make = logging.getLogRecordFactory()

    def record(*arguments: Any, **more: Any) -> logging.LogRecord:
        made = make(*arguments, **more)
        if made.exc_info and made.exc_info[1]:
            made.exc_text, made.exc_info = places(made.exc_info[1]), None
        return made

    logging.setLogRecordFactory(record)


def places(error: BaseException) -> str:
    """The kind of an error and where it was raised, outermost call first; then the same of the error it came from."""
    lines, seen = [], set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        lines.append(f"{type(found).__qualname__}, raised in")
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(found.__traceback__)]
        found = found.__cause__ or found.__context__
    return "\n".join(lines)
