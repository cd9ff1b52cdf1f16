"""Hostile inputs: what each is, where it goes in, and what must come of it. Attacks by SQL stand in `sql_attacks` and are not counted here.

`evil.test` is a host that nothing may ever ask for; `__pwned` a mark that a script would leave.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from events import batch, event

from auditlib.store import publish

Place = Literal["name", "id", "metadata", "link", "line", "manifest", "file name", "request", "cookie", "message"]
Outcome = Literal["shown", "as it is", "flawed", "taken", "refused", "published", "rejected", "answered", "nobody", "survived"]


class Hostile(NamedTuple):
    """One hostile input; `more` is what else belongs to it, such as the parameter of a link."""

    what: str
    place: Place
    text: str
    outcome: Outcome
    more: str = ""


def _all(place: Place, outcome: Outcome, texts: dict[str, str]) -> list[Hostile]:
    return [Hostile(what, place, text, outcome) for what, text in texts.items()]


_SCRIPT: Final = "window.__pwned=1"

NAMES: Final = _all(
    "name",
    "shown",
    {
        "a picture of Markdown": "![x](http://evil.test/name.png)",
        "a link of Markdown": "[Ann](http://evil.test/)",
        "a link that runs": f"[Ann](javascript:{_SCRIPT})",
        "a bare address": "https://evil.test/ann",
        "an address of www": "www.evil.test",
        "an address of mail": "ann@evil.test",
        "an address in angles": "<https://evil.test/>",
        "a reference of Markdown": "[Ann][x]\n\n[x]: http://evil.test/",
        "bold and struck": "**Ann** ~~Lee~~ __x__",
        "a heading": "# Ann",
        "a list": "- Ann\n- Lee",
        "a table": "|a|b|\n|---|---|\n|1|2|",
        "a block of code": "```html\n<b>x</b>\n```",
        "an icon": ":material/lock:",
        "a colour": ":red[urgent]",
        "a badge": ":green-badge[:material/check: Verified]",
        "a small text": ":small[Ann] :gray-background[Lee]",
        "an emoji code": ":smile: :+1:",
        "a formula": "$x^2$ $$\\sum$$",
        "a script": f"<script>{_SCRIPT}</script>",
        "a picture that runs": f"<img src=x onerror={_SCRIPT}>",
        "a picture from elsewhere": '<img src="http://evil.test/i.png">',
        "a drawing that runs": f"<svg onload={_SCRIPT}>",
        "a frame": '<iframe src="//evil.test"></iframe>',
        "a style": "<style>*{display:none}</style>",
        "the end of a tag": f'"><script>{_SCRIPT}</script>',
        "an attribute": f"' onmouseover='{_SCRIPT}",
        "entities": "&lt;b&gt;Ann&lt;/b&gt; &#x3c;",
        "a template": "{{constructor.constructor('alert(1)')()}} ${7*7}",
        "a field of Vega": "datum.events <%= 7*7 %> {events}",
        "a formula of a sheet": '=HYPERLINK("http://evil.test")',
        "a command of a sheet": "@SUM(1+1)*cmd|' /C calc'!A0",
        "the end of SQL": "Robert'); DROP TABLE events;--",
        "wildcards": "100%_\\%",
        "turned around": "Ann \u202eeeL",
        "isolated": "\u2067Ann\u2069 Lee",
        "zero width": "A\u200bn\u200cn\u2060",
        "a soft hyphen": "An\u00adn",
        "a mark of order": "\ufeffAnn",
        "tag characters": "Ann\U000e0041\U000e0064\U000e006d\U000e0069\U000e006e",
        "a selector without a picture": "Ann\ufe0f",
        "fillers of Hangul": "Ann\u3164\u115f",
        "a blank of Braille": "Ann\u2800Lee",
        "a line break": "Ann\nrole: owner",
        "line separators": "Ann\u2028Lee\u2029Kay",
        "a return": "Ann\rowner",
        "controls": "Ann\x00\x07\x08\x1b[31m\x7f\x9b",
        "piled marks": "Z" + "\u0351\u0343\u0302\u0303\u0301" * 8 + "oe",
        "a letter of Cyrillic": "\u0410nna Keller",
        "a name all Cyrillic that reads Latin": "\u0421\u0430\u0440\u0430",
        "wide letters": "\uff21\uff4e\uff4e\uff41",
        "letters of mathematics": "\U0001d400\U0001d427\U0001d427\U0001d41a",
        "rn for m": "Arnanda",
        "a private character": "Ann \ue000\uf8ff",
        "nothing but blanks": " \u00a0\u3000 ",
        "very long": "Wolfeschlegelsteinhausenbergerdorff " * 40,
        "one word without end": "W" * 3_000,
    },
)
"""Names of people; the same texts are summaries, names of resources and user agents in the store."""

IDS: Final = _all(
    "id",
    "shown",
    {
        "climbing": "../../../../etc/passwd",
        "climbing on Windows": "..\\..\\windows\\system32",
        "an absolute path": "/etc/shadow",
        "a header": "BK1\r\nSet-Cookie: x=1",
        "quotes": "BK\"'`1",
        "an address": "http://evil.test/?a=b&c=d#e",
        "a script address": f"javascript:{_SCRIPT}",
        "data": f"data:text/html,<script>{_SCRIPT}</script>",
        "a parameter": "BK1&tab=team&action=deleted",
        "percent codes": "%2e%2e%2f%00%0d%0a",
        "a hash and a question": "BK#1?x=y",
        "markup": "<b>BK</b>",
        "an exclusion": "!BK1",
        "a pair": "interview_booking:BK1",
        "colons": ":::",
        "long": "arn:aws:s3:::" + "x/" * 150,
        "turned around": "BK\u202e1KB",
        "zero width": "BK\u200b1",
        "a dot": ".",
        "a device": "CON",
        "a prototype": "__proto__",
        "constructor": "constructor",
        "a wildcard": "%",
        "a number beyond": "9" * 400,
        "a letter of Greek": "\u0392K1",
        "an emoji": "💥",
        "a formula of a sheet": "-2+3+cmd",
        "an SQL comment": "BK1'/*",
        "a Windows stream": "BK1:$DATA",
        "null": "null",
    },
)
"""Ids of resources and of actors, and ids that an event is related to."""

METADATA: Final = [
    *_all(
        "metadata",
        "flawed",
        {
            "nothing": "",
            "white space": " \n",
            "cut": '{"a":"b',
            "trailing": '{"a":1} // more',
            "single quotes": "{'a':1}",
            "a comment": '{"a":/**/1}',
            "a mark of order": '\ufeff{"a":1}',
            "NaN": '{"a":NaN}',
            "infinity": "[-Infinity]",
            "a key twice": '{"role":"member","role":"owner"}',
            "two values": "{}{}",
            "a bare word": "undefined",
            "markup": f"<script>{_SCRIPT}</script>",
            "an entity of XML": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://evil.test/e">]><x>&e;</x>',
            "a hexadecimal number": '{"a":0x10}',
            "deep lists": "[" * 10_000 + "]" * 10_000,
            "deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
            "a comma too many": '{"a":1,}',
            "controls in a string": '{"a":"\x01\n"}',
        },
    ),
    *_all(
        "metadata",
        "as it is",
        {
            "a script in a value": json.dumps({"note": f"</script><script>{_SCRIPT}</script>"}),
            "a script in a key": json.dumps({f"<img src=x onerror={_SCRIPT}>": 1}),
            "an address to load": '{"avatar":"http://evil.test/a.png","image":"//evil.test/b.png"}',
            "prototypes": '{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"toString":1}',
            "an empty key": '{"":{"":""}}',
            "half a pair": '{"a":"\\ud83d","b":"\\udca9"}',
            "a zero": '{"a":"\\u0000"}',
            "a long number": '{"a":12345678901234567890123,"b":1.0000000000000000001,"c":1e999,"d":-0}',
            "a long key": json.dumps({"k" * 5_000: 1}),
            "many keys": json.dumps({f"k{number}": number for number in range(2_000)}),
            "a secret": '{"password":"hunter2-in-clear","user":"ann"}',
            "a secret in a string": json.dumps({"body": json.dumps({"access_token": "tok-in-clear"})}),
            "a secret spelled in escapes": '{"pass\\u0077ord":"escaped-in-clear"}',
            "a secret far down": '{"a":[{"credentials":{"list":["deep-in-clear"]}}]}',
            "turned around": json.dumps({"note": "\u202eneddih"}, ensure_ascii=False),
            "tag characters in a key": json.dumps({"a\U000e0062": 1}, ensure_ascii=False),
            "a string alone": '"<b>x</b>"',
            "a list alone": "[1,[2,[3]]]",
        },
    ),
]

LINKS: Final = [
    Hostile(what, "link", text, outcome, parameter)  # type: ignore[arg-type]
    for what, parameter, text, outcome in (
        ("SQL in a search", "q", "' OR 1=1 --", "taken"),
        ("a wildcard in a search", "q", "%", "taken"),
        ("a backslash in a search", "q", "\\", "taken"),
        ("a regular expression", "q", "(a+)+$", "taken"),
        ("markup in a search", "q", f"<img src=x onerror={_SCRIPT}>", "taken"),
        ("a picture in a search", "q", "![](http://evil.test/q.png)", "taken"),
        ("bidi in a search", "q", "\u202eabc", "taken"),
        ("blanks in a search", "q", "   ", "refused"),
        ("a long search", "q", "x" * 201, "refused"),
        ("a zero in a search", "q", "a\x00b", "refused"),
        ("an exclusion of nothing", "action", "!", "refused"),
        ("an action of another script", "action", "\u0441reated", "refused"),
        ("an action in capitals", "action", "CREATED", "refused"),
        ("an action with SQL", "action", "updated'--", "refused"),
        ("an action without end", "action", "a" * 129, "refused"),
        ("an action twice excluded", "action", "!!updated", "refused"),
        ("a person of markup", "actor", "<b>U1</b>", "taken"),
        ("a person of blanks", "actor", " ", "refused"),
        ("a person without end", "actor", "U" * 513, "refused"),
        ("a prototype as a person", "actor", "__proto__", "taken"),
        ("a type of capitals", "type", "Recording", "refused"),
        ("a type that climbs", "type", "../x", "refused"),
        ("a type of blanks", "type", "a b", "refused"),
        ("a pair without a kind", "resource", ":BK1", "refused"),
        ("a pair without an id", "resource", "recording:", "refused"),
        ("a pair that climbs", "resource", "recording:../../etc/passwd", "taken"),
        ("a related pair of JSON", "related", 'booking:"}]', "taken"),
        ("an outcome of its own", "outcome", "maybe", "refused"),
        ("a network too wide", "ip", "10.0.0.0/99", "taken"),
        ("a network of text", "ip", "localhost'--", "taken"),
        ("a field of JSON", "changed", '"}],"x":[{"', "taken"),
        ("a day that is none", "from", "2026-02-30", "refused"),
        ("a day of SQL", "from", "2026-01-01' OR '1'='1", "refused"),
        ("a day of other digits", "to", "\u0662\u0660\u0662\u0666-01-01", "refused"),
        ("a zone that climbs", "tz", "../../etc/passwd", "refused"),
        ("a zone of a file", "tz", "/etc/localtime", "refused"),
        ("an order of SQL", "order", "newest; DROP TABLE events", "refused"),
        ("rows below none", "rows", "-1", "refused"),
        ("rows without end", "rows", "1000000000", "refused"),
        ("a page below one", "page", "-1", "refused"),
        ("page nought", "page", "0", "refused"),
        ("a page of a float", "page", "1e21", "refused"),
        ("a page of other digits", "page", "\u0661", "refused"),
        ("a page past counting", "page", "9" * 16, "taken"),
        ("a page past the end", "page", "9" * 15, "taken"),
        ("an event that climbs", "event", "../ev-1", "refused"),
        ("an event of markup", "event", "<script>", "refused"),
        ("a head of text", "at", "zzzzzzzz", "refused"),
        ("a total of text", "n", "NaN", "refused"),
        ("a tab of its own", "tab", "admin", "refused"),
        ("a parameter of a session", "session_id", "1", "refused"),
        ("a parameter of markup", "<b>", "x", "refused"),
        ("a parameter without a name", "", "x", "refused"),
        ("a prototype as a parameter", "__proto__[x]", "1", "refused"),
        ("a parameter of bidi", "\u202eq", "x", "refused"),
    )
]
"""`more` is the parameter. What is refused is said on the page, and the rest of the link holds."""

_LINE: Final = {"event_id": "x-{n}", "source": "platform", "action": "updated", "resource_type": "report", "metadata": "{}"}


def _line(**columns: Any) -> str:
    return json.dumps(_LINE | columns, ensure_ascii=False)


LINES: Final = [
    *_all(
        "line",
        "rejected",
        {
            "no JSON": "GET / HTTP/1.1",
            "cut": _line()[:-5],
            "a list": "[1]",
            "a number": "1e999",
            "NaN alone": "NaN",
            "deep": "[" * 50_000,
            "deep objects": '{"a":' * 50_000,
            "a zero byte": "\x00",
            "an object of another shape": '{"$where":"sleep(1000)"}',
            "an id that climbs": _line(event_id="../x"),
            "an id of markup": _line(event_id="<b>"),
            "an id without end": _line(event_id="x" * 129),
            "a type of capitals": _line(event_id="t-1", resource_type="Report Card"),
            "no action": json.dumps({key: value for key, value in _LINE.items() if key != "action"} | {"event_id": "a-1"}),
            "a name of an object": _line(event_id="n-1", actor_name={"$ne": None}),
        },
    ),
    *_all(
        "line",
        "published",
        {
            "metadata of an object": _line(event_id="m-1", metadata={"__proto__": 1}),
            "a time that no calendar has": _line(event_id="d-1", occurred_at="2026-02-30T00:00:00Z"),
            "a row that is text": _line(event_id="r-1", source_row="first"),
            "a script in a name": _line(event_id="l-1", actor_name=f"<script>{_SCRIPT}</script>"),
            "a name without end": _line(event_id="l-2", actor_name="N" * 100_000),
            "half a pair in a name": '{"event_id":"l-3","source":"platform","action":"updated","resource_type":"report","metadata":"{}",'
            '"actor_name":"\\ud800"}',
            "bidi in a summary": _line(event_id="l-4", summary="\u202eabc"),
            "metadata that is no JSON": _line(event_id="l-5", metadata="<x>"),
            "an action nobody has named": _line(event_id="l-6", action="booking.exploded"),
            "changes that are no JSON": _line(event_id="l-7", changes="status -> x"),
            "an address that is none": _line(event_id="l-8", ip="999.1.1.1'--"),
        },
    ),
]
"""Lines of an import in the platform's own format."""

