"""The comparison of an actual value with an expected one, which may contain operators such as $$exists.

The rules are those of the unified test format, section "Evaluating Matches". Root documents may have more keys
than expected, nested documents may not. Arrays have the same length. Key order is ignored. int, long and double
are compared by value. All other comparisons are exact: even an empty expectation is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from secantus_conformance.failures import BadTest
from secantus_conformance.unified.values import ABSENT, plain, scalars_equal, type_alias


class Mismatch(Exception):
    """The actual value differs from the expected one; `path` is the location."""

    def __init__(self, path: str, expected: Any, actual: Any, why: str) -> None:
        super().__init__(f"{path or 'value'}: {why}")
        self.path, self.expected, self.actual, self.why = path, expected, actual, why


class Entities(Protocol):
    """The lookups of entities that operators need. Both methods raise BadTest for an undefined name or an entity of another kind."""

    def value(self, name: str) -> Any:
        """Return the BSON value saved under a name."""

    def lsid(self, name: str) -> Any:
        """Return the logical session id of a session entity."""


Operator = Callable[["Matcher", Any, Any, str, bool], None]
OPERATORS: dict[str, Operator] = {}


def operator(name: str) -> Callable[[Operator], Operator]:
    """Register an operator of the format. Assert that it is not registered yet."""

    def register(function: Operator) -> Operator:
        assert name not in OPERATORS, name
        OPERATORS[name] = function
        return function

    return register


def operator_of(expected: Any) -> tuple[str, Any] | None:
    """Return the operator in an expected value, or None. Raise BadTest for an operator next to other keys, or an unknown one."""
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
    """Compares expected with actual values within one test."""

    def __init__(self, entities: Entities) -> None:
        self.entities = entities

    def match(self, expected: Any, actual: Any, path: str = "", root: bool = True) -> None:
        """Compare one value. `root` allows a document to have additional keys.

        Raise Mismatch, or BadTest if the expectation is invalid.
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
        """Compare two arrays element by element; `roots` means that the elements are root documents (the rows of a cursor)."""
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
