"""Reads the tailorings of locales whose changes to the root order are stored in a file instead of being defined by rules.

The compressed text file `tailorings.z` has a section per locale. Locales with identical changes share a section. The file is read when a
collation of such a locale is first used. `tests/mql/collation/make_tailorings.py` generates the file.

A section starts with a line that contains "@@", the locales separated by commas, and the scripts that sort first. A line with "<" names a
locale whose section this section extends. Each other line has the codes of a character or contraction, followed by its elements. Codes
before "|" are a prefix, so the elements apply to the character only after this prefix. After a "*" there are several characters, each of
which differs from its predecessor by one secondary weight. An element consists of the primary, secondary and tertiary weights, the case
and the quaternary weight, separated by dots. Omitted parts have the values of a lower-case letter. A new primary weight consists of the
preceding weight of the root order, the byte 255, and a number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache

from secantus_server.mql.collation.han import HAN_ORDERS
from secantus_server.mql.collation.order import SECONDARY, TERTIARY, Elements, Tailoring, Weights
from secantus_server.system.files import package_data


@cache
def _sections() -> dict[str, str]:
    text = zlib.decompress(package_data(__package__, "tailorings.z")).decode()
    found: dict[str, str] = {}
    for section in text.split("@@")[1:]:
        names, _, rest = section.partition(" ")
        found.update(dict.fromkeys(names.split(","), rest))
    return found


def stored_tailoring(locale: str) -> Tailoring:
    """Return the tailoring of a locale from its section in `tailorings.z`."""
    scripts, _, body = _sections()[locale].partition("\n")
    elements: dict[str, Elements] = {}
    contexts: dict[str, dict[str, Elements]] = {}
    for line in body.splitlines():
        if line.startswith("<"):
            base = stored_tailoring(line[1:])
            elements, contexts = dict(base.elements), {text: dict(found) for text, found in base.contexts.items()}
            continue
        name, *words = line.split(" ")
        found = tuple(_parse_weights(word) for word in words if word)
        if name.startswith("*"):
            elements.update(_series(name[1:], found))
        elif "|" in name:
            prefix, _, text = name.partition("|")
            contexts.setdefault(_characters(text), {})[_characters(prefix)] = found
        else:
            elements[_characters(name)] = found
    return Tailoring(elements, contexts, scripts, HAN_ORDERS.get(locale))


def _series(characters: str, elements: Elements) -> Iterator[tuple[str, Elements]]:
    for number, character in enumerate(characters):
        yield character, (*elements[:-1], elements[-1]._replace(secondary=elements[-1].secondary + number))


def _parse_weights(word: str) -> Weights:
    primary, secondary, tertiary, case, quaternary = f"{word}....".split(".")[:5]
    return Weights(
        bytes.fromhex(primary),
        int(secondary, 16) if secondary else SECONDARY,
        int(tertiary, 16) if tertiary else TERTIARY,
        int(case or "0"),
        int(quaternary or "0"),
    )


def _characters(codes: str) -> str:
    return "".join([chr(int(code, 16)) for code in codes.split("_")])