MANIFESTS: Final = _all(
    "manifest",
    "refused",
    {
        "nothing": "",
        "no JSON": "not a manifest",
        "null": "null\n",
        "a list": "[]\n",
        "deep": "[" * 100_000,
        "a key twice": '{"seq":1,"seq":1}\n',
        "NaN": '{"seq":NaN}\n',
        "a mark of order": "\ufeff{}\n",
        "white space": '{ "seq": 1 }\n',
        "a newer format": '{"created":"2026-01-01T00:00:00Z","files":[],"format":"auditlib-manifest/9","log_id":"a","prev_sha256":"'
        + "0" * 64
        + '","schema":1,"seq":1}\n',
        "a number beyond": '{"seq":1' + "0" * 5_000 + "}\n",
        "half a pair": '{"log_id":"\\ud800"}\n',
        "a zero": "\x00" * 100,
    },
)

FILE_NAMES: Final = _all(
    "file name",
    "refused",
    {
        "climbing": "../x.parquet",
        "climbing on Windows": "..\\x.parquet",
        "an absolute path": "/etc/passwd.parquet",
        "hidden": ".x.parquet",
        "a folder": "a/b.parquet",
        "an option": "-rf.parquet",
        "a quote": "x'.parquet",
        "a pattern": "*.parquet",
        "a class of letters": "[ab].parquet",
        "percent codes": "%2e%2e.parquet",
        "a blank": "x y.parquet",
        "an emoji": "💥.parquet",
        "turned around": "x\u202e.parquet",
        "a line break": "x\n.parquet",
        "a zero": "x\x00.parquet",
        "another kind": "x.parquet.exe",
        "no name": ".parquet",
        "without end": "x" * 200 + ".parquet",
        "an address": "http://evil.test/x.parquet",
    },
)
"""Names of data files in a manifest."""

