"""Mutants: copies of tests, each with one wrong expectation. If a mutant passes, the runner has not checked that expectation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Test = dict[str, Any]
Mutation = Callable[[Test], Iterator[Test]]
MUTATIONS: dict[str, Mutation] = {}
_NONSENSE = "no server says this"


@dataclass(frozen=True)
class Mutant:
    """A modified test, with a description of the modification."""

    mutation: str
    test: Test


def mutation(name: str) -> Callable[[Mutation], Mutation]:
    """Return a decorator that registers a function as a mutation with this name."""

    def register(function: Mutation) -> Mutation:
        assert name not in MUTATIONS, name
        MUTATIONS[name] = function
        return function

    return register


def mutants(test: Test) -> list[Mutant]:
    """Return one mutant of each kind that applies to a test. Each is modified at the first place where this has an effect."""
    found = []
    for name, function in MUTATIONS.items():
        changed = next(function(test), None)
        if changed is not None:
            found.append(Mutant(name, changed))
    return found


def _operations(test: Test, key: str) -> Iterator[tuple[Test, dict[str, Any]]]:
    """Yield copies of a test, each together with one of its operations that always runs and has the given key."""
    for index, operation in enumerate(test["operations"]):
        if key in operation:
            changed = copy.deepcopy(test)
            yield changed, changed["operations"][index]


def _is_operator(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and str(next(iter(value))).startswith("$$")


def _change_scalar(value: Any) -> Any:
    """Return a different value of the same type, or None if the value contains no scalar to change. Leave operators unchanged."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "!"
    if isinstance(value, dict) and not any(str(key).startswith("$") for key in value):
        return _change_first(list(value.items()), dict)
    if isinstance(value, list):
        changed = _change_first(list(enumerate(value)), dict)
        return None if changed is None else list(changed.values())
    return None


def _change_first(items: list[tuple[Any, Any]], build: Callable[[list[tuple[Any, Any]]], Any]) -> Any:
    for index, (key, item) in enumerate(items):
        changed = _change_scalar(item)
        if changed is not None:
            return build([*items[:index], (key, changed), *items[index + 1 :]])
    return None


