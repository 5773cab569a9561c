"""The signal that wakes waiting readers: it wakes only readers whose namespace was written, and misses no write."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from bson.binary import Binary

from secantus_server.bson import encode
from secantus_server.oplog._write_signal import WriteSignal
from secantus_server.oplog.oplog import Entry

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


@pytest.mark.parametrize(
    ("o", "woken"),
    [
        ({"drop": "fruit"}, ["", "shop", "shop.fruit"]),
        ({"create": "fruit", "idIndex": {}}, ["", "shop", "shop.fruit"]),
        ({"createIndexes": "nuts", "key": {"a": 1}}, ["", "shop", "shop.nuts"]),
        ({"renameCollection": "shop.fruit", "to": "shop.nuts", "stayTemp": False}, ["", "shop", "shop.fruit", "shop.nuts"]),
        ({"dropDatabase": 1}, ["", "shop", "shop.fruit", "shop.nuts", "shop.rest"]),
    ],
)
def test_a_command_reaches_those_who_watch_its_collections(o: dict[str, Any], woken: list[str]) -> None:
    signal = WriteSignal()
    watches = {}
    for place in ("", "shop", "shop.fruit", "shop.nuts", "shop.rest", "other", "other.fruit"):
        db, _, name = place.partition(".")
        watches[place] = signal.watch(db, name)
        watches[place].arm()
    signal.publish([Entry("shop.$cmd", None, encode(o))], ())
    assert [place for place, watch in watches.items() if watch.stale] == woken


def test_a_note_reaches_those_who_watch_everything() -> None:
    signal = WriteSignal()
    everything, database = signal.watch(), signal.watch("shop")
    everything.arm()
    database.arm()
    signal.publish([Entry("", None, encode({"msg": "shop"}), op="n")], ())
    assert (everything.stale, database.stale) == (True, False)


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
