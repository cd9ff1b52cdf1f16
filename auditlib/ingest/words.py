"""Action and type keys from the words of a source."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

VERBS: Final = {
    word: key
    for key, words in {
        "created": "create created add added insert inserted put",
        "updated": "update updated modify modified set change changed edit edited rename renamed",
        "deleted": "delete deleted remove removed destroy destroyed",
        "viewed": "get list describe",
        "granted": "attach attached grant granted assign",
        "revoked": "revoke revoked detach detached",
    }.items()
    for word in words.split()
}
"""The verb rule: a word that says what happened, and the action it means."""

UNNAMED: Final = "unknown"
"""The key of an action or type that the source does not name."""

_KEY_LIMIT: Final = 128
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_NO_TYPE: Final = re.compile(r"[^a-z0-9_.-]+")


def snake(text: str) -> str:
    """A word as a snake_case key: `AssumeRole` → `assume_role`; letters outside ASCII lose their accents or go."""
    plain = text if text.isascii() else unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NO_WORD.sub("_", _CAMEL.sub("_", plain).lower()).strip("_")[:_KEY_LIMIT].rstrip("_") or UNNAMED


def type_key(text: str) -> str:
    """A resource type as a key: lower case, `::` as `.`, other characters outside `[a-z0-9_.-]` as `_`.

    `AWS::S3::Bucket` → `aws.s3.bucket`, `Pull Request` → `pull_request`.
    """
    return _NO_TYPE.sub("_", text.lower().replace("::", ".")).strip("_")[:_KEY_LIMIT] or UNNAMED


def action_key(word: str, verb: str) -> str:
    """The action a source's word means by the verb rule, or the word itself as a key.

    Args:
        word: `CreateVolume`, `user.lifecycle.create`, `member_removed`.
        verb: where in its last dotted part the verb stands: `first`, `last`, `either`, or `none`.
    """
    key = snake(word)
    if verb == "none":
        return key
    dotted = [part for part in re.split(r"[./:]", word) if part.strip()]
    parts = snake(dotted[-1] if dotted else word).split("_")
    places = {"first": parts[:1], "last": parts[-1:], "either": [parts[0], parts[-1]]}[verb]
    return next((VERBS[part] for part in places if part in VERBS), key)
