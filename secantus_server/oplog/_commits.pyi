from collections.abc import Iterable, Sequence
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.clock import Clock
from secantus_server.oplog._newest import NewestTimes
from secantus_server.oplog._rows import Chain
from secantus_server.oplog._write_signal import WriteSignal
from secantus_server.storage.lifetime import Lifetime
from secantus_server.system._threads import Lock

class Commits(NewestTimes):
    @property
    def signal(self) -> WriteSignal: ...
    @property
    def _lock(self) -> Lock: ...
    @property
    def _clock(self) -> Clock: ...
    undone_to: int
    _untrimmed_bytes: int
    def __init__(self, clock: Clock, signal: WriteSignal, enabled: bool) -> None: ...
    def commit(
        self,
        unit: Any,
        entries: list[Any],
        writes: Sequence[tuple[bytes, list[Any]]],
        chain: Chain | None = None,
        *,
        written: Iterable[Lifetime] = (),
        ended: Iterable[Lifetime] = (),
    ) -> Timestamp: ...
    def commit_transaction(
        self, unit: Any, entries: list[Any], writes: list[tuple[bytes, list[Any]]], lsid: bytes, number: int
    ) -> None: ...
