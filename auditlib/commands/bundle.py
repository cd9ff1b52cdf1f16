"""The commands of evidence bundles: `bundle`, and what `verify` does with one."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer

from auditlib.commands.shared import LinkArgument, StoreOption, asked, counted, progress, say
from auditlib.text import visible


def bundle(
    link: LinkArgument,
    store: StoreOption,
    output: Annotated[Path, typer.Option(help="The bundle; never overwritten.")],
    event: Annotated[list[str] | None, typer.Option(help="Only this event, wherever the link leads; may repeat.", metavar="ID")] = None,
    report: Annotated[bool, typer.Option("--report", help="Adds a report in HTML, for printing.")] = False,
    excerpt: Annotated[bool, typer.Option("--excerpt", help="Leaves the snapshot files out, which hold other events too.")] = False,
    exporter: Annotated[str | None, typer.Option(help="Who takes the bundle; by default the user of this machine.")] = None,
) -> None:
    """Write the events of a link, and all that proves them, into one archive that can be checked anywhere."""
    from auditlib.evidence.bundle import WHOLE_BYTES, save_bundle
    from auditlib.evidence.selection import Selection
    from auditlib.store import sha256_descriptor

    log, view = asked(link, store)
    reached: dict[str, int] = {}
    with progress("Bundling", None) as advance:

        def tell(stage: str, done: int, total: int) -> None:
            advance(done - reached.get(stage, 0), total)
            reached[stage] = done

        options = {"exporter": exporter or _user(), "report": report, "whole_bytes": 0 if excerpt else WHOLE_BYTES, "progress": tell}
        made = save_bundle(log, Selection(view, tuple(event or ())), output, **options)
    with output.open("rb") as file:
        digest = sha256_descriptor(file.fileno())
    typer.echo(f"{digest}  {output}")
    of = f" of {made.total:,}" if made.events < made.total else ""
    say(f"{counted(made.events, 'event')}{of}, head {log.head.seq}:{log.head.digest}; keep the SHA-256 apart from the file.")
    say(_PARQUET[made.kind])


_PARQUET = {
    "record": "All snapshot files are inside, with all other events, so that the same question can be asked again.",
    "files": "The snapshot files that hold these events are inside; that no other event matches cannot be shown with them alone.",
    "excerpt": "An excerpt of these events is inside, with the file and row of each, and no snapshot file.",
}


def verify_archive(path: Path, as_json: bool) -> int:
    """Checks a bundle, says what was found, and gives the exit code."""
    from auditlib.evidence.bundle_check import verify_bundle
    from auditlib.store.acceptance import configured

    with progress("Verifying", path.stat().st_size, unit="bytes") as advance:
        report = verify_bundle(path, configured(), progress=advance)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        for finding in report.findings:
            typer.echo(f"{_WORDS[finding.state]:<9} {finding.check:<13} {visible(finding.sentence)}")
        typer.echo("The bundle is good." if report.ok else "The bundle is not good.")
    return report.exit_code


_WORDS = {"good": "verified", "bad": "damaged", "open": "not shown"}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
