from collections.abc import Callable

from secantus_server.exec._scan import RecordScan
from secantus_server.exec._write import CollectionWriter
from secantus_server.index._index import Index

def fill_indexes(
    writer: CollectionWriter, indexes: list[Index], scan: RecordScan, check: Callable[[bytes], object] | None, run_bytes: int = ...
) -> None: ...
