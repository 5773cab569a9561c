"""The error with which a command or a call fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure


def failure(db: Database, command: dict[str, Any]) -> dict[str, Any]:
    """Return the reply of a command that fails."""
    with pytest.raises(OperationFailure) as caught:
        db.command(command)
    details = caught.value.details
    assert isinstance(details, dict)
    return details


def code(db: Database, command: dict[str, Any]) -> int:
    """Return the code that a command fails with."""
    found = failure(db, command)["code"]
    assert isinstance(found, int)
    return found


def code_of_call(call: Callable[..., Any], *arguments: Any, **options: Any) -> int | None:
    """Return the error code of a call, or None if the call succeeds."""
    try:
        call(*arguments, **options)
    except OperationFailure as error:
        return error.code
    return None