REQUESTS: Final = [
    Hostile(what, "request", text, "answered", status)
    for what, text, status in (
        ("another host", "GET /audit HTTP/1.1\r\nHost: evil.test", "200 403 400"),
        ("no host", "GET /audit HTTP/1.1", "200 400"),
        ("two hosts", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.test", "200 400"),
        ("a forwarded address", "GET /audit HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 127.0.0.1", "200"),
        ("a forged mark", "GET /audit HTTP/1.1\r\nHost: localhost\r\nX-Audit-Local: " + "0" * 64, "200"),
        ("a path that climbs", "GET /../../../../etc/passwd HTTP/1.1\r\nHost: localhost", "200 404 400"),
        ("a path that climbs in codes", "GET /static/%2e%2e/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost", "200 404 400"),
        ("a path with a zero", "GET /media/%00.png HTTP/1.1\r\nHost: localhost", "404 400"),
        ("a guessed download", "GET /export/../../app.py HTTP/1.1\r\nHost: localhost", "400 404"),
        ("a download of codes", "GET /export/%2e%2e%2f%2e%2e%2fapp.py HTTP/1.1\r\nHost: localhost", "400 404"),
        ("a method nobody knows", "BREW /audit HTTP/1.1\r\nHost: localhost", "405 400"),
        ("a trace", "TRACE /healthz HTTP/1.1\r\nHost: localhost", "405"),
        ("a range of the page", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1,1-2,2-3", "200"),
        ("a header without end", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + "a" * 100_000, "431 400 200"),
        ("an address without end", "GET /audit?q=" + "a" * 100_000 + " HTTP/1.1\r\nHost: localhost", "400 414 431 200"),
        ("a header of other letters", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-\u00fc: \u00fc", "200 400"),
        ("a version nobody knows", "GET /healthz HTTP/9.9\r\nHost: localhost", "200 400 505"),
        ("no request", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "400"),
        ("an upload", "POST /_stcore/upload_file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0", "404 405"),
        ("metrics", "GET /_stcore/metrics HTTP/1.1\r\nHost: localhost", "404"),
        ("a page of another path", "GET /api/%2fetc%2fpasswd HTTP/1.1\r\nHost: localhost", "404"),
        ("two lengths", "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 5", "400 405"),
        ("a length and chunks", "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked", "400 405"),
    )
]
"""Requests as they go over the line, without the empty line behind them; `more` are the statuses that may come."""

COOKIES: Final = _all(
    "cookie",
    "nobody",
    {
        "a forged person": '_streamlit_user={"is_logged_in":true,"roles":["owner"],"email":"a@evil.test"}',
        "a forged signature": "_streamlit_user=2|1:0|10:1700000000|15:_streamlit_user|4:e30=|" + "0" * 64,
        "no signature": "_streamlit_user=eyJyb2xlcyI6Im93bmVyIn0.eyJyb2xlcyI6Im93bmVyIn0.",
        "a chunk alone": "_streamlit_user__1=abc; _streamlit_user__chunks=99999999",
        "chunks below none": "_streamlit_user=chunks-%2d1",
        "a cookie of a zero": "_streamlit_user=%00%00",
        "a cookie without end": "_streamlit_user=" + "x" * 60_000,
        "many cookies": "; ".join(f"c{number}=1" for number in range(1_000)),
        "a cookie of markup": f"x=<script>{_SCRIPT}</script>",
        "equal signs": "====;;;=;",
    },
)

MESSAGES: Final = _all(
    "message",
    "survived",
    {
        "nothing": "",
        "zeros": "\x00" * 64,
        "text": "hello",
        "JSON": '{"type":"rerun"}',
        "a length beyond": "\x0a\xff\xff\xff\xff\x0f",
        "an unknown field": "\xfa\x3f\x04test",
        "a group without end": "\x0b" * 2_000,
        "a shutdown": "\x78\x01",
        "a disconnect": "\x70\x01",
        "text that is not UTF-8": "\x5a\x04\x0a\x02\xc3\x28",
        "a widget nobody has": "\x5a\x10\x12\x0e\x0a\x0c\x0a\x08nobody!!\x18\x01",
        "noise": "".join(chr(number * 7919 % 256) for number in range(4_096)),
    },
)
"""Bytes of a message to the page's websocket, each character one byte."""

HOSTILE: Final = [*NAMES, *IDS, *METADATA, *LINKS, *LINES, *MANIFESTS, *FILE_NAMES, *REQUESTS, *COOKIES, *MESSAGES]

PARAMETERS: Final = ("tab", "q", "action", "interviewer", "candidate", "member", "actor", "type", "resource", "related", "outcome", "ip",
                     "changed", "from", "to", "tz", "order", "rows", "page", "event", "at", "n", "nobody_knows")  # fmt: skip
VALUES: Final = (
    "", "unknown", "x" * 100_000, "a\x00b", "\u202eabc\u2066", "-1", "0", "1e21", "' OR '1'='1' --", "%", "_", "\\", "!", "<b>",
)  # fmt: skip
"""What every parameter is tried with: each value alone, and all of them in one link."""


def hostile_events() -> list[dict[str, Any]]:
    """One event for each hostile name, id and metadata, all of the Interviews tab."""
    made = [
        event(
            number,
            actor_id=f"U{number}", actor_name=name.text, summary=name.text, resource_name=name.text, user_agent=name.text,
            candidate_id=f"C{number}", candidate_name=name.text, interviewer_id=f"I{number}", interviewer_name=f"{name.text} ",
            changes=json.dumps([{"field": name.text, "before": name.text, "after": f"{name.text}!"}]),
            source_file=name.text, tenant=name.text, source_event_id=f"n {name.text}"[:200],
        )
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    for number, name in enumerate(IDS, 200):
        related = json.dumps({"booking": name.text, name.text: "x"})
        made.append(event(number, actor_id=name.text, actor_name=None, resource_id=name.text, related=related, ip=name.text))
    made += [event(number, metadata=each.text) for number, each in enumerate(METADATA, 400)]
    return made


def publish_hostile(store: Path) -> Path:
    """Publishes a store of one event for each hostile name, id and metadata, one of an odd action and type, and a plain one."""
    odd = event(600, action=":material/lock: <b>x</b>", resource_type="video_session", outcome="**meh**", actor_role=":red[owner]")
    publish(store, [batch([*hostile_events(), odd, event(601)])], name="hostile", log_id="hostile")
    return store
