from collections.abc import Callable, Iterator

from secantus_server.dispatch.client import ClientInfo
from secantus_server.dispatch.services import Services
from secantus_server.oplog._write_signal import Claims
from secantus_server.wire.message import Unfinished
from secantus_server.work.change_streams._stream_wait import StreamWait

class Express:
    unfinished: Unfinished | None
    refused: int
    @property
    def claims(self) -> Claims: ...
    def __init__(self, services: Services, client: ClientInfo) -> None: ...
    def answer(self, raw: bytes, request_ids: Iterator[int], push: Callable[[bytes], int] | None = None) -> bytes | StreamWait | None: ...
    def send_event(self) -> None: ...
