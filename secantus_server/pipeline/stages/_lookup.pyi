from collections.abc import Callable, Iterable, Iterator

from secantus_server.errors import CommandError
from secantus_server.exec._point import PointFinder
from secantus_server.pipeline._paths import JoinPath

class PointJoin:
    def __init__(self, path: JoinPath, finder: PointFinder, otherwise: Callable[[bytes], list[bytes]]) -> None: ...

class Joined(Iterator[bytes]):
    def __init__(
        self,
        source: Iterable[bytes],
        field: str,
        find: PointJoin | Callable[[bytes], list[bytes]],
        bind: Callable[[bytes], None] | None,
        max_bytes: int,
        error: Callable[[], CommandError],
        end: Callable[[], None] | None,
    ) -> None: ...
    def __iter__(self) -> Joined: ...
    def __next__(self) -> bytes: ...
