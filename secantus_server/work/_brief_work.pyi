from collections.abc import Callable

from secantus_server.catalog.collection import Collection
from secantus_server.catalog.view import CatalogView
from secantus_server.dispatch.services import Services
from secantus_server.oplog.oplog import Change
from secantus_server.sessions.transactions import SessionTransaction
from secantus_server.storage import RecoveryUnit
from secantus_server.work.session_work import SessionWork

class BriefWork:
    unit: RecoveryUnit
    view: CatalogView
    collection: Collection
    namespace: tuple[str, str]
    changes: list[Change]
    difference: int
    is_brief: bool
    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def uses(self, db: str, name: str) -> bool: ...
    def add(self, changes: list[Change], difference: int) -> None: ...
    def whole(self) -> SessionWork: ...
    def commit(self) -> None: ...
    def abort(self) -> None: ...

def open_brief(
    services: Services, transaction: SessionTransaction, db: str, name: str, check: Callable[[], None]
) -> BriefWork | None: ...
def is_plain(collection: Collection) -> bool: ...
