"""Validates collation documents and fills in the defaults of their locales.

https://www.mongodb.com/docs/manual/reference/collation/
"""

from __future__ import annotations

from typing import Any

from bson.decimal128 import Decimal128

from secantus_server.bson.numbers import quiet_decimal
from secantus_server.bson.shell import document_text
from secantus_server.bson.values import is_number, type_name
from secantus_server.errors import CommandError, not_supported
from secantus_server.mql.collation.locales import check_locale, locale_defaults
from secantus_server.records import fields, record, replace

VERSION = "57.1"
"""The version of ICU whose collations MongoDB uses. It is a part of every stored collation."""

_ENUMERATIONS = {"caseFirst": ("upper", "lower", "off"), "alternate": ("non-ignorable", "shifted"), "maxVariable": ("punct", "space")}
_BOOLEANS = ("caseLevel", "numericOrdering", "normalization", "backwards")
_FIELDS = frozenset(["locale", "strength", "version", *_ENUMERATIONS, *_BOOLEANS])


@record(frozen=True)
class CollationSpec:
    """The complete options of a collation. The fields have the same order as in the stored document."""

    locale: str
    case_level: bool = False
    case_first: str = "off"
    strength: int = 3
    numeric_ordering: bool = False
    alternate: str = "non-ignorable"
    max_variable: str = "punct"
    normalization: bool = False
    backwards: bool = False

    def document(self) -> dict[str, Any]:
        """Return the collation in the format of listCollections and listIndexes."""
        return {**{_field_name(field.name): getattr(self, field.name) for field in fields(self)}, "version": VERSION}


def parse_spec(document: dict[str, Any], name: str) -> CollationSpec | None:
    """Validate a collation document and fill in the defaults.

    Arguments:
        document: the document as the user wrote it.
        name: the name of the option, for error messages.

    Returns:
        the collation, or None for the simple collation, regardless of the other options in the document.

    Raises:
        CommandError: 40414 or 40415 for a missing or unknown field, 14 for a wrong type, 2 for an invalid value or combination, 161 for a
            version other than `VERSION`, 238 for a locale that is not supported.
    """
    given = {field: value for field, value in document.items() if value is not None or field == "backwards"}
    _check_types(given, name)
    if given["locale"] == "simple":
        return None
    supported = check_locale(document)
    if given.get("version", VERSION) != VERSION:
        text = f"Requested collation version {given['version']} but the only available collator version was {VERSION}"
        raise CommandError(161, f"{text}. Requested collation spec: {document_text(document)}")
    chosen = {_attribute(field): value for field, value in given.items() if field != "version"}
    if "strength" in chosen:
        chosen["strength"] = int(_rounded(chosen["strength"]))
    defaults = CollationSpec(given["locale"], **locale_defaults(given["locale"]))
    spec = replace(defaults, **chosen)
    _check_combination(spec, defaults, document)
    if not supported:
        raise not_supported(
            f"the collation of the locale '{spec.locale}'", "use a supported locale such as 'en', which sorts in the root order"
        )
    return spec


def _check_types(given: dict[str, Any], name: str) -> None:
    for field, value in given.items():
        if field not in _FIELDS:
            raise CommandError(40415, f"BSON field '{name}.{field}' is an unknown field.")
        if field in _BOOLEANS:
            _expect(type(value) is bool, f"{name}.{field}", value, "type 'bool'")
        elif field == "strength":
            _expect(is_number(value), f"{name}.{field}", value, "types '[long, int, decimal, double]'")
            _check_value(_rounded(value) in (1, 2, 3, 4, 5), f"{name}.{field}", value)
        else:
            _expect(type(value) is str, f"{name}.{field}", value, "type 'string'")
            _check_value(field not in _ENUMERATIONS or value in _ENUMERATIONS[field], f"{name}.{field}", value)
    if "locale" not in given:
        raise CommandError(40414, f"BSON field '{name}.locale' is missing but a required field")


def _expect(holds: bool, field: str, value: Any, types: str) -> None:
    if not holds:
        raise CommandError(14, f"BSON field '{field}' is the wrong type '{type_name(value)}', expected {types}")


def _check_value(holds: bool, field: str, value: Any) -> None:
    if not holds:
        raise CommandError(2, f"Enumeration value '{value}' for field '{field}' is not a valid value.")


def _rounded(strength: Any) -> Any:
    """Convert a strength to an integer by rounding a decimal or truncating a double. Return None if the strength is not finite."""
    if type(strength) is Decimal128:
        number = quiet_decimal(strength)
        return number.to_integral_value() if number.is_finite() else None
    return int(strength) if strength - strength == 0 else None


def _check_combination(spec: CollationSpec, defaults: CollationSpec, document: dict[str, Any]) -> None:
    """Raise CommandError if an option conflicts with the strength. Options that have the locale's default value never conflict."""
    if spec.backwards and not defaults.backwards and spec.strength == 1:
        raise CommandError(2, f"'backwards' is invalid with 'strength' of 1 in: {document_text(document)}")
    if spec.case_first not in ("off", defaults.case_first) and not spec.case_level and spec.strength < 3:
        text = f"'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2 in: {document_text(document)}"
        raise CommandError(2, text)


def _field_name(attribute: str) -> str:
    head, *tail = attribute.split("_")
    return head + "".join(word.title() for word in tail)


_ATTRIBUTES = {_field_name(field.name): field.name for field in fields(CollationSpec)}


def _attribute(field: str) -> str:
    return _ATTRIBUTES[field]
