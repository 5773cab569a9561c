"""Exclusive access waits for running transactions, and new transactions wait for its end."""

from __future__ import annotations

import threading

import pytest

from secantus_server.storage import CATALOG, META, Engine, RecoveryUnit, StorageError, WriteConflict


def start(target: object) -> threading.Thread:
    thread = threading.Thread(target=target)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_a_running_transaction_is_waited_for(memory: Engine) -> None:
    unit = memory.acquire()
    unit.begin()
    steps: list[str] = []

    def alone() -> None:
        with memory.exclusive():
            steps.append("alone")

    thread = start(alone)
    while not memory._gate.closed:
        pass
    steps.append("commit")
    unit.commit()
    thread.join()
    assert steps == ["commit", "alone"]


def test_a_transaction_waits_to_begin(memory: Engine) -> None:
    steps: list[str] = []
    asked = threading.Event()

    def write() -> None:
        asked.set()
        with memory.transaction() as unit:
            steps.append("write")
            unit.put(CATALOG, b"a", b"")

    with memory.exclusive():
        thread = start(write)
        asked.wait()
        with memory.exclusive(), memory.transaction() as unit:
            assert unit.get(CATALOG, b"a") is None
        steps.append("alone")
    thread.join()
    assert steps == ["alone", "write"]


def test_a_thread_with_a_transaction_may_begin_another(memory: Engine) -> None:
    """A thread with an open transaction must not block at the gate, else closing the gate would deadlock."""
    unit = memory.acquire()
    unit.begin()
    thread = start(lambda: memory.restore(memory.push_snapshot()))
    while not memory._gate.closed:
        pass
    with memory.transaction() as second:
        assert second.get(CATALOG, b"a") is None
    unit.commit()
    thread.join()


def test_the_wait_has_an_end(memory: Engine) -> None:
    begun, finish = threading.Event(), threading.Event()

    def hold() -> None:
        with memory.transaction():
            begun.set()
            finish.wait()

    thread = start(hold)
    begun.wait()
    with pytest.raises(StorageError, match="exclusive access to the store: 1 transactions"), memory.exclusive(0.01):
        pass
    assert not memory._gate.closed
    finish.set()
    thread.join()


def test_waiting_for_oneself_is_a_mistake(memory: Engine) -> None:
    with memory.transaction(), pytest.raises(AssertionError), memory.exclusive():
        pass
    with memory.exclusive():
        pass


def test_many_writers_and_restores(memory: Engine) -> None:
    """Writers add pairs of keys; exclusive access sees only complete pairs, and a restore removes all of them."""
    snapshot = memory.push_snapshot()
    stop = threading.Event()

    def write(name: bytes) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with memory.transaction() as unit:
                unit.put(CATALOG, b"%s%d" % (name, number), b"")
                unit.put(CATALOG, b"%s%d'" % (name, number), b"")

    threads = [start(lambda name=name: write(name)) for name in (b"a", b"b", b"c")]
    for _ in range(50):
        with memory.exclusive():
            with memory.transaction() as unit:
                assert len(list(unit.scan(CATALOG, b"", None))) % 2 == 0
            memory.restore(snapshot)
            with memory.transaction() as unit:
                assert list(unit.scan(CATALOG, b"", None)) == []
    stop.set()
    for thread in threads:
        thread.join()


class Ended(Exception):
    """The error of an interrupted wait."""


def test_a_wait_ends_when_its_operation_does() -> None:
    ends = threading.Event()

    def check() -> None:
        if ends.is_set():
            raise Ended

    engine = Engine.open(":memory:", check_waiting=check)
    steps: list[str] = []

    def wait(name: str) -> None:
        try:
            with engine.exclusive() if name == "alone" else engine.transaction():
                steps.append(name)
        except Ended:
            steps.append("ended")

    unit = engine.acquire()
    unit.begin()
    threads = [start(lambda name=name: wait(name)) for name in ("alone", "alone", "transaction")]
    while not engine._gate.closed:
        pass
    ends.set()
    for thread in threads:
        thread.join()
    # The thread with a transaction may have begun it before the gate was closed.
    assert sorted(steps) in (["ended", "ended", "ended"], ["ended", "ended", "transaction"])
    assert not engine._gate.closed
    ends.clear()
    unit.commit()
    engine.release(unit)
    with engine.exclusive():
        pass
    engine.close()


