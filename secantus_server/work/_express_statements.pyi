from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.oplog._write_signal import Claims
from secantus_server.wire.message import Unfinished

class Statements:
    unfinished: Unfinished | None
    refused: int
    @property
    def claims(self) -> Claims: ...
    def __init__(self, services: Services, client: ClientInfo) -> None: ...
