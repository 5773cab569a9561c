"""Composable rules for the structure of a value. `format_rules` uses them to define the unified test format."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from secantus_conformance.failures import BadTest

# A rule checks a value and raises BadTest; the path is the value's location.
Rule = Callable[[Any, str], None]


def _fail(path: str, message: str) -> None:
    raise BadTest("malformed", f"{path or 'the file'}: {message}")


def of_type(name: str, *types: type) -> Rule:
    """Return a rule that accepts values of some Python types. Booleans do not count as numbers."""

    def rule(value: Any, path: str) -> None:
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            _fail(path, f"must be {name}")

    return rule


string = of_type("a string", str)
boolean = of_type("true or false", bool)
integer = of_type("a whole number", int)
number = of_type("a number", int, float)
mapping = of_type("a document", dict)
sequence = of_type("an array", list)


def anything(value: Any, path: str) -> None:
    """Accept every value. This function is itself a rule."""


def matching(pattern: str, name: str) -> Rule:
    """Return a rule that accepts strings that match a pattern."""
    compiled = re.compile(pattern)

    def rule(value: Any, path: str) -> None:
        string(value, path)
        if not compiled.fullmatch(value):
            _fail(path, f"{value!r} is not {name}")

    return rule


def one_of(*choices: Any) -> Rule:
    """Return a rule that accepts only the given values."""

    def rule(value: Any, path: str) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            _fail(path, f"must be {', '.join(map(repr, choices))}, not {value!r}")

    return rule


def array(item: Rule, at_least: int = 0) -> Rule:
    """Return a rule that accepts arrays whose elements follow a rule."""

    def rule(value: Any, path: str) -> None:
        sequence(value, path)
        if len(value) < at_least:
            _fail(path, f"must have at least {at_least} element")
        for index, each in enumerate(value):
            item(each, f"{path}[{index}]")

    return rule


def unique(inner: Rule) -> Rule:
    """Return a rule that accepts arrays that follow the rule `inner` and have no repeated elements."""

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        if any(value.index(each) != index for index, each in enumerate(value)):
            _fail(path, "must not repeat an element")

    return rule


def document(required: dict[str, Rule] | None = None, optional: dict[str, Rule] | None = None, at_least: int = 0) -> Rule:
    """Return a rule that accepts documents with known keys, whose values follow the rules for these keys."""
    needed, known = required or {}, {**(required or {}), **(optional or {})}

    def rule(value: Any, path: str) -> None:
        mapping(value, path)
        for key in needed:
            if key not in value:
                _fail(path, f"has no {key!r}")
        if len(value) < at_least:
            _fail(path, f"must have at least {at_least} key")
        for key, each in value.items():
            if key not in known:
                _fail(path, f"must not have {key!r}")
            known[key](each, f"{path}.{key}" if path else key)

    return rule


def map_of(item: Rule, key: Rule = string, at_least: int = 0) -> Rule:
    """Return a rule that accepts documents whose keys follow the rule `key` and whose values follow the rule `item`."""

    def rule(value: Any, path: str) -> None:
        mapping(value, path)
        if len(value) < at_least:
            _fail(path, f"must have at least {at_least} key")
        for name, each in value.items():
            key(name, f"{path}.{name} (the key)")
            item(each, f"{path}.{name}")

    return rule


def single(choices: dict[str, Rule]) -> Rule:
    """Return a rule that accepts documents with exactly one key, which must be one of several choices."""
    inner = document(optional=choices)

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        if len(value) != 1:
            _fail(path, "must have exactly one key")

    return rule


def either(*rules: Rule) -> Rule:
    """Return a rule that accepts values that follow any of several rules."""

    def rule(value: Any, path: str) -> None:
        for each in rules[:-1]:
            try:
                each(value, path)
            except BadTest:
                continue
            return
        rules[-1](value, path)

    return rule


def excluding(inner: Rule, groups: list[tuple[str, set[str]]]) -> Rule:
    """Return a rule that accepts documents that follow the rule `inner` and contain no mutually exclusive keys."""

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        for key, others in groups:
            both = sorted(others & value.keys())
            if key in value and both:
                _fail(path, f"{key!r} and {both[0]!r} are mutually exclusive")

    return rule
