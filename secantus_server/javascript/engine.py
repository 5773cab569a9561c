"""The JavaScript engine of one command. It is a QuickJS context of the package quickjs-ng, which is loaded on first use.

https://www.mongodb.com/docs/manual/core/server-side-javascript/
"""

from __future__ import annotations

import importlib
import json
import os
import resource
from collections.abc import Callable
from functools import cache
from typing import Any

from bson.errors import BSONError

from secantus_server.bson import decode
from secantus_server.errors import CommandError
from secantus_server.javascript.values import from_parsed, join_texts, to_text
from secantus_server.system._threads import Lock
from secantus_server.system.files import package_data

# The stack of a Python thread has at least 1 MB: 1 MB with musl, and with glibc the soft limit of the process, or 2 MB if that is infinite.
_SMALL_STACK_BYTES = 1024 * 1024
_USUAL_STACK_BYTES = 2 * 1024 * 1024
_MAX_SCRIPT_STACK_BYTES = 4 * 1024 * 1024
_CLOCK_TOLERANCE_MS = 1000
JS_INTERPRETER_FAILURE = 139


@cache
def _quickjs() -> Any:
    try:
        return importlib.import_module("quickjs")
    except ImportError:
        raise CommandError(
            238, "Server-side JavaScript needs an engine. Install it with: pip install 'pytest-secantus[javascript]'"
        ) from None


@cache
def _source(name: str) -> str:
    return package_data(__package__, name).decode()


@cache
def _thread_stack_bytes() -> int:
    """Return the stack size of a new thread, or a lower bound on it."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        libc = ""
    if not libc.startswith("glibc"):
        return _SMALL_STACK_BYTES
    soft = resource.getrlimit(resource.RLIMIT_STACK)[0]
    return _USUAL_STACK_BYTES if soft == resource.RLIM_INFINITY else soft


def is_installed() -> bool:
    """Return whether the engine's package is installed."""
    try:
        _quickjs()
    except CommandError:
        return False
    return True


