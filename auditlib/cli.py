"""The command line: `python -m auditlib …`.

Results go to standard output, progress and messages to standard error. Exit 0 for a good end, 1 where
verification found damage, 2 with one clear line for wrong use or bad input, 141 where whoever reads the
results stopped early.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NoReturn

import typer
from typer.exceptions import TyperException

from auditlib.commands.bundle import bundle
from auditlib.commands.keys import keygen, sign
from auditlib.commands.lake import lake
from auditlib.commands.ledger import ledger
from auditlib.commands.publish import demo, formats, ingest
from auditlib.commands.query import describe, query
from auditlib.commands.retention import erase, retire
from auditlib.commands.shared import say
from auditlib.commands.sql import sql
from auditlib.commands.verify import verify
from auditlib.errors import AuditError

BROKEN_PIPE: Final = 141
"""What shells give for a command that a broken pipe ended: 128 and the number of the signal."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Read, verify and publish audit logs.")

for command in (demo, ingest, formats, verify, query, describe, sql, bundle, keygen, sign, retire, erase, ledger):
    app.command()(command)
app.add_typer(lake, name="lake")


def main() -> NoReturn:
    """Runs the command line and exits."""
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    code = 2
    try:
        code = app(standalone_mode=False)
    except SystemExit:  # so typer ends on a broken pipe, and on nothing else, with the code that says damage here
        code = BROKEN_PIPE
    except TyperException as error:
        sentence = getattr(error, "format_message", error.__str__)()
        say(f"Error: {' '.join(sentence.split()).removesuffix('.')}; see --help")
    except AuditError as error:
        say(f"Error: {error}")
    except OSError as error:
        say(f"Error: {error.strerror or error}")
    except typer.Abort:
        say("Stopped.")
    sys.exit(code)
