"""Validation of `$v: 2` diffs in oplog entries that a client sends to applyOps.

A diff has the sections `d` (removed fields), `u` (new values), `i` (new fields, appended) and `s<field>` (the diff of an embedded
document or array). The diff of an array has `a: true`, the new length `l`, and the sections `u<index>` and `s<index>`.
`mql/update/_diff.pyx` creates diffs.
"""

from __future__ import annotations

from typing import Any

from bson.int64 import Int64

from secantus_server.errors import CommandError

_FAILED = 4772600


def check_diff(diff: dict[str, Any]) -> None:
    """Validate the structure of a document's diff.

    Raises:
        CommandError: 4772600 if the diff is malformed.
    """
    for section, content in diff.items():
        if type(content) is not dict or not (section in ("d", "u", "i") or section.startswith("s")):
            raise CommandError(_FAILED, f"the diff of an update has an unknown section {section!r}")
        if section.startswith("s"):
            _check_nested(content)


def _check_nested(diff: dict[str, Any]) -> None:
    if "a" not in diff:
        check_diff(diff)
        return
    for section, content in diff.items():
        kind, digits = section[:1], section[1:]
        if section == "a":
            known = content is True
        elif section == "l":
            known = type(content) in (int, Int64) and content >= 0
        else:
            known = digits.isdigit() and (kind == "u" or (kind == "s" and type(content) is dict))
        if not known:
            raise CommandError(_FAILED, f"the diff of an array has an unknown section {section!r}")
        if kind == "s":
            _check_nested(content)
