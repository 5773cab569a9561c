"""The special operators of the format, such as $$exists, $$type and $$unsetOrMatches."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any

from secantus_conformance import extjson
from secantus_conformance.failures import BadTest
from secantus_conformance.unified.matching import Matcher, Mismatch, operator
from secantus_conformance.unified.values import ABSENT, ALIASES, is_number, type_alias


@operator("$$exists")
def exists(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the field exists, or that it does not exist. Its value is ignored."""
    if type(argument) is not bool:
        raise BadTest("malformed", f"$$exists takes true or false, not {argument!r}.")
    if argument and actual is ABSENT:
        raise Mismatch(path, {"$$exists": True}, ABSENT, "must exist but does not")
    if not argument and actual is not ABSENT:
        raise Mismatch(path, {"$$exists": False}, actual, "must not exist but does")


@operator("$$type")
def has_type(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the field exists and has one of the given BSON types."""
    names = argument if isinstance(argument, list) else [argument]
    for name in names:
        if name not in ALIASES:
            raise BadTest("malformed", f"$$type does not know the BSON type {name!r}.")
    alias = type_alias(actual)
    number = "number" in names and (is_number(actual) or alias == "decimal")
    if actual is ABSENT or not (alias in names or number):
        raise Mismatch(path, {"$$type": argument}, actual, f"expected type {' or '.join(names)}, got {_type_text(actual)}")


def _type_text(actual: Any) -> str:
    return "nothing" if actual is ABSENT else type_alias(actual)


@operator("$$matchesEntity")
def matches_entity(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the value matches the value saved under the given entity name."""
    matcher.match(matcher.entities.value(argument), actual, path, root)


@operator("$$matchesHexBytes")
def matches_hex_bytes(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the bytes equal the argument, which is in hexadecimal."""
    wanted = hex_bytes(argument)
    if type_alias(actual) != "binData" or bytes(actual) != wanted:
        raise Mismatch(path, {"$$matchesHexBytes": argument}, actual, f"expected bytes {wanted!r}, got {actual!r}")


def hex_bytes(text: Any) -> bytes:
    """Convert a string of hexadecimal digits to bytes. Raise BadTest for anything else."""
    if not isinstance(text, str):
        raise BadTest("malformed", f"Hexadecimal bytes must be a string, not {text!r}.")
    try:
        return binascii.unhexlify(text)
    except binascii.Error as error:
        raise BadTest("malformed", f"{text!r} is not an even number of hexadecimal digits.") from error


@operator("$$unsetOrMatches")
def unset_or_matches(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the field is missing or matches the argument. A null does not count as missing."""
    if actual is not ABSENT:
        matcher.match(argument, actual, path, root)


@operator("$$sessionLsid")
def session_lsid(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the value is the logical session id of a session entity."""
    matcher.match(matcher.entities.lsid(argument), actual, path, root=False)


@operator("$$lte")
def less_than_or_equal(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the number is not greater than the argument."""
    if not is_number(argument):
        raise BadTest("malformed", f"$$lte takes a number, not {argument!r}.")
    if not is_number(actual) or not actual <= argument:
        raise Mismatch(path, {"$$lte": argument}, actual, f"expected at most {argument}, got {actual!r}")


@operator("$$matchAsDocument")
def match_as_document(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the string is Extended JSON, and that the parsed document matches without additional keys."""
    if not isinstance(actual, str):
        raise Mismatch(path, {"$$matchAsDocument": argument}, actual, f"expected Extended JSON text, got {_type_text(actual)}")
    try:
        document = extjson.loads(actual)
    except ValueError as error:
        raise Mismatch(path, {"$$matchAsDocument": argument}, actual, f"is not Extended JSON ({error})") from error
    if not isinstance(document, Mapping):
        raise Mismatch(path, {"$$matchAsDocument": argument}, actual, f"expected a document, got {type_alias(document)}")
    matcher.match(argument, document, path, root=False)


@operator("$$matchAsRoot")
def match_as_root(matcher: Matcher, argument: Any, actual: Any, path: str, root: bool) -> None:
    """Require that the document matches as a root document, which may have additional keys."""
    if not isinstance(argument, Mapping):
        raise BadTest("malformed", f"$$matchAsRoot takes a document, not {argument!r}.")
    matcher.match(argument, actual, path, root=True)
