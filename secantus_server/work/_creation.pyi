from collections.abc import Iterable, Sequence
from typing import Any

from bson.timestamp import Timestamp

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.services import Services
from secantus_server.oplog._rows import Chain
from secantus_server.oplog.oplog import Writes
from secantus_server.storage import RecoveryUnit
from secantus_server.storage.lifetime import Lifetime

class CatalogChange:
    @property
    def collection(self) -> Collection: ...
    def commit(self, writes: Sequence[Writes], chain: Chain | None, written: Iterable[Lifetime]) -> Timestamp: ...
    def end(self) -> None: ...

def stored_spec(definition: bytes) -> dict[str, Any]: ...
def begin_creation(
    services: Services, unit: RecoveryUnit, view: CatalogView, db: str, name: str, index: dict[str, Any] | None = None
) -> CatalogChange | None: ...
def begin_drop(services: Services, unit: RecoveryUnit, view: CatalogView, collection: Collection) -> CatalogChange | None: ...
