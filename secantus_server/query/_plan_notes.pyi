from typing import Any

from secantus_server.catalog.collection import Collection
from secantus_server.query.plan_notes import Examined, ScanName, Slow

KINDS_BY_NAME: dict[str, int]

class JoinedScan:
    collection: Collection
    path: str
    read: int
    rejected: int

def joined_scan(collection: Collection, path: str, read: int, matched: int) -> JoinedScan | None: ...

class PlanNotes:
    first: Any
    query: Any
    def add(self, plan: Any, query: Any = None) -> None: ...
    def count(self, usage: Any) -> None: ...
    def resume(self) -> None: ...
    @property
    def sorts(self) -> bool: ...
    @property
    def latest(self) -> Examined: ...
    @property
    def stages(self) -> tuple[ScanName, ...]: ...
    def logged(self) -> tuple[Examined, tuple[ScanName, ...], tuple[Slow, ...]]: ...