class Engine:
    """A JavaScript context with MongoDB's BSON types. Scripts of one engine share their global variables, and different engines share
    none.

    Threads: any thread may run a function. A lock ensures that only one function runs at a time.

    Arguments:
        max_bytes: the memory limit of the scripts.
        max_seconds: returns the CPU time limit of one call in seconds; raises an error if the command was interrupted.
        clock_offset_ms: the offset of the scripts' clock from the system's time.
        has_utc_dates: whether the scripts' local time is UTC, as in MongoDB 9.0, instead of the system's local time.

    Raises:
        CommandError: 238 if the engine is not installed.
    """

    def __init__(self, max_bytes: int, max_seconds: Callable[[], float], clock_offset_ms: int = 0, *, has_utc_dates: bool = False) -> None:
        quickjs = _quickjs()
        self._error = quickjs.JSException
        self._context = quickjs.Context()
        self._context.set_memory_limit(max_bytes)
        self._context.set_max_stack_size(min(_thread_stack_bytes() // 2, _MAX_SCRIPT_STACK_BYTES))
        self._context.eval(_source("runtime.js"))
        if has_utc_dates:
            self._context.eval(_source("utc_dates.js"))
        self._max_seconds = max_seconds
        self._lock = Lock()  # guards the context
        self._entries = {
            name: self._context.eval(f"__entries.{name}") for name in ("shiftClock", "setGlobals", "compile", "call", "test", "map", "fold")
        }
        self._context.eval("delete globalThis.__entries")
        if abs(clock_offset_ms) > _CLOCK_TOLERANCE_MS:
            # Pass a float, because the package truncates an int beyond 32 bits.
            self.run("shiftClock", float(clock_offset_ms))

    def close(self) -> None:
        """Free the scripts and their memory. After this, no function may be called."""
        with self._lock:
            self._entries.clear()
            self._context = None

    def set_globals(self, scope: dict[str, Any]) -> None:
        """Set global JavaScript variables to BSON values."""
        self.run("setGlobals", to_text(scope))

    def function(self, code: str) -> Function:
        """Compile JavaScript code, which may be a function, an expression or a sequence of statements.

        Raises:
            CommandError: 139 JSInterpreterFailure for a syntax error.
        """
        return Function(self, int(self.run("compile", json.dumps(code))))

    def run(self, entry: str, *args: Any) -> Any:
        """Run a function of `runtime.js` and return its parsed result.

        Raises:
            CommandError: 139 JSInterpreterFailure if the script throws or runs out of memory. 50 MaxTimeMSExpired if it exceeds its time,
                or the error with which the command was killed.
        """
        seconds = self._max_seconds()
        with self._lock:
            self._context.set_time_limit(seconds)
            try:
                text = self._entries[entry](*args)
            except self._error as error:
                raise self._interruption(str(error)) from None
        try:
            failed, *found = json.loads(text)
            if not failed:
                return found[0]
            name, message = found
        except (IndexError, TypeError, ValueError):
            raise CommandError(JS_INTERPRETER_FAILURE, "The script has replaced functions that the server needs.") from None
        # The engine throws null if no memory is left to create an error object.
        if (name, message) in (("", "null"), ("InternalError", "out of memory")):
            raise CommandError(JS_INTERPRETER_FAILURE, "JavaScript ran out of memory")
        raise CommandError(JS_INTERPRETER_FAILURE, f"{name}: {message}" if name else f"uncaught exception: {message}")

    def _interruption(self, text: str) -> CommandError:
        """Return the error for a script that the engine terminated because of a limit or an interruption."""
        if text.startswith("InternalError: interrupted"):
            return CommandError(50, "operation exceeded time limit")
        if "stack" in text:
            return CommandError(JS_INTERPRETER_FAILURE, "InternalError: too much recursion")
        return CommandError(JS_INTERPRETER_FAILURE, "JavaScript ran out of memory")


def _value(parsed: Any) -> Any:
    """Convert a script's result to a BSON value.

    Raises:
        CommandError: 139 JSInterpreterFailure if the script assigned an invalid value to a field of a BSON type.
    """
    try:
        return from_parsed(parsed)
    except (ArithmeticError, BSONError, LookupError, TypeError, ValueError) as error:
        raise CommandError(JS_INTERPRETER_FAILURE, f"the script returned an invalid value: {error}") from None


class Function:
    """A compiled JavaScript function.

    Arguments:
        engine: the engine that has compiled the function.
        number: the function's number in the engine.
    """

    def __init__(self, engine: Engine, number: int) -> None:
        self.engine = engine
        self._number = number

    def __call__(self, *args: Any, this: Any = None) -> Any:
        """Call the function with BSON values and return the result.

        Raises:
            CommandError: see `Engine.run`.
        """
        text = join_texts([to_text(this), *map(to_text, args)])
        return _value(self.engine.run("call", self._number, text))

    def matches(self, document: bytes) -> bool:
        """Call the function with a document as `this` and `obj`, and return whether the result is truthy.

        Raises:
            CommandError: see `Engine.run`.
        """
        return bool(self.engine.run("test", self._number, to_text(decode(document))))

    def emitted(self, documents: list[bytes]) -> list[list[Any]]:
        """Call the function once for each document as `this`, and return the keys and values that the function passed to `emit`.

        Raises:
            CommandError: see `Engine.run`.
        """
        text = join_texts([to_text(decode(document)) for document in documents])
        return [[_value(key), _value(value)] for key, value in self.engine.run("map", self._number, text)]

    def fold(self, state: Any, batch: list[list[Any]]) -> Any:
        """Call the function once for each item of a batch, with the state and the item's arguments. Return the last result.

        Each result is the state for the next call.

        Raises:
            CommandError: see `Engine.run`.
        """
        items = [join_texts([to_text(one) for one in args]) for args in batch]
        return _value(self.engine.run("fold", self._number, join_texts([to_text(state), *items])))
