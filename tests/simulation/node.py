"""The server in a simulation. It has no sockets and uses simulated time. It can be killed like a process, and restarted."""

from __future__ import annotations

import itertools
import random
import shutil
from pathlib import Path
from typing import Any

import secantus_server.server as server_module
from secantus_server.clock import Clock
from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.net.connection import Connection
from secantus_server.server import SecantusDBServer
from tests.simulation.scheduler import Ended, Scheduler

PORT = 27017
#: The start times of the wall clock: mostly in 2026, otherwise seconds before the time exceeds 31 bits in 2038 or 32 bits in 2106.
STARTS_MS = (*[1_767_225_600_000] * 6, 2_147_483_645_000, 4_294_967_290_000)


class SimulatedClock(Clock):
    """The clock of a simulated process. It follows the scheduler's time, but its wall clock may also jump or stop, as after a change by
    NTP or a user.

    Arguments:
        wall: the wall clock, which all clocks of a run share.
        seed: the seed of the random numbers and ids.
    """

    def __init__(self, wall: Wall, seed: str) -> None:
        self._wall = wall
        super().__init__(int.from_bytes(seed.encode(), "big"))

    def now_ms(self) -> int:
        """Return the time of the wall clock in milliseconds."""
        return self._wall.now_ms()

    system_ms = now_ms

    def monotonic(self) -> float:
        """Return the scheduler's time in seconds."""
        return self._wall.scheduler.now_us / 1_000_000

    elapsed = monotonic


class Wall:
    """The wall clock of a simulation.

    Arguments:
        start_ms: the start time.

    Attributes:
        highest_ms: the latest time that the clock has returned.
    """

    def __init__(self, scheduler: Scheduler, start_ms: int) -> None:
        self.scheduler = scheduler
        self._offset_ms = start_ms - scheduler.now_us // 1000
        self._frozen_ms: int | None = None
        self.highest_ms = start_ms

    def now_ms(self) -> int:
        """Return the time in milliseconds."""
        now = self.scheduler.now_us // 1000 + self._offset_ms if self._frozen_ms is None else self._frozen_ms
        self.highest_ms = max(self.highest_ms, now)
        return now

    def jump(self, by_ms: int) -> None:
        """Move the time forwards or backwards."""
        self._offset_ms += by_ms

    def freeze(self) -> None:
        """Stop the clock."""
        self._frozen_ms = self.now_ms()

    def go_on(self) -> None:
        """Restart the clock with the time that it would show if it had not been stopped."""
        self._frozen_ms = None


class SilentListener:
    """A listener without a socket. Callers open connections with `connect_virtual`."""

    certificates = None

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ids = itertools.count(1)
        self._connections: list[Connection] = []
        self.port = PORT
        self.address = f"simulation:{PORT}"
        self.addresses = [self.address]
        services.connection_limit = 1000

    def connect_virtual(self) -> tuple[Connection, VirtualTransport]:
        """Return a new connection and its transport."""
        number = next(self._ids)
        client = ClientInfo(number, ("127.0.0.1", number), opened=self._services.clock.monotonic())
        transport = VirtualTransport()
        connection = Connection(transport, client, self._services)
        self._services.connections.add(client)
        return connection, transport

    def check_clients(self) -> None:
        """Do nothing, because virtual clients do not disconnect while a command is running."""

    def start(self) -> None:
        """Do nothing, because there is no socket to listen on."""

    def close(self) -> None:
        """Interrupt all running commands."""
        self._services.operations.shut_down()


class VirtualTransport:
    """A transport without a socket, which stores the reply of the running command."""

    def __init__(self) -> None:
        self.replies: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Store a reply."""
        self.replies.append(data)

    def receive(self) -> bytes:
        """Raise an error, because messages are passed directly to the connection."""
        raise AssertionError("a virtual connection is not read")

    def receive_exactly(self, size: int, start: bytes = b"", timeout_s: float | None = None) -> bytes:
        """Raise an error, as `receive` does."""
        raise AssertionError("a virtual connection is not read")

    def peek_closed(self) -> bool:
        """Return False, because a virtual client does not disconnect."""
        return False

    def stop_receiving(self) -> None:
        """Do nothing, because the transport never receives."""

    shut_down = close = stop_receiving


server_module.Listener = SilentListener  # type: ignore[misc, assignment]


class Node:
    """The server in a simulation. It runs in a sequence of simulated processes.

    Arguments:
        directory: the directory of the stores, with a subdirectory for each process; None for a store in memory.
    """

    def __init__(self, scheduler: Scheduler, seed: int, directory: Path | None) -> None:
        self.scheduler = scheduler
        self.wall = Wall(scheduler, random.Random(f"wall {seed}").choice(STARTS_MS))
        self._seed = seed
        self._directory = directory
        self._starts = 0
        self.server: Any = None

    @property
    def services(self) -> Services:
        """The services of the running server process."""
        services: Services = self.server.services
        return services

    def _path(self) -> str:
        return ":memory:" if self._directory is None else str(self._directory / str(self._starts))

    def start(self) -> None:
        """Start a server process on the current store. Must be called in a task of the scheduler."""
        clock = SimulatedClock(self.wall, f"{self._seed}.{self._starts}")
        server = SecantusDBServer(port=0, storage_path=self._path(), clock=clock, log_level="error", cache_size_mb=64)
        task = self.scheduler.current
        assert task is not None
        before, task.process = task.process, server
        try:
            server.start()
        finally:
            task.process = before
        self.server = server

    def connect(self) -> tuple[Connection, VirtualTransport]:
        """Return a new connection to the running server."""
        listener: Any = self.server._listener
        connected: tuple[Connection, VirtualTransport] = listener.connect_virtual()
        return connected

    def kill(self) -> None:
        """End the process without a checkpoint, and start a new one with the data that the old one has passed to the operating system.

        Must be called in a task.
        """
        assert self._directory is not None, "what is in memory ends with its process"
        old, old_path = self.server, self._path()
        self._starts += 1
        shutil.copytree(old_path, self._path())
        self.server = None
        self.scheduler.kill(old, Ended())
        self.scheduler.spawn("bury", lambda: self._bury(old, old_path))
        self.start()

    def _bury(self, server: SecantusDBServer, path: str) -> None:
        """Release the resources of a killed process after its tasks have ended."""
        while any(task.process is server for task in self.scheduler.tasks):
            self.scheduler.sleep(0.01)
        server.services.engine.close()
        server_module._RUNNING.discard(server)
        shutil.rmtree(path)

    def stop(self) -> None:
        """Shut the server down normally. Must be called in a task of the scheduler."""
        self.server.stop()
