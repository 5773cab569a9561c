"""The form of a value, as small rules that are put together: what `format_rules` says the format in."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from secantus_conformance.failures import BadTest

# A rule looks at a value and raises BadTest; the path says where the value stands.
Rule = Callable[[Any, str], None]


def _fail(path: str, message: str) -> None:
    raise BadTest("malformed", f"{path or 'the file'}: {message}")


def of_type(name: str, *types: type) -> Rule:
    """A value of a Python type; true and false are no numbers."""

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
    """Every value."""


def matching(pattern: str, name: str) -> Rule:
    """A string of a certain form."""
    compiled = re.compile(pattern)

    def rule(value: Any, path: str) -> None:
        string(value, path)
        if not compiled.fullmatch(value):
            _fail(path, f"{value!r} is not {name}")

    return rule


def one_of(*choices: Any) -> Rule:
    """One of a few values."""

    def rule(value: Any, path: str) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            _fail(path, f"must be {', '.join(map(repr, choices))}, not {value!r}")

    return rule


def array(item: Rule, at_least: int = 0) -> Rule:
    """An array of values that each follow a rule."""

    def rule(value: Any, path: str) -> None:
        sequence(value, path)
        if len(value) < at_least:
            _fail(path, f"must have at least {at_least} element")
        for index, each in enumerate(value):
            item(each, f"{path}[{index}]")

    return rule


def unique(inner: Rule) -> Rule:
    """An array without repetitions."""

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        if any(value.index(each) != index for index, each in enumerate(value)):
            _fail(path, "must not repeat an element")

    return rule


def document(required: dict[str, Rule] | None = None, optional: dict[str, Rule] | None = None, at_least: int = 0) -> Rule:
    """A document of known keys."""
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
    """A document of any keys that follow a rule, with values that follow another."""

    def rule(value: Any, path: str) -> None:
        mapping(value, path)
        if len(value) < at_least:
            _fail(path, f"must have at least {at_least} key")
        for name, each in value.items():
            key(name, f"{path}.{name} (the key)")
            item(each, f"{path}.{name}")

    return rule


def single(choices: dict[str, Rule]) -> Rule:
    """A document with exactly one key, out of a few."""
    inner = document(optional=choices)

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        if len(value) != 1:
            _fail(path, "must have exactly one key")

    return rule


def either(*rules: Rule) -> Rule:
    """A value that follows one rule or another."""

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
    """A document in which some keys exclude others."""

    def rule(value: Any, path: str) -> None:
        inner(value, path)
        for key, others in groups:
            both = sorted(others & value.keys())
            if key in value and both:
                _fail(path, f"{key!r} and {both[0]!r} exclude each other")

    return rule
