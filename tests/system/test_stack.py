"""The lines from which messages are sent."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

import pytest

from pytest_secantus.driver import noting
from secantus_server.system._stack import Stacks, line_of, position_in

LIBRARY, PROJECT, TEST = range(3)
MESSAGE = b"\x10\0\0\0" + b"\xfe\xff\xff\xff" + bytes(8)
REQUEST_ID = 0xFFFFFFFE


def call(send: Any) -> Any:
    return send(None, MESSAGE)


def shown(code: CodeType, position: int) -> tuple[CodeType, int]:
    return code, line_of(code, position)


def places_of(stacks: Stacks) -> list[tuple[CodeType, int]]:
    noted = stacks.of(REQUEST_ID)
    assert noted is not None
    return list(noted[3])


def expected(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    found = []
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            found.append((frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return found


def test_the_lines_are_those_of_the_stack() -> None:
    stacks = Stacks(lambda name: PROJECT if name == __file__ else LIBRARY, TEST, lambda: None, 0, shown)
    seen: list[list[tuple[CodeType, int]]] = []
    send = noting(stacks.note, lambda _connection, _message: seen.append(expected(sys._getframe(1))))
    for _ in range(2):
        call(send)
        assert places_of(stacks) == seen.pop()[: len(places_of(stacks))]
        assert [code.co_name for code, _line in places_of(stacks)][:2] == ["call", "test_the_lines_are_those_of_the_stack"]


def generated(send: Any) -> Iterator[Any]:
    yield call(send)


async def awaited(send: Any) -> Any:
    return call(send)


class Called:
    def __init__(self, send: Any) -> None:
        call(send)


@pytest.mark.parametrize(
    "start",
    [
        lambda send: sorted([1, 2], key=lambda _item: call(send)),
        lambda send: list(generated(send)),
        lambda send: asyncio.run(awaited(send)),
        lambda send: Called(send),
        lambda send: exec("call(send)", {"call": call, "send": send}),
        lambda send: [call(send) for _ in range(2)],
        lambda send: type("Body", (), {"sent": property(lambda _self: call(send))})().sent,
    ],
    ids=["called_from_c", "generator", "coroutine", "constructor", "exec", "comprehension", "property"],
)
def test_the_lines_of_each_kind_of_frame(start: Callable[[Any], Any]) -> None:
    stacks = Stacks(lambda name: PROJECT if name == __file__ else LIBRARY, TEST, lambda: None, 0, shown)
    seen: list[list[tuple[CodeType, int]]] = []
    start(noting(stacks.note, lambda _connection, _message: seen.append(expected(sys._getframe(1))) or 0))
    assert places_of(stacks) == seen[-1]
    assert seen[-1][-1][0].co_name == "test_the_lines_of_each_kind_of_frame"


def test_the_driver_s_frames_are_skipped() -> None:
    stacks = Stacks(lambda name: PROJECT if name == __file__ else LIBRARY, TEST, lambda: None, 2, shown)
    call(noting(stacks.note, lambda _connection, _message: None))
    assert [code.co_name for code, _line in places_of(stacks)] == ["test_the_driver_s_frames_are_skipped"]


def test_the_walk_ends_at_the_test_and_kinds_can_change() -> None:
    kinds = {__file__: TEST}
    stacks = Stacks(lambda name: kinds.get(name, LIBRARY), TEST, lambda: None, 0, shown)
    send = noting(stacks.note, lambda _connection, _message: None)
    call(send)
    assert [code.co_name for code, _line in places_of(stacks)] == ["call"]
    kinds[__file__] = LIBRARY
    stacks.clear()
    assert stacks.of(REQUEST_ID) is None
    stacks.forget_kinds()
    call(send)
    assert places_of(stacks) == []


def test_a_message_without_a_line_has_the_awaited_place() -> None:
    frame = sys._getframe()
    place = frame.f_code, position_in(frame)
    stacks = Stacks(lambda _name: LIBRARY, TEST, lambda: place, 400, shown)
    call(noting(stacks.note, lambda _connection, _message: None))
    noted = stacks.of(REQUEST_ID)
    assert noted is not None
    assert noted[2:] == (True, (shown(*place),))


def message_of(number: int) -> bytes:
    return b"\x10\0\0\0" + number.to_bytes(4, "little") + bytes(8)


def compiled(name: str) -> Any:
    scope: dict[str, Any] = {}
    exec(compile(f"def {name}(call, *args):\n    call(*args)\n", "compiled.py", "exec"), scope)
    return scope[name]


def test_each_message_keeps_its_own_lines() -> None:
    stacks = Stacks(lambda name: PROJECT if name == "compiled.py" else LIBRARY, TEST, lambda: None, 0, shown)
    functions = [compiled(f"function_{number}") for number in range(1500)]
    for _ in range(2):
        for number, function in enumerate(functions):
            functions[number - 1](function, stacks.note, message_of(number))
    for number, function in enumerate(functions):
        noted = stacks.of(number)
        assert noted is not None
        assert [code for code, _line in noted[3]] == [function.__code__, functions[number - 1].__code__]
    assert stacks.of(1500) is None


def test_a_line_that_is_noted_after_a_read_is_found() -> None:
    stacks = Stacks(lambda name: PROJECT if name == "compiled.py" else LIBRARY, TEST, lambda: None, 0, shown)
    first, second = compiled("first"), compiled("second")
    for function in (first, second):
        function(stacks.note, message_of(1))
        noted = stacks.of(1)
        assert noted is not None
        assert noted[3][0][0] is function.__code__


def test_cleared_lines_and_forgotten_kinds_keep_no_code() -> None:
    stacks = Stacks(lambda name: PROJECT if name == "compiled.py" else LIBRARY, TEST, lambda: None, 0, shown)
    function = compiled("function")
    kept = weakref.ref(function.__code__)
    function(stacks.note, MESSAGE)
    del function
    assert kept() is not None
    stacks.clear()
    assert stacks.of(REQUEST_ID) is None
    stacks.forget_kinds()
    gc.collect()
    assert kept() is None


def test_a_collection_that_discards_the_lines_which_are_read() -> None:
    """A finalizer of the application may run commands, or end the log, in any allocation."""

    class Cycle:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            stacks.clear()

    thresholds = gc.get_threshold()
    try:
        for _ in range(20):
            stacks = Stacks(lambda name: PROJECT if name == "compiled.py" else LIBRARY, TEST, lambda: None, 0, shown)
            compiled("function")(stacks.note, MESSAGE)
            read = stacks.of
            wanted = read(REQUEST_ID)
            gc.disable()
            Cycle()
            gc.set_threshold(1, 1, 1)
            # The next list is not taken from the interpreter's free ones, so creating it may start a collection.
            used: list[list[int]] = [[] for _ in range(400)]
            gc.enable()
            found = read(REQUEST_ID)
            gc.disable()
            assert found in (wanted, None)
            used.clear()
    finally:
        gc.set_threshold(*thresholds)
        gc.enable()


def test_a_deep_stack_that_ends_at_the_test_keeps_all_lines() -> None:
    kinds = {__file__: TEST, "compiled.py": PROJECT}
    stacks = Stacks(lambda name: kinds.get(name, LIBRARY), TEST, lambda: None, 0, shown)
    function = compiled("function")
    function(*[function] * 50, stacks.note, MESSAGE)
    noted = stacks.of(REQUEST_ID)
    assert noted is not None
    assert noted[2] is True
    assert len(noted[3]) == 52


def test_messages_of_commands_that_are_left_out_are_not_noted() -> None:
    stacks = Stacks(lambda _name: PROJECT, TEST, lambda: None, 0, shown, (b"hello\0", b"ping\0"))

    def is_noted(message: bytes) -> bool:
        stacks.clear()
        stacks.note(message)
        return stacks.of(REQUEST_ID) is not None

    def message(command: bytes, opcode: int = 2013, kind: int = 0) -> bytes:
        return MESSAGE[:12] + opcode.to_bytes(4, "little") + bytes(4) + bytes([kind]) + bytes(4) + b"\x10" + command

    assert not is_noted(message(b"hello\0\1\0\0\0\0"))
    assert not is_noted(message(b"ping\0"))
    assert is_noted(message(b"hellos\0"))
    assert is_noted(message(b"hell\0o\0"))
    assert is_noted(message(b"hello"))  # no end
    assert is_noted(message(b""))
    assert is_noted(message(b"hello\0", kind=1))
    assert is_noted(message(b"hello\0", opcode=2012))
    assert is_noted(MESSAGE)
