from collections.abc import Callable, Iterator

from secantus_server.dispatch.services import LaneTransport
from secantus_server.work._express_transactions import SessionStatements
from secantus_server.work.change_streams._stream_wait import StreamWait

class Express(SessionStatements):
    def answer_all(
        self, transport: LaneTransport, request_ids: Iterator[int], failed: Callable[[bytes, Exception], bytes]
    ) -> tuple[bytes, bool]: ...
    def answer_one(
        self,
        raw: bytes,
        transport: LaneTransport,
        request_ids: Iterator[int],
        push: Callable[[bytes], int] | None,
        failed: Callable[[bytes, Exception], bytes],
    ) -> bool: ...
    def answer(self, raw: bytes, request_ids: Iterator[int], push: Callable[[bytes], int] | None = None) -> bytes | StreamWait | None: ...
