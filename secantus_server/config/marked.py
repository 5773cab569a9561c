"""Replaces the generated parts of pages in docs/, which are delimited by two marks."""

from __future__ import annotations

import re


def with_part(page: str, name: str, part: str) -> str:
    """Return a copy of a page in which `part` replaces the text between `<!-- name: ... -->` and `<!-- end of name -->`.

    Arguments:
        part: the new text, which consists of whole lines.

    Raises:
        ValueError: if the page has no such marks.
    """
    marks = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    new, count = marks.subn(lambda match: match[1] + part + match[2], page)
    if count != 1:
        raise ValueError(f"the page has no marks for its {name}")
    return new
