"""The rows of MongoDB's interface that no registry of the server lists, such as options, limits, events and rules.

Each row is a function that checks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pymongo.database import Database

Check = Callable[[Database[dict[str, Any]]], None]


class Row(NamedTuple):
    """A row.

    Arguments:
        section: the section of the interface.
        name: the name of the row.
        check: the function that checks the row in an empty database.
    """

    section: str
    name: str
    check: Check


#: The registered rows, by section and name.
ROWS: Final[dict[tuple[str, str], Row]] = {}


def row(section: str, *names: str) -> Callable[[Check], Check]:
    """Register a function as the check of one or more rows."""

    def register(check: Check) -> Check:
        for name in names:
            assert (section, name) not in ROWS, f"{section}: {name} is registered twice"
            ROWS[section, name] = Row(section, name, check)
        return check

    return register
