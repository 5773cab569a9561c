"""Collations: what replaces the comparison of strings.

https://www.mongodb.com/docs/manual/reference/collation/
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN
from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.context import Collation

_FLAGS = frozenset(["caseLevel", "numericOrdering", "normalization", "backwards"])
_TEXTS: dict[str, tuple[str, ...] | None] = {
    "locale": None,
    "caseFirst": ("upper", "lower", "off"),
    "alternate": ("non-ignorable", "shifted"),
    "maxVariable": ("punct", "space"),
    "version": None,
}
VERSION = "57.1"


def parse_collation(spec: dict[str, Any] | None) -> Collation | None:
    """The collation of a command's or collection's option; None is the simple one.

    Raises:
        CommandError: it is not a collation, or one that is not supported.
    """
    if not spec:
        return None
    check_collation(spec)
    if spec["locale"] == "simple":
        return None
    raise not_supported(f"the collation {spec['locale']!r}", "leave the collation out, or use {locale: 'simple'}")


def check_collation(spec: dict[str, Any]) -> None:
    """Hold a collation to the rules.

    Raises:
        CommandError: 40414, 40415, 14, 2, 161 IncompatibleCollationVersion.
    """
    for name, value in spec.items():
        if name in _FLAGS:
            _check_flag(name, value)
        elif name in _TEXTS:
            _check_text(name, value)
        elif name == "strength":
            _check_strength(value)
        else:
            raise CommandError(40415, f"BSON field 'collation.{name}' is an unknown field.")
    if spec.get("locale") is None:
        raise CommandError(40414, "BSON field 'collation.locale' is missing but a required field")
    if spec.get("version") not in (None, VERSION):
        raise CommandError(161, f"Requested collation version {spec['version']} but the only available collator version was {VERSION}")
    if spec.get("caseFirst") in ("upper", "lower") and not spec.get("caseLevel") and _strength(spec.get("strength", 3)) < 3:
        raise CommandError(2, "'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2")


def _wrong_type(name: str, value: Any, expected: str) -> CommandError:
    return CommandError(14, f"BSON field 'collation.{name}' is the wrong type '{type_name(value)}', expected {expected}")


def _check_flag(name: str, value: Any) -> None:
    if type(value) is not bool and (value is not None or name == "backwards"):
        raise _wrong_type(name, value, "type 'bool'")


def _check_text(name: str, value: Any) -> None:
    if value is None:
        return
    if type(value) is not str:
        raise _wrong_type(name, value, "type 'string'")
    allowed = _TEXTS[name]
    if allowed is not None and value not in allowed:
        raise CommandError(2, f"Enumeration value '{value}' for field 'collation.{name}' is not a valid value.")


def _check_strength(value: Any) -> None:
    if value is None:
        return
    if not is_number(value):
        raise _wrong_type("strength", value, "types '[int, decimal, double, long]'")
    if not 1 <= _strength(value) <= 5:
        raise CommandError(2, f"Enumeration value '{value}' for field 'collation.strength' is not a valid value.")


def _strength(value: Any) -> int:
    """A double is cut, a decimal rounded half to even; what is not finite is no strength."""
    if type(value) is Decimal128:
        number = value.to_decimal()
        return int(number.to_integral_value(ROUND_HALF_EVEN)) if number.is_finite() else 0
    return int(value) if value == value and abs(value) < 2**31 else 0
