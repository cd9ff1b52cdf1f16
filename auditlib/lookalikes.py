"""Look-alikes: names of other people that read the same, and letters that pass for those of another script.

Two rules, after Unicode Technical Standard 39 (Unicode Security Mechanisms). Two texts are confusable where their
skeletons are equal (section 4); the letters known here are those of its data file `confusables.txt` that occur in names.
A name is suspicious where it mixes Latin, Cyrillic, Greek, Armenian or Cherokee letters (section 5.1, mixed-script
detection), or is written in one of the others and reads as Latin throughout (section 5.2, whole-script confusables).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from auditlib.text import short_id, visible

_SCRIPTS: Final = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE")
_LOOKS: Final = {
    "a": "аαɑ", "A": "АΑᎪ", "B": "ВΒᏴ", "c": "сϲ", "C": "СϹᏟ", "d": "ԁᏧ", "e": "еҽ", "E": "ЕΕᎬ", "f": "ք", "g": "ɡցԍ", "G": "ԌᏀ",
    "h": "һհᏂ", "H": "НΗᎻ", "i": "іιıꭵ", "j": "јϳ", "J": "ЈͿᎫ", "k": "кκ", "K": "КΚᏦ", "l": "Iӏ1|ІΙւ", "L": "ԼᏞ", "m": "м",
    "M": "МΜϺᎷ", "n": "ոη", "N": "Ν", "o": "оοօσ0", "O": "ОΟՕ", "p": "рρ", "P": "РΡᏢ", "q": "ԛգզ", "r": "г", "R": "ᏒᎡ", "s": "ѕ",
    "S": "ЅՏᏚ", "t": "тτ", "T": "ТΤᎢ", "u": "սυ", "U": "Ս", "v": "νѵ", "V": "ѴᏙ", "w": "ԝѡա", "W": "ԜᎳ", "x": "хχ", "X": "ХΧ",
    "y": "уүγ", "Y": "ҮΥᎩ", "z": "ᴢ", "Z": "ΖᏃ",
}  # fmt: skip
_SAME: Final = str.maketrans({look: letter for letter, looks in _LOOKS.items() for look in looks})


@lru_cache(10_000)
def skeleton(text: str) -> str:
    """What a reader sees of a text: equal for two texts that can be taken for one another.

    Compatibility forms (wide, mathematical, composed), unseen characters, blanks and letters of the same look make no
    difference, nor does `rn` beside `m`.
    """
    plain = unicodedata.normalize("NFKC", "".join(character for character in text if visible(character) == character))
    return " ".join(plain.translate(_SAME).replace("rn", "m").split())


@lru_cache(10_000)
def odd_letters(name: str) -> str:
    """The letters by which a name may pass for another one, after the name of their script: `Cyrillic а`; empty for none."""
    if name.isascii():
        return ""
    found: dict[str, dict[str, None]] = {}
    for character in name:
        script = unicodedata.name(character, "").partition(" ")[0] if character.isalpha() else ""
        if script in _SCRIPTS:
            found.setdefault(script, {})[character] = None
    if list(found) == ["LATIN"] or (len(found) == 1 and not skeleton("".join(*found.values())).isascii()):
        return ""
    return ", ".join(f"{script.capitalize()} {''.join(letters)[:4]}" for script, letters in found.items() if script != "LATIN")


def tags(people: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What to show beside the names of some (id, name), so that nobody passes for another; names that need nothing are left out.

    It is the id where another id among them has a name that reads the same, and letters that may mislead.
    """
    pairs = dict.fromkeys(people)
    ids: dict[str, set[str]] = {}
    for person, name in pairs:
        ids.setdefault(skeleton(name), set()).add(person)
    found = {}
    for person, name in pairs:
        shared = [short_id(person)] if person and len(ids[skeleton(name)]) > 1 else []
        if shown := " · ".join([*shared, *filter(None, [odd_letters(name)])]):
            found[person, name] = shown
    return found
