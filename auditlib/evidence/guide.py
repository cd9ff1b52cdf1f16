"""The guide in a bundle: how to check it with coreutils, unzip and OpenSSL, and what that proves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from auditlib.store import FileEntry
from auditlib.text import visible

_PARQUET: Final = {
    "record": """\
`data/` holds every snapshot file of the record as it was served, so anyone can ask the same question again: the
same events must come out, and no others.""",
    "files": """\
`data/` holds the snapshot files that these events stand in, whole. `excerpt.parquet` says for each event in which
file and row (`snapshot_file`, `snapshot_row` from 0) it stands. That shows that the events were recorded so; that no
other event matches can only be shown with the rest of the record, which is not in here.""",
    "excerpt": """\
The snapshot files are **not** in here: `excerpt.parquet` is an excerpt of them. For each event it names the file and row
(`snapshot_file`, `snapshot_row` from 0) it was recorded in. Whoever has these files can compare them; `sha256sum` must
give for them what the chain says:""",
}

_TOP: Final = """\
# How to check this evidence bundle

{sentence}

{numbers}

All of this needs only `sh`, `unzip`, `openssl` and the usual `sha256sum`, `cut`, `sort`, `comm`, `cat`, `tr`. Nothing
of the software that made the bundle is needed. Run the blocks below in the order they stand, in one shell, in the
folder of the bundle; each must end without a word. The first line takes the name under which the bundle reached you.

## 1. The bundle is the one that was made

The export told the SHA-256 of the file. Compare it with what came to you by another way than the file itself:

```sh
bundle={name}
sha256sum "$bundle" > digest-of-the-bundle
```

## 2. Nothing in it was altered, added or removed

```sh
unzip -q "$bundle" -d evidence
cd evidence
sha256sum --check --strict --quiet SHA256SUMS
{{ cut -c67- SHA256SUMS; echo SHA256SUMS; }} | sort > ../listed
test -z "$(unzip -Z1 "../$bundle" | sort | comm -3 - ../listed)" || {{ echo "files were added or removed"; false; }}
```

## 3. The manifests are one unbroken chain

Each manifest names the SHA-256 of the one before it; the first names zeros. The last one is the head, whose digest the
export stated. Compare it with a head that you noted yourself earlier, or that someone else noted: only that shows that
the whole chain was not written anew.

```sh
digest=0000000000000000000000000000000000000000000000000000000000000000
for manifest in manifests/*.json; do
  case "$(cat "$manifest")" in
    *"\\"prev_sha256\\":\\"$digest\\""*) ;;
    *) echo "$manifest does not follow the one before it"; false ;;
  esac
  digest=$(sha256sum "$manifest" | cut -c1-64)
done
test "$digest" = {head} || {{ echo "the last manifest is not the head"; false; }}
```
"""

_FILES: Final = """
## 4. The snapshot files are those of the chain

```sh
cat manifests/*.json | tr '{' '\\n' > ../entries
for file in data/*.parquet; do
  digest=$(sha256sum "$file" | cut -c1-64)
  known=no
  while read -r entry; do
    case "$entry" in *"\\"path\\":\\"${file#data/}\\","*"\\"sha256\\":\\"$digest\\""*) known=yes ;; esac
  done < ../entries
  test $known = yes || { echo "$file is not in the chain"; false; }
done
```
"""

_SIGNED: Final = """
## {number}. The publisher signed them

{which} The signatures are Ed25519 over exactly the bytes of each manifest. Take the publisher's public key from the
publisher, never from whoever gave you this bundle, and put it beside the folder as `publisher.pem`.

```sh
for signature in manifests/*.sig; do
  openssl pkeyutl -verify -pubin -inkey ../publisher.pem -rawin -in "${{signature%.sig}}" -sigfile "$signature" > ../answer ||
    {{ echo "$signature is not good"; false; }}
done
```
"""

_END: Final = """
## {number}. The events are those of the snapshots

{parquet}
{files}
`events.jsonl` has one event a line, metadata byte for byte as it was recorded (as a JSON string). `events.csv` is the same for
spreadsheets and is lossy: a text that a spreadsheet would take for a formula has an apostrophe in front. With the software
that made this bundle, version {version}, `python -m auditlib verify {name}` does all of the above and derives the events
from the Parquet files anew.

## What this does not show

That something was recorded does not make it true, and what was never recorded cannot be found in a record. A chain without
signatures, or one whose head nobody noted elsewhere, can be written anew as a whole by whoever holds the store.
"""


def guide(query: Mapping[str, Any], signed: Sequence[int], needed: Sequence[FileEntry]) -> str:
    """The text of `VERIFY.md` for what a bundle says of itself.

    `signed` are the numbers of the signed manifests, `needed` the files that an excerpt was taken from.
    """
    head, kind = query["head"], query["parquet"]
    parts = [_TOP.format(sentence=_quoted(query["sentence"]), numbers=_numbers(query), name="bundle.zip", head=head["sha256"])]
    number = 4
    if kind != "excerpt":
        parts.append(_FILES)
        number += 1
    if signed:
        everything = len(signed) == head["seq"]
        which = "All manifests are signed." if everything else f"Signed are {len(signed)} of {head['seq']} manifests."
        parts.append(_SIGNED.format(number=number, which=which))
        number += 1
    files = "".join(f"    {entry.sha256}  {entry.path}\n" for entry in needed)
    parts.append(
        _END.format(number=number, parquet=_PARQUET[kind], files=f"\n{files}" if files else "", version=query["version"], name="bundle.zip")
    )
    return "".join(parts)


def _numbers(query: Mapping[str, Any]) -> str:
    head = query["head"]
    lines = [
        f"- {query['events']:,} events" + (f" of {query['total']:,}" if query["truncated"] else ""),
        f"- link: {_quoted(query['link'])}",
    ]
    if query["truncated"]:
        lines.append(f"- **truncated**: {query['truncated']}")
    lines.append(f"- head of the record: snapshot {head['seq']}, SHA-256 `{head['sha256']}`, log `{head['log_id']}`")
    lines += [f"- **incomplete**: snapshot {seq} is quarantined: {_quoted(why)}" for seq, why in query["quarantined"].items()]
    if query["problem"]:
        lines.append(f"- **incomplete**: {_quoted(query['problem'])}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """Text from the record as literal text of Markdown, on one line."""
    line = " ".join(visible(text).split()).replace("`", "'")
    return f"`{line}`"
