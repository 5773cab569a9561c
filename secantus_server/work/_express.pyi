from collections.abc import Iterator

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.errors import CommandError

class Unusual(Exception): ...

class Express:
    killed: CommandError | None
    def __init__(self, services: Services, client: ClientInfo) -> None: ...
    def answer(self, raw: bytes, request_ids: Iterator[int]) -> bytes | None: ...
