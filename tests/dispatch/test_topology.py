"""Waiting for a change of the topology."""

from __future__ import annotations

from threading import Thread

from bson.int64 import Int64

from secantus_server.clock import SettableClock
from secantus_server.dispatch.topology import Topology
from secantus_server.server import SecantusDBServer
from secantus_server.settings import Settings
from tests.net.raw_client import connected


def test_a_hello_waits_no_longer_than_asked_while_the_clock_stands_still() -> None:
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock) as server, connected(server) as raw:
        version = raw.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        reply = raw.run({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": Int64(1), "$db": "admin"})
        assert (reply["ok"], reply["topologyVersion"]) == (1, version)


def test_a_change_and_the_end_wake_waiting_hellos() -> None:
    topology = Topology(Settings(), SettableClock(1_700_000_000_000), lambda: None)
    for end in (lambda: topology.step_down(60), topology.elect, topology.close):
        waiting = Thread(target=topology.wait_for_change, args=(topology.version()["counter"], 3600))
        waiting.start()
        end()
        waiting.join(20)
        assert not waiting.is_alive()
