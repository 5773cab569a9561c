"""CommandError, its codes and their names, and the error for unsupported features."""

from __future__ import annotations

import pytest

from secantus_server.error_codes import NAMES, code_name
from secantus_server.errors import CommandError, not_supported


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (2, "BadValue"),
        (9, "FailedToParse"),
        (14, "TypeMismatch"),
        (26, "NamespaceNotFound"),
        (43, "CursorNotFound"),
        (50, "MaxTimeMSExpired"),
        (59, "CommandNotFound"),
        (112, "WriteConflict"),
        (121, "DocumentValidationFailure"),
        (238, "NotImplemented"),
        (11000, "DuplicateKey"),
        (40415, "IDLUnknownField"),
        (15975, "Location15975"),
        (17287, "Location17287"),
    ],
)
def test_code_names(code: int, name: str) -> None:
    assert code_name(code) == name
    assert CommandError(code, "text").code_name == name


def test_names_are_unique() -> None:
    assert len(set(NAMES.values())) == len(NAMES)


def test_what_an_error_holds() -> None:
    info = {"keyPattern": {"a": 1}}
    error = CommandError(11000, "E11000 duplicate key error", ("SomeLabel",), info)
    info.clear()
    assert str(error) == error.message == "E11000 duplicate key error"
    assert (error.code, error.labels, error.info) == (11000, ("SomeLabel",), {"keyPattern": {"a": 1}})
    assert CommandError(2, "x").info == {}
    assert CommandError(2, "x").labels == ()


def test_another_text() -> None:
    error = CommandError(2, "inner", ("L",), {"a": 1}).with_message("outer :: caused by :: inner")
    assert (error.code, error.message, error.labels, error.info) == (2, "outer :: caused by :: inner", ("L",), {"a": 1})


def test_not_supported_says_what_to_do() -> None:
    error = not_supported("$where", "use $expr")
    assert error.code == 238
    assert error.message == "$where is not supported by Secantus yet: use $expr."
