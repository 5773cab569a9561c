"""The `$clusterTime` that a client gossips."""

from __future__ import annotations

import time
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from bson.timestamp import Timestamp

from secantus_server.server import SecantusDBServer
from tests.net.raw_client import RawClient, connected

SIGNATURE = {"hash": b"\0" * 20, "keyId": Int64(0)}
YEAR_S = 365 * 24 * 60 * 60


def find(client: RawClient, cluster_time: Any) -> dict[str, Any]:
    return client.run({"find": "c", "$clusterTime": cluster_time})


@pytest.mark.parametrize(
    ("cluster_time", "code", "field"),
    [
        ({"clusterTime": {}}, 14, "'$clusterTime.clusterTime'"),
        ({"clusterTime": 1}, 14, "'$clusterTime.clusterTime'"),
        ({}, 40414, "'$clusterTime.clusterTime'"),
        ({"signature": SIGNATURE}, 40414, "'$clusterTime.clusterTime'"),
        ({"clusterTime": Timestamp(1, 1), "signature": 1}, 14, "'$clusterTime.signature'"),
        ({"clusterTime": Timestamp(1, 1), "signature": {}}, 40414, "'$clusterTime.signature.hash'"),
        ({"clusterTime": Timestamp(1, 1), "signature": {"hash": b""}}, 40414, "'$clusterTime.signature.keyId'"),
        ({"clusterTime": Timestamp(1, 1), "signature": {"hash": "", "keyId": Int64(0)}}, 14, "'$clusterTime.signature.hash'"),
        ({"clusterTime": Timestamp(1, 1), "signature": {"hash": b"", "keyId": "0"}}, 14, "'$clusterTime.signature.keyId'"),
        (1, 14, "'$clusterTime'"),
    ],
)
def test_a_malformed_cluster_time(client: RawClient, cluster_time: Any, code: int, field: str) -> None:
    reply = find(client, cluster_time)
    assert (reply["code"], field in reply["errmsg"]) == (code, True), reply["errmsg"]


def test_a_cluster_time_more_than_a_year_ahead_is_refused(client: RawClient) -> None:
    now_s = int(time.time())
    reply = find(client, {"clusterTime": Timestamp(2**32 - 1, 1), "signature": SIGNATURE})
    assert (reply["code"], reply["codeName"]) == (205, "ClusterTimeFailsRateLimiter")
    assert find(client, {"clusterTime": Timestamp(now_s + YEAR_S - 3600, 1), "signature": SIGNATURE})["ok"] == 1
    assert find(client, {"clusterTime": Timestamp(now_s + YEAR_S + 3600, 1)})["code"] == 205


def test_the_cluster_time_of_a_reply_is_accepted(client: RawClient) -> None:
    assert find(client, client.run({"ping": 1})["$clusterTime"])["ok"] == 1


@pytest.mark.parametrize("key_id", [0, 0.0, bson.Decimal128("0")])
def test_a_key_id_may_be_any_number(client: RawClient, key_id: Any) -> None:
    cluster_time = client.run({"ping": 1})["$clusterTime"]
    cluster_time["signature"]["keyId"] = key_id
    assert find(client, cluster_time)["ok"] == 1


def test_a_standalone_server_has_no_limit() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", replica_set="", log_level="error") as server, connected(server) as client:
        assert find(client, {"clusterTime": Timestamp(2**32 - 1, 1), "signature": SIGNATURE})["ok"] == 1
        assert find(client, {"clusterTime": bson.Int64(1)})["code"] == 14
