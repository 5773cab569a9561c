"""Waiting for a change of the topology."""

from __future__ import annotations

from threading import Thread

from bson.int64 import Int64

from secantus_server.clock import SettableClock
from secantus_server.dispatch.operations import Operations
from secantus_server.dispatch.topology import Topology
from secantus_server.query._plan_notes import PlanNotes
from secantus_server.server import SecantusDBServer
from secantus_server.settings import Settings
from tests.net.raw_client import connected
from tests.waiting import wait_until


def test_a_hello_waits_no_longer_than_asked_while_the_clock_stands_still() -> None:
    clock = SettableClock(1_700_000_000_000)
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error", clock=clock) as server, connected(server) as raw:
        version = raw.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        reply = raw.run({"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": Int64(1), "$db": "admin"})
        assert (reply["ok"], reply["topologyVersion"]) == (1, version)


def test_a_change_and_the_end_wake_waiting_hellos() -> None:
    clock = SettableClock(1_700_000_000_000)
    topology = Topology(Settings(), clock, lambda: None)
    operation = Operations(clock, lambda: PlanNotes).begin(1, "admin", {"hello": 1})
    for end in (lambda: topology.step_down(60), topology.elect, topology.close):
        waiting = Thread(target=topology.wait_for_change, args=(topology.version()["counter"], 3600, operation))
        waiting.start()
        end()
        waiting.join(20)
        assert not waiting.is_alive()


def test_a_killed_hello_and_one_with_a_time_limit_end() -> None:
    with SecantusDBServer(port=0, storage_path=":memory:", log_level="error") as server, connected(server) as raw:
        version = raw.run({"hello": 1, "$db": "admin"})["topologyVersion"]
        waiting = {"hello": 1, "topologyVersion": version, "maxAwaitTimeMS": Int64(3_600_000), "$db": "admin"}
        assert raw.run({**waiting, "maxTimeMS": 5})["code"] == 50
        codes: list[int] = []
        thread = Thread(target=lambda: codes.append(raw.run(waiting)["code"]))
        thread.start()
        operations = server.services.operations
        wait_until(lambda: [one for one in operations.all() if one.wake is not None], "the hello does not wait")
        for operation in operations.all():
            operations.kill(operation.opid)
        thread.join(20)
        assert codes == [11601]
