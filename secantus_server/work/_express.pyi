from collections.abc import Callable, Iterator

from secantus_server.work._express_transactions import SessionStatements
from secantus_server.work.change_streams._stream_wait import StreamWait

class Express(SessionStatements):
    def answer(self, raw: bytes, request_ids: Iterator[int], push: Callable[[bytes], int] | None = None) -> bytes | StreamWait | None: ...
    def send_event(self) -> None: ...
