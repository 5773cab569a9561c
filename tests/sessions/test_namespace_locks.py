"""The locks between open transactions and changes of collections."""

from __future__ import annotations

import threading

from secantus_server.exec.interruption import never_interrupt
from secantus_server.sessions.namespace_locks import NamespaceLocks

A, B = ("d", "a"), ("d", "b")


def test_a_change_waits_for_the_users_of_its_namespaces() -> None:
    locks = NamespaceLocks()
    assert locks.use("t", A, 0, never_interrupt)
    assert not locks.try_change([A, B])
    assert locks.try_change([B])
    locks.end_change([B])
    done = threading.Event()

    def change() -> None:
        with locks.change([A], never_interrupt):
            done.set()

    thread = threading.Thread(target=change)
    thread.start()
    locks.release("t", [A])
    thread.join()
    assert done.is_set()


def test_a_new_user_waits_for_a_change() -> None:
    locks = NamespaceLocks()
    with locks.change([A], never_interrupt):
        assert not locks.use("t", A, 0.001, never_interrupt)
        assert locks.use("t", B, 0, never_interrupt)
    assert locks.use("t", A, 0, never_interrupt)


def test_a_waiting_change_keeps_new_users_out() -> None:
    locks = NamespaceLocks()
    locks.use("t", A, 0, never_interrupt)
    waiting = threading.Event()

    def change() -> None:
        with locks.change([A], waiting.set):
            pass

    thread = threading.Thread(target=change)
    thread.start()
    waiting.wait()
    assert not locks.use("u", A, 0, never_interrupt)
    locks.release("t", [A])
    thread.join()
    assert locks.use("u", A, 0, never_interrupt)


def test_a_thread_nests_its_changes() -> None:
    locks = NamespaceLocks()
    with locks.change([A], never_interrupt):
        assert locks.try_change([A, B])
        locks.end_change([A, B])
        with locks.change([A], never_interrupt):
            pass
        assert not locks.use("t", A, 0, never_interrupt)
    assert locks.use("t", A, 0, never_interrupt)


def test_changes_of_one_namespace_follow_each_other() -> None:
    locks = NamespaceLocks()
    order: list[str] = []

    def second() -> None:
        with locks.change([A], never_interrupt):
            order.append("second")

    with locks.change([A], never_interrupt):
        thread = threading.Thread(target=second)
        thread.start()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
