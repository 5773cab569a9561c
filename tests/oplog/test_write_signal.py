"""The signal that wakes waiting readers: it wakes only readers whose namespace was written, and misses no write."""

from __future__ import annotations

import threading

import pytest
from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.oplog.oplog import Entry
from secantus_server.oplog.write_signal import WriteSignal

IDENTITY = encode({"ns": "shop.fruit", "ui": Binary(b"0123456789abcdef", 4)})
WRITES = [(IDENTITY, [("i", b"")])]


@pytest.mark.parametrize(
    ("db", "name", "woken"), [("", "", True), ("shop", "", True), ("shop", "fruit", True), ("shop", "nuts", False), ("other", "", False)]
)
def test_a_write_reaches_those_who_watch_its_namespace(db: str, name: str, woken: bool) -> None:
    signal = WriteSignal()
    watch = signal.watch(db, name)
    watch.arm()
    signal.publish((), WRITES)
    assert watch.stale == watch.wait(0) == woken


@pytest.mark.parametrize(("db", "woken"), [("", True), ("shop", True), ("other", False)])
def test_a_command_reaches_everyone_in_its_database(db: str, woken: bool) -> None:
    signal = WriteSignal()
    watch = signal.watch(db, "any" if db else "")
    watch.arm()
    signal.publish([Entry("shop.$cmd", None, b"")], ())
    assert watch.stale == woken


def test_a_commit_between_arming_and_waiting_is_not_lost() -> None:
    signal = WriteSignal()
    watch = signal.watch("shop", "fruit")
    watch.arm()
    signal.publish((), WRITES)
    assert watch.wait(0)
    watch.arm()
    assert not watch.wait(0)


def test_a_watch_that_was_not_armed_again_stays_stale() -> None:
    signal = WriteSignal()
    watch = signal.watch("shop")
    assert watch.stale
    watch.arm()
    signal.publish((), WRITES)
    signal.publish((), WRITES)
    assert watch.stale
    watch.arm()
    assert not watch.stale


def test_a_writer_wakes_many_threads() -> None:
    signal = WriteSignal()
    watches = [signal.watch("shop", "fruit") for _ in range(20)]
    woken: list[bool] = []
    for watch in watches:
        watch.arm()
    threads = [threading.Thread(target=lambda watch=watch: woken.append(watch.wait(10))) for watch in watches]
    for thread in threads:
        thread.start()
    signal.publish((), WRITES)
    for thread in threads:
        thread.join()
    assert woken == [True] * 20


def test_waking_and_closing_end_a_wait() -> None:
    signal = WriteSignal()
    one, other = signal.watch("shop"), signal.watch("other")
    one.arm()
    other.arm()
    one.wake()
    assert one.wait(0)
    assert not other.stale
    signal.close()
    assert other.wait(0)
    other.arm()
    assert other.stale