@mutation("element of a result dropped")
def drop_element(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a shorter result."""
    for changed, operation in _operations(test, "expectResult"):
        if isinstance(operation["expectResult"], list) and operation["expectResult"]:
            operation["expectResult"].pop()
            yield changed


@mutation("element of a result duplicated")
def duplicate_element(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a longer result."""
    for changed, operation in _operations(test, "expectResult"):
        if isinstance(operation["expectResult"], list) and operation["expectResult"]:
            operation["expectResult"].append(copy.deepcopy(operation["expectResult"][-1]))
            yield changed


@mutation("scalar of a result changed")
def change_result(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different value in the result."""
    for changed, operation in _operations(test, "expectResult"):
        value = _change_scalar(operation["expectResult"])
        if value is not None:
            operation["expectResult"] = value
            yield changed


@mutation("empty result expected to hold something")
def fill_result(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a value in an empty result."""
    for changed, operation in _operations(test, "expectResult"):
        if operation["expectResult"] == [] or operation["expectResult"] is None:
            operation["expectResult"] = [{"_id": _NONSENSE}]
            yield changed


@mutation("code of an error changed")
def change_code(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different error code."""
    for changed, operation in _operations(test, "expectError"):
        if "errorCode" in operation["expectError"]:
            operation["expectError"]["errorCode"] += 1
            yield changed


@mutation("name of an error's code changed")
def change_code_name(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different code name."""
    for changed, operation in _operations(test, "expectError"):
        if "errorCodeName" in operation["expectError"]:
            operation["expectError"]["errorCodeName"] += "X"
            yield changed


@mutation("words of an error changed")
def change_words(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different error message."""
    for changed, operation in _operations(test, "expectError"):
        if "errorContains" in operation["expectError"]:
            operation["expectError"]["errorContains"] = _NONSENSE
            yield changed


@mutation("origin of an error flipped")
def flip_origin(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a client error instead of a server error, or the reverse."""
    for changed, operation in _operations(test, "expectError"):
        if "isClientError" in operation["expectError"]:
            operation["expectError"]["isClientError"] = not operation["expectError"]["isClientError"]
            yield changed


@mutation("timeout of an error flipped")
def flip_timeout(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a timeout instead of any other error, or the reverse."""
    for changed, operation in _operations(test, "expectError"):
        if "isTimeoutError" in operation["expectError"]:
            operation["expectError"]["isTimeoutError"] = not operation["expectError"]["isTimeoutError"]
            yield changed


@mutation("label of an error demanded")
def demand_label(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a label that the error does not have."""
    for changed, operation in _operations(test, "expectError"):
        if operation["expectError"].get("errorLabelsOmit"):
            operation["expectError"]["errorLabelsContain"] = operation["expectError"].pop("errorLabelsOmit")
            yield changed


@mutation("label of an error forbidden")
def forbid_label(test: Test) -> Iterator[Test]:
    """Yield mutants that forbid a label that the error has."""
    for changed, operation in _operations(test, "expectError"):
        if operation["expectError"].get("errorLabelsContain"):
            operation["expectError"]["errorLabelsOmit"] = operation["expectError"].pop("errorLabelsContain")
            yield changed


@mutation("error expected of an operation that succeeds")
def demand_error(test: Test) -> Iterator[Test]:
    """Yield mutants that expect an error instead of success."""
    for changed, operation in _operations(test, "expectResult"):
        del operation["expectResult"]
        operation.pop("saveResultAsEntity", None)
        operation["expectError"] = {"isError": True}
        yield changed


@mutation("expected error removed")
def forgive_error(test: Test) -> Iterator[Test]:
    """Yield mutants that expect success instead of an error."""
    for changed, operation in _operations(test, "expectError"):
        del operation["expectError"]
        yield changed


def _event_lists(test: Test) -> Iterator[tuple[Test, list[Any]]]:
    """For each complete list of expected events in a test, yield a copy of the test and that list in the copy."""
    for index, each in enumerate(test.get("expectEvents", [])):
        if each["events"] and not each.get("ignoreExtraEvents"):
            changed = copy.deepcopy(test)
            yield changed, changed["expectEvents"][index]["events"]


@mutation("event removed")
def drop_event(test: Test) -> Iterator[Test]:
    """Yield mutants that expect one event fewer."""
    for changed, events in _event_lists(test):
        events.pop()
        yield changed


@mutation("event duplicated")
def duplicate_event(test: Test) -> Iterator[Test]:
    """Yield mutants that expect one event more."""
    for changed, events in _event_lists(test):
        events.append(copy.deepcopy(events[-1]))
        yield changed


@mutation("name of an event's command changed")
def change_command_name(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different command."""
    for changed, events in _event_lists(test):
        for event in events:
            details = next(iter(event.values()))
            if "commandName" in details:
                details["commandName"] += "X"
                yield changed
                return


@mutation("scalar of an event's command changed")
def change_command(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different value in a command."""
    for changed, events in _event_lists(test):
        for event in events:
            details = next(iter(event.values()))
            value = _change_scalar(details.get("command"))
            if value is not None:
                details["command"] = value
                yield changed
                return


@mutation("key demanded of an event's command")
def demand_key(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a key that no command has."""
    for changed, events in _event_lists(test):
        for event in events:
            details = next(iter(event.values()))
            if isinstance(details.get("command"), dict) and not _is_operator(details["command"]):
                details["command"]["noCommandHasThis"] = {"$$exists": True}
                yield changed
                return


def _outcomes(test: Test) -> Iterator[tuple[Test, dict[str, Any]]]:
    for index, _ in enumerate(test.get("outcome", [])):
        changed = copy.deepcopy(test)
        yield changed, changed["outcome"][index]


@mutation("document of an outcome dropped")
def drop_document(test: Test) -> Iterator[Test]:
    """Yield mutants that expect one document fewer in a collection."""
    for changed, outcome in _outcomes(test):
        if outcome["documents"]:
            outcome["documents"].pop()
            yield changed


@mutation("document of an outcome added")
def add_document(test: Test) -> Iterator[Test]:
    """Yield mutants that expect one document more in a collection."""
    for changed, outcome in _outcomes(test):
        outcome["documents"].append({"_id": _NONSENSE})
        yield changed


@mutation("scalar of an outcome changed")
def change_document(test: Test) -> Iterator[Test]:
    """Yield mutants that expect a different stored value."""
    for changed, outcome in _outcomes(test):
        value = _change_scalar(outcome["documents"])
        if value is not None:
            outcome["documents"] = value
            yield changed


@mutation("log message removed")
def drop_message(test: Test) -> Iterator[Test]:
    """Yield mutants that expect one log message fewer."""
    for index, each in enumerate(test.get("expectLogMessages", [])):
        if each["messages"] and not each.get("ignoreExtraMessages"):
            changed = copy.deepcopy(test)
            changed["expectLogMessages"][index]["messages"].pop()
            yield changed