def test_a_transaction_that_was_left_is_continued_by_another_thread(memory: Engine) -> None:
    unit = memory.acquire()
    unit.begin()
    unit.put(META, b"k", b"v")
    unit.leave()
    assert memory.is_idle
    found: list[bytes | None] = []

    def go_on() -> None:
        unit.enter()
        found.append(unit.get(META, b"k"))
        unit.commit()

    thread = threading.Thread(target=go_on)
    thread.start()
    thread.join()
    memory.release(unit)
    assert found == [b"v"]
    with memory.transaction() as reader:
        assert reader.get(META, b"k") == b"v"


def test_exclusive_access_aborts_a_transaction_that_was_left(memory: Engine) -> None:
    unit = memory.acquire()
    unit.begin()
    unit.put(META, b"k", b"v")
    unit.leave()
    with memory.exclusive(aborts_idle=True), memory.transaction() as reader:
        assert reader.get(META, b"k") is None
    with pytest.raises(WriteConflict):
        unit.enter()
    assert memory.is_idle
    unit.begin()
    unit.commit()
    memory.release(unit)


def test_exclusive_access_leaves_idle_transactions_open(memory: Engine) -> None:
    unit = memory.acquire()
    unit.begin()
    unit.put(META, b"k", b"v")
    unit.leave()
    with memory.exclusive(0.01):
        pass
    unit.enter()
    unit.commit()
    memory.release(unit)
    with memory.transaction() as reader:
        assert reader.get(META, b"k") == b"v"


def left(engine: Engine) -> RecoveryUnit:
    """Return a recovery unit whose transaction was left idle."""
    unit = engine.acquire()
    unit.begin()
    unit.put(META, b"k", b"v")
    unit.leave()
    return unit


@pytest.mark.parametrize("end", ["rollback", "release"])
def test_a_transaction_that_was_left_can_be_rolled_back(memory: Engine, end: str) -> None:
    unit = left(memory)
    if end == "rollback":
        unit.rollback()
    memory.release(unit)
    assert memory._gate.running == 0
    assert memory._gate.idle == []
    assert not unit.in_transaction
    with memory.exclusive(0.01), memory.transaction() as reader:
        assert reader.get(META, b"k") is None


@pytest.mark.parametrize("end", ["rollback", "release", "both"])
def test_the_mark_of_an_aborted_transaction_ends_with_it(memory: Engine, end: str) -> None:
    unit = left(memory)
    with memory.exclusive(aborts_idle=True):
        pass
    assert unit.aborted
    if end != "release":
        unit.rollback()
    memory.release(unit)
    assert memory._gate.running == 0
    again = memory.acquire()
    assert again is unit
    again.begin()
    again.leave()
    again.enter()
    again.commit()
    memory.release(again)
    assert memory._gate.running == 0


def test_a_rollback_waits_for_exclusive_access_that_aborts(memory: Engine) -> None:
    unit = left(memory)
    steps: list[str] = []

    def roll_back() -> None:
        unit.rollback()
        steps.append("rolled back")

    with memory.exclusive(aborts_idle=True):
        thread = start(roll_back)
        steps.append("alone")
    thread.join()
    assert memory._gate.running == 0
    assert not unit.aborted
    memory.release(unit)


@pytest.mark.parametrize("mistake", ["rollback", "commit", "leave", "enter"])
def test_a_mistake_does_not_leave_the_gate(memory: Engine, mistake: str) -> None:
    unit = memory.acquire()
    with pytest.raises(AssertionError):
        getattr(unit, mistake)()
    assert memory._gate.running == 0
    unit.begin()
    unit.leave()
    for wrong in {"commit", "leave"} & {mistake}:
        with pytest.raises(AssertionError):
            getattr(unit, wrong)()
    unit.enter()
    assert memory._gate.running == 1
    with pytest.raises(AssertionError):
        unit.enter()
    unit.commit()
    memory.release(unit)
    assert memory._gate.running == 0


def test_transactions_are_numbered_in_the_order_of_their_begin(memory: Engine) -> None:
    first, second = memory.acquire(), memory.acquire()
    second.begin()
    first.begin()
    assert second.serial < first.serial == memory.begun
    for unit in (first, second):
        memory.release(unit)


def test_an_interrupted_operation_still_rolls_an_idle_transaction_back() -> None:
    """Else the transaction of a killed session would stay open if its statement was killed while another thread had exclusive access."""
    waited = threading.Event()

    def interrupted() -> None:
        if threading.current_thread() is releasing:
            waited.set()
            raise StorageError("interrupted", 11601)

    engine = Engine.open(":memory:", check_waiting=interrupted)
    unit = engine.acquire()
    unit.begin()
    unit.leave()
    releasing = threading.Thread(target=engine.release, args=(unit,))
    with engine.exclusive():
        releasing.start()
        assert not waited.wait(0.05)
    releasing.join()
    assert not unit.in_transaction
    assert engine.is_idle
    engine.close()
