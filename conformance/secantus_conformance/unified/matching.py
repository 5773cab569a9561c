"""The comparison of an actual value with an expected value, which may contain operators such as $$exists.

The rules are defined in section "Evaluating Matches" of the unified test format. Root documents may have more keys than expected, but
nested documents may not. Arrays must have the same length. Key order is ignored. int, long and double are compared by value. All other
comparisons are exact: even an empty expectation is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from secantus_conformance.failures import BadTest
from secantus_conformance.unified.values import ABSENT, plain, scalars_equal, type_alias


class Mismatch(Exception):
    """The error if an actual value differs from the expected value. `path` is the location of the difference."""

    def __init__(self, path: str, expected: Any, actual: Any, why: str) -> None:
        super().__init__(f"{path or 'value'}: {why}")
        self.path, self.expected, self.actual, self.why = path, expected, actual, why


class Entities(Protocol):
    """The entity lookups that operators need. Both methods raise BadTest for an undefined name or an entity of the wrong kind."""

    def value(self, name: str) -> Any:
        """Return the BSON value saved under a name."""

    def lsid(self, name: str) -> Any:
        """Return the logical session id of a session entity."""


Operator = Callable[["Matcher", Any, Any, str, bool], None]
OPERATORS: dict[str, Operator] = {}


def operator(name: str) -> Callable[[Operator], Operator]:
    """Return a decorator that registers a function as an operator of the format. Each operator may be registered only once."""

    def register(function: Operator) -> Operator:
        assert name not in OPERATORS, name
        OPERATORS[name] = function
        return function

    return register


def operator_of(expected: Any) -> tuple[str, Any] | None:
    """Return the operator in an expected value with its argument, or None. Raise BadTest if it is unknown or next to further keys."""
    if not isinstance(expected, Mapping):
        return None
    names = [key for key in expected if isinstance(key, str) and key.startswith("$$")]
    if not names:
        return None
    if len(expected) != 1:
        raise BadTest("malformed", f"The operator {names[0]} must be the only key of its document.")
    if names[0] not in OPERATORS:
        raise BadTest("malformed", f"Unknown matching operator {names[0]}.")
    return names[0], expected[names[0]]


class Matcher:
    """Compares expected with actual values in one test."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities

    def match(self, expected: Any, actual: Any, path: str = "", root: bool = True) -> None:
        """Compare an actual value with an expected one. `root` allows a document to have additional keys.

        Raise Mismatch if the values differ, or BadTest if the expectation is invalid.
        """
        found = operator_of(expected)
        actual = plain(actual)
        if found is not None:
            OPERATORS[found[0]](self, found[1], actual, path, root)
        elif actual is ABSENT:
            raise Mismatch(path, expected, ABSENT, "is missing")
        elif isinstance(expected, Mapping):
            self._match_document(expected, actual, path, root)
        elif type_alias(expected) == "array":
            self.match_array(expected, actual, path, roots=False)
        elif not scalars_equal(expected, actual):
            raise Mismatch(path, expected, actual, _difference(expected, actual))

    def match_array(self, expected: Any, actual: Any, path: str = "", roots: bool = True) -> None:
        """Compare two arrays element by element. If `roots` is true, treat the elements as root documents, such as the results of a
        cursor.
        """
        if type_alias(actual) != "array":
            raise Mismatch(path, expected, actual, f"expected an array, got {type_alias(actual)}")
        if len(expected) != len(actual):
            raise Mismatch(path, expected, actual, f"expected {len(expected)} elements, got {len(actual)}")
        for index, (wanted, got) in enumerate(zip(expected, actual, strict=True)):
            found = operator_of(wanted)
            if found is not None and found[0] == "$$unsetOrMatches":
                raise BadTest("malformed", "$$unsetOrMatches cannot be an element of an array.")
            self.match(wanted, got, f"{path}[{index}]", roots)

    def _match_document(self, expected: Mapping[str, Any], actual: Any, path: str, root: bool) -> None:
        if not isinstance(actual, Mapping):
            raise Mismatch(path, expected, actual, f"expected a document, got {type_alias(actual)}")
        for key, wanted in expected.items():
            self.match(wanted, actual.get(key, ABSENT), f"{path}.{key}" if path else str(key), root=False)
        extra = [key for key in actual if key not in expected]
        if extra and not root:
            raise Mismatch(path, expected, actual, f"has unexpected keys {', '.join(map(repr, extra))}")


def _difference(expected: Any, actual: Any) -> str:
    if type_alias(expected) != type_alias(actual):
        return f"expected {type_alias(expected)} {expected!r}, got {type_alias(actual)} {_short(actual)}"
    return f"expected {_short(expected)}, got {_short(actual)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"
