"""The accumulator `$accumulator`, which is defined by JavaScript functions.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/accumulator/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.javascript import Function
from secantus_server.mql.accumulators._states import State, size_of
from secantus_server.mql.accumulators.registry import Accumulator, accumulator
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression, parse_expression
from secantus_server.mql.scripts import script_engine, source_of

# The number of documents that one call into JavaScript adds to a state.
_BATCH = 500
_FUNCTIONS = ("init", "accumulate", "merge", "finalize")
_EMPTY_DOCUMENT = b"\5\0\0\0\0"


@dataclass(frozen=True)
class Scripts:
    """The JavaScript functions and arguments of an `$accumulator`."""

    init: Function
    init_args: Expression
    accumulate: Function
    accumulate_args: Expression
    finalize: Function | None


class ScriptState(State):
    """The `$accumulator` state of one group. Between two batches of documents, it is stored as a BSON value.

    Arguments:
        scripts: the JavaScript functions.
        group: the group key. If it is a document, the arguments of `init` may refer to its fields.
    """

    def __init__(self, scripts: Scripts, group: Any = None) -> None:
        super().__init__(scripts.accumulate_args)
        self._scripts = scripts
        root = encode(group) if type(group) is dict else _EMPTY_DOCUMENT
        self._state = scripts.init(*_array("initArgs", scripts.init_args.evaluate(root)))
        self._batch: list[list[Any]] = []

    def take_value(self, value: Any) -> None:
        """Add one document's arguments for the function `accumulate`."""
        self._batch.append(_array("accumulateArgs", value))
        if len(self._batch) >= _BATCH:
            self._fold()

    def result(self) -> Any:
        """Return the result of the function `finalize` for the state."""
        self._fold()
        return self._state if self._scripts.finalize is None else self._scripts.finalize(self._state)

    def memory(self) -> int:
        """Return the approximate memory in use, in bytes."""
        return size_of(self._state) + size_of(self._batch)

    def _fold(self) -> None:
        if self._batch:
            self._state = self._scripts.accumulate.fold(self._state, self._batch)
            self._batch = []


class ScriptStart:
    """A factory that creates the states of new groups. A stage that does not know the group key calls the factory without a key."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def __call__(self) -> ScriptState:
        """Create a state for a group whose key is unknown or not a document."""
        return ScriptState(self._scripts)

    def for_group(self, group: Any) -> ScriptState:
        """Create a state for the group with the given key."""
        return ScriptState(self._scripts, group)


@accumulator("$accumulator")
def parse_script_accumulator(argument: Any, ctx: ParseContext) -> Accumulator:
    """Parse the argument of `$accumulator`, a document `{init, initArgs, accumulate, accumulateArgs, merge, finalize, lang}`.

    Raises:
        CommandError: 4544701 to 4544706 for malformed arguments, 139 for a syntax error, and the errors of `script_engine`.
    """
    if type(argument) is not dict:
        raise CommandError(4544703, f"$accumulator expects an object as an argument; found: {type_name(argument)}")
    for name in argument:
        if name not in (*_FUNCTIONS, "initArgs", "accumulateArgs", "lang"):
            raise CommandError(4544706, f"$accumulator got an unexpected field: {name}")
    for name in ("init", "accumulate", "accumulateArgs", "merge", "lang"):
        if name not in argument:
            raise CommandError(4544705, f"$accumulator missing required argument '{name}'")
    if argument["lang"] != "js":
        raise CommandError(4544702, "$accumulator lang must be 'js'")
    engine = script_engine("$accumulator", ctx)
    functions = {name: engine.function(_source(name, argument[name])) for name in _FUNCTIONS if name in argument}
    scripts = Scripts(
        functions["init"],
        parse_expression(argument.get("initArgs", []), ctx),
        functions["accumulate"],
        parse_expression(argument["accumulateArgs"], ctx),
        functions.get("finalize"),
    )
    return Accumulator((scripts.accumulate_args,), ScriptStart(scripts))


def _source(name: str, value: Any) -> str:
    source = source_of(value)
    if source is None:
        raise CommandError(4544701, f"$accumulator '{name}' must be a String or Code; found: {type_name(value)}")
    return source


def _array(name: str, value: Any) -> list[Any]:
    if type(value) is not list:
        raise CommandError(4544704, f"{name} must evaluate to an array: {type_name(value)}")
    return value
