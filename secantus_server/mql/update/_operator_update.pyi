from secantus_server.mql.update._apply import Tree
from secantus_server.mql.update._tree import Preparation

class OperatorUpdate:
    modified_paths: frozenset[str] | None
    needs_array_index: bool
    is_replacement: bool
    def __init__(self, tree: Tree, paths: list[str], modified: set[str], preparations: list[Preparation], *, deep: bool) -> None: ...
    def apply(self, doc: bytes, *, array_index: int | None = None, inserting: bool = False) -> bytes: ...
    def entry(self, old: bytes, new: bytes) -> bytes: ...
