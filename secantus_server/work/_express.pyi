from collections.abc import Iterator

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.wire.message import Unfinished

class Express:
    unfinished: Unfinished | None
    def __init__(self, services: Services, client: ClientInfo) -> None: ...
    def answer(self, raw: bytes, request_ids: Iterator[int]) -> bytes | None: ...
