"""The server's threads and locks: their semantics and timeouts."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable

import pytest

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import Condition, Lock, RLock, Thread, get_ident
from secantus_server.system.conditions import Event


def run(*targets: Callable[[], object]) -> None:
    """Run functions in threads and wait for all of them."""
    threads = [Thread(target) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_lock_has_one_holder() -> None:
    lock, inside, most = Lock(), [0], [0]

    def work() -> None:
        for _ in range(2000):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    run(*[work] * 4)
    assert most == [1]


def test_a_lock_that_is_held_cannot_be_had() -> None:
    lock = Lock()
    assert lock.acquire()
    assert lock.locked()
    assert not lock.acquire(blocking=False)
    assert not lock.acquire(timeout=0.001)
    lock.release()
    assert not lock.locked()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()


def test_a_lock_of_one_thread_is_released_by_another() -> None:
    lock = Lock()
    lock.acquire()
    run(lock.release)
    assert lock.acquire(timeout=0)


def test_the_holder_of_an_rlock_may_acquire_it_again() -> None:
    lock, others = RLock(), []
    with lock, lock:
        run(lambda: others.append(lock.acquire(blocking=False)))
    run(lambda: others.append(lock.acquire(blocking=False)))
    assert others == [False, True]
    with pytest.raises(RuntimeError, match="un-acquired"):
        lock.release()


def test_a_signal_handler_runs_while_the_main_thread_waits() -> None:
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread only")
    lock = Lock()
    lock.acquire()
    before = signal.signal(signal.SIGALRM, lambda *_: lock.release())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert lock.acquire(timeout=30)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_condition_wakes_everybody() -> None:
    condition, ready, woken = Condition(), [], []

    def wait() -> None:
        with condition:
            woken.append(condition.wait_for(lambda: bool(ready), 30))

    def notify() -> None:
        with condition:
            ready.append(1)
            condition.notify_all()

    run(wait, wait, wait, notify)
    assert woken == [True] * 3


def test_a_wait_ends_at_its_timeout() -> None:
    condition = Condition()
    with condition:
        assert condition.wait(0.001) is False
        assert condition.wait_for(lambda: False, 0.001) is False
    assert Event().wait(0.001) is False


def test_an_event() -> None:
    event, seen = Event(), []
    run(lambda: seen.append(event.wait(30)), event.set)
    assert seen == [True]
    assert event.is_set()
    assert event.wait()


def test_a_thread_ends() -> None:
    event, idents = Event(), []
    thread = Thread(lambda: idents.append((get_ident(), thread.is_current(), event.wait(30))))
    assert not thread.is_alive()
    thread.start()
    assert thread.is_alive()
    thread.join(0.001)
    assert thread.is_alive()
    event.set()
    thread.join()
    assert not thread.is_alive()
    assert not thread.is_current()
    assert [(ident != get_ident(), current, waited) for ident, current, waited in idents] == [(True, True, True)]


def test_what_a_thread_raises_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: seen.append(error.args))
    run(lambda: [][0], sys.exit)
    assert seen == [("list index out of range",)]


def test_the_monotonic_clock_goes_forward() -> None:
    readings = [monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_no_thread_starts_at_the_end_of_the_interpreter() -> None:
    # Exit functions run in reverse order, so this one runs after that of the threads.
    script = """
        import atexit

        def late():
            try:
                Thread(print, ("started",)).start()
            except RuntimeError as error:
                print(error)

        atexit.register(late)
        from secantus_server.system._threads import Thread
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "can't start new thread at the interpreter's end"


def test_an_interpreter_may_end_while_threads_start() -> None:
    script = """
        from secantus_server.system._clock import monotonic
        from secantus_server.system._threads import Thread

        def breed():
            while True:
                try:
                    Thread(monotonic).start()
                except RuntimeError:
                    return

        Thread(breed).start()
        end = monotonic() + 0.02
        while monotonic() < end:
            pass
    """
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
