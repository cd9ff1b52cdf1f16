"""The report in a bundle: one HTML file that reads and prints well, without a script, every text from the record escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

import pyarrow as pa

from auditlib import metadata, times, vocabulary
from auditlib.event import changes_of
from auditlib.text import visible

MOST_EVENTS: Final = 2_000
MOST_CHARACTERS: Final = 4_000
"""How many events a report shows, and of each metadata so many characters."""

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 10.5pt/1.45 system-ui, sans-serif; color: #1a1d23; margin: 2.5rem auto; max-width: 60rem; padding: 0 1.5rem; }
h1 { font-size: 1.7em; margin: 0 0 0.2em; }
h2 { font-size: 1.15em; margin: 2em 0 0.5em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25em 1.2em; margin: 1.2em 0; }
dt { color: #4b525d; }
dd, dl.event dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 0.88em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; margin: 0; }
.notice { border: 1px solid #b4690e; background: #fcefd9; color: #87480a; border-radius: 6px; padding: 0.6em 0.9em; margin: 1em 0; }
article { border-top: 1px solid #dfe2e7; padding: 0.9em 0; break-inside: avoid-page; }
article h3 { font-size: 1em; margin: 0; }
article p { margin: 0.15em 0; color: #4b525d; }
table { border-collapse: collapse; margin: 0.5em 0; width: 100%; table-layout: fixed; }
th, td { border: 1px solid #dfe2e7; padding: 0.25em 0.5em; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
th { color: #4b525d; font-weight: 600; }
footer { margin-top: 2em; border-top: 1px solid #dfe2e7; padding-top: 0.8em; color: #4b525d; }
@page { margin: 18mm 16mm; }
@media print { body { margin: 0; max-width: none; padding: 0; font-size: 9.5pt; } thead { display: table-header-group; } }
"""
_HEAD: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Audit log evidence</title>
<style>{style}</style>
</head>
<body>
"""


def render(query: Mapping[str, Any], batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """The report as pieces of HTML: what a bundle says of itself, then its first events."""
    yield _HEAD.replace("{style}", _STYLE)
    yield f"<h1>Audit log evidence</h1>\n<p>{_text(query['sentence'])}</p>\n{_notices(query)}{_facts(query)}<h2>Events</h2>\n"
    left = MOST_EVENTS
    zone = query["zone"]
    for batch in batches:
        for record in batch.slice(0, left).to_pylist():
            yield _event(record, zone)
        left -= min(left, batch.num_rows)
        if not left:
            break
    if query["events"] > MOST_EVENTS:
        yield f'<p class="notice">The report shows the first {MOST_EVENTS:,} events; events.jsonl has all {query["events"]:,}.</p>\n'
    yield (
        "<footer>This report is for reading. The evidence is events.jsonl with the chain beside it; VERIFY.md says how to check both. "
        f"Content SHA-256 <code>{_text(query['content_sha256'])}</code></footer>\n</body>\n</html>\n"
    )


def _notices(query: Mapping[str, Any]) -> str:
    sentences = [f"Incomplete: snapshot {seq} is quarantined: {why}" for seq, why in query["quarantined"].items()]
    sentences += [f"Incomplete: {query['problem']}"] if query["problem"] else []
    sentences += [query["truncated"]] if query["truncated"] else []
    return "".join(f'<p class="notice">{_text(sentence)}</p>\n' for sentence in sentences)


def _facts(query: Mapping[str, Any]) -> str:
    head = query["head"]
    facts = {
        "Events": f"{query['events']:,}" + (f" of {query['total']:,}" if query["truncated"] else ""),
        "Link": query["link"],
        "Times": f"UTC, and {query['zone']}" if query["zone"] != "UTC" else "UTC",
        "Record": f"log {head['log_id']}, head {head['seq']}, SHA-256 {head['sha256']}",
        "Taken": f"{query['export']['made_at']} by {query['exporter']}",
        "Export": query["export"]["id"],
    }
    return _list(facts)


def _event(record: Mapping[str, Any], zone: str) -> str:
    actor = record["actor_name"] or record["actor_email"] or record["actor_id"] or "Not recorded"
    resource = vocabulary.resource_label(record["resource_type"])
    title = f"{vocabulary.action(record['action']).label} · {resource} {record['resource_id'] or ''}".strip()
    facts = {
        "Event id": record["event_id"],
        "Actor": " · ".join(filter(None, (actor, record["actor_role"], record["actor_id"], record["actor_email"]))),
        "Interviewer": " · ".join(filter(None, (record["interviewer_name"], record["interviewer_id"]))),
        "Candidate": " · ".join(filter(None, (record["candidate_name"], record["candidate_id"]))),
        "Outcome": record["outcome"] or "",
        "Recorded": times.write_utc(record["recorded_at"]) or "",
        "Source": " · ".join(filter(None, (record["source"], record["tenant"], record["source_event_id"]))),
        "Related": record["related"] or "",
        "IP": record["ip"] or "",
    }
    body = _list({label: value for label, value in facts.items() if value}, "event")
    summary = f"<p>{_text(record['summary'])}</p>\n" if record["summary"] else ""
    return (
        f"<article>\n<h3>{_text(title)}</h3>\n<p>{_when(record, zone)}</p>\n{summary}{body}{_changes(record['changes'])}"
        f"{_metadata(record['metadata'])}</article>\n"
    )


def _when(record: Mapping[str, Any], zone: str) -> str:
    at = record["occurred_at"]
    if at is None:
        return "unknown time"
    tz = times.zone(zone)
    local = f" · {times.in_zone(at, tz):%Y-%m-%d %H:%M:%S} {zone}" if tz and zone != "UTC" else ""
    return _text(f"{times.write_utc(at)}{local}")


def _changes(text: str | None) -> str:
    changed = changes_of(text)
    if not changed:
        return f"<p>Changes as recorded: <code>{_text(text)}</code></p>\n" if text else ""
    rows = "".join(
        f"<tr><td>{_text(each['field'])}</td><td>{_side(each, 'before')}</td><td>{_side(each, 'after')}</td></tr>\n" for each in changed
    )
    return f"<table>\n<thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"


def _side(change: Mapping[str, Any], side: str) -> str:
    return _text(_cut(str(change[side]))) if side in change else "not recorded"


def _metadata(text: str) -> str:
    shown = text if len(text) > MOST_CHARACTERS else metadata.indented(text)
    return f"<p>Metadata</p>\n<pre>{_text(_cut(shown))}</pre>\n"


def _cut(text: str) -> str:
    left = len(text) - MOST_CHARACTERS
    return text if left <= 0 else f"{text[:MOST_CHARACTERS]}… (and {left:,} more characters, in events.jsonl)"


def _list(facts: Mapping[str, str], name: str = "about") -> str:
    return f'<dl class="{name}">\n' + "".join(f"<dt>{label}</dt><dd>{_text(value)}</dd>\n" for label, value in facts.items()) + "</dl>\n"


def _text(text: str) -> str:
    return escape(visible(text))
