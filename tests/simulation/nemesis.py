"""The disturbances in a simulation: killed sessions and operations, failing commands, clock jumps, checkpoints, and killed processes."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.client import Client, Document, Failed, Lost

#: The jumps of the wall clock in milliseconds.
JUMPS_MS = (-3_600_000, -5_000, -50, 50, 5_000, 3_600_000)
#: Error codes after which drivers retry, and one after which they do not.
CODES = (91, 189, 11600, 112)


class Nemesis:
    """A simulated client that causes one disturbance after another.

    Arguments:
        client: the client that causes the disturbances.
        victims: the clients whose sessions and operations are killed.
        kills: the maximum number of times that the server process may be killed.
        jumps: whether the wall clock may jump.
    """

    def __init__(self, client: Client, victims: list[Client], kills: int, *, jumps: bool) -> None:
        self._client = client
        self._victims = victims
        self._kills = kills
        self._jumps = jumps
        self.done: dict[str, int] = {}

    def run(self, is_over: Callable[[], bool]) -> None:
        """Cause disturbances until `is_over` returns true, then end all disturbances that are still active."""
        chance, scheduler = self._client.chance, self._client.node.scheduler
        ways = [self._kill_session, self._kill_operation, self._fail, self._checkpoint, self._pause]
        if self._jumps:
            ways += [self._jump, self._freeze]
        if self._kills:
            ways.append(self._kill_process)
        while not is_over():
            scheduler.sleep(chance.choice((0.001, 0.01, 0.03)))
            way = chance.choice(ways)
            self.done[way.__name__.strip("_")] = self.done.get(way.__name__.strip("_"), 0) + 1
            try:
                way()
            except Lost:
                continue
            except Failed as failed:
                if failed.code not in (91, 189, 11600, 112, 11601):
                    raise
        self._client.node.wall.go_on()
        self._client.until_answered("admin", {"configureFailPoint": "failCommand", "mode": "off"})

    def _kill_session(self) -> None:
        self._client.command("admin", {"killSessions": [self._client.chance.choice(self._victims).lsid]})

    def _kill_operation(self) -> None:
        running = [one.opid for one in self._client.node.services.operations.all()] if self._client.node.server else []
        if running:
            self._client.command("admin", {"killOp": 1, "op": self._client.chance.choice(running)})

    def _fail(self) -> None:
        chance = self._client.chance
        names = chance.sample(["insert", "update", "find", "commitTransaction", "getMore", "findAndModify", "aggregate"], 2)
        data: Document = {"failCommands": names}
        if chance.random() < 0.4:
            data["closeConnection"] = True
        else:
            data["errorCode"] = chance.choice(CODES[:3])
            data["errorLabels"] = ["RetryableWriteError", "TransientTransactionError"]
            if "commitTransaction" in names:
                data["errorLabels"] = ["RetryableWriteError"]
        mode = {"times": chance.randrange(1, 4)}
        self._client.command("admin", {"configureFailPoint": "failCommand", "mode": mode, "data": data})

    def _checkpoint(self) -> None:
        self._client.command("admin", {"fsync": 1})

    def _pause(self) -> None:
        self._client.node.scheduler.sleep(self._client.chance.choice((0.2, 2.0)))

    def _jump(self) -> None:
        self._client.node.wall.jump(self._client.chance.choice(JUMPS_MS))

    def _freeze(self) -> None:
        wall = self._client.node.wall
        wall.freeze()
        self._client.node.scheduler.sleep(self._client.chance.choice((0.05, 1.5)))
        wall.go_on()

    def _kill_process(self) -> None:
        if self._kills and self._client.chance.random() < 0.3:
            self._kills -= 1
            self._client.node.kill()
