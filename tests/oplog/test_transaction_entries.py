"""The entries of transactions: a small one is encoded by itself, a large one in parts."""

from __future__ import annotations

import struct
from typing import Any

import bson
import pytest
from bson import Int64

from secantus_server.oplog._entries import transaction_entries

LSID = bson.encode({"id": b"1", "uid": b"2"})
IDENTITY = bson.encode({"ns": "d.c", "ui": b"u"})
#: The number of changes up to which a transaction counts as small.
FEW = 100
HUGE = 1 << 24


def decoded(entries: list[bytes]) -> list[dict[str, Any]]:
    return [bson.decode(struct.pack("<i", len(fields) + 5) + fields + b"\0") for fields in entries]


def inserts(count: int) -> list[tuple[str, bytes]]:
    return [("i", bson.encode({"_id": number, "text": "t" * 20})) for number in range(count)]


def inserted(number: int) -> dict[str, Any]:
    return {"op": "i", "ns": "d.c", "ui": b"u", "o": {"_id": number, "text": "t" * 20}, "o2": {"_id": number}}


@pytest.mark.parametrize("count", [1, 2, 10, 11, FEW, FEW + 1])
def test_one_entry_has_all_changes(count: int) -> None:
    (entry,) = decoded(transaction_entries([], [(IDENTITY, inserts(count))], LSID, 7, HUGE))
    assert list(entry) == ["lsid", "txnNumber", "op", "ns", "o"]
    assert (entry["lsid"], entry["op"], entry["ns"]) == (bson.decode(LSID), "c", "admin.$cmd")
    assert type(entry["txnNumber"]) is Int64
    assert entry["txnNumber"] == 7
    assert entry["o"] == {"applyOps": [inserted(number) for number in range(count)]}


def test_every_kind_of_change() -> None:
    old, new, diff = (bson.encode(one) for one in ({"_id": 1, "n": 1}, {"_id": 1, "n": 2}, {"$v": 2, "diff": {"u": {"n": 2}}}))
    changes: list[Any] = [("u", new, diff), ("u", new, diff, old), ("d", new), ("d", new, new, new)]
    few = decoded(transaction_entries([], [(IDENTITY, []), (IDENTITY, changes[:2]), (IDENTITY, changes[2:])], LSID, 7, HUGE))
    assert [list(one) for one in few[0]["o"]["applyOps"]] == [
        ["op", "ns", "ui", "o", "o2"], ["op", "ns", "ui", "o", "o2", "$pre"], ["op", "ns", "ui", "o"], ["op", "ns", "ui", "o", "$pre"],
    ]  # fmt: skip
    many = decoded(transaction_entries([], [(IDENTITY, changes), (IDENTITY, inserts(FEW))], LSID, 7, HUGE))
    assert many[0]["o"]["applyOps"][: len(changes)] == few[0]["o"]["applyOps"]


def test_the_limit_applies_to_small_transactions() -> None:
    writes = [(IDENTITY, inserts(3))]
    (entry,) = decoded(transaction_entries([], writes, LSID, 7, HUGE))
    # The limit does not count the name of the last element, which has three bytes with its type.
    size = len(bson.encode({"": entry["o"]["applyOps"]})) - len(bson.encode({"": []})) - 3
    assert transaction_entries([], writes, LSID, 7, size) == transaction_entries([], writes, LSID, 7, HUGE)
    first, second = decoded(transaction_entries([], writes, LSID, 7, size - 1))
    assert (len(first["o"]["applyOps"]), first["o"]["partialTxn"]) == (2, True)
    assert (len(second["o"]["applyOps"]), second["o"]["count"]) == (1, 3)
    # A single change may exceed the limit.
    assert len(transaction_entries([], [(IDENTITY, inserts(1))], LSID, 7, 1)) == 1


def test_nothing_and_changes_of_collections() -> None:
    assert transaction_entries([], [], LSID, 7, HUGE) == []
    command = ("c", "d.$cmd", None, bson.encode({"create": "c"}), None)
    (entry,) = decoded(transaction_entries([command], [(IDENTITY, inserts(1))], LSID, 7, HUGE))
    assert [one["op"] for one in entry["o"]["applyOps"]] == ["c", "i"]
