from collections.abc import Mapping
from typing import Protocol, type_check_only

from typing_extensions import Self

from secantus_server.mql.update._apply import Tree
from secantus_server.mql.update._nodes import Leaf, Matcher, Node

@type_check_only
class Preparation(Protocol):
    """A step that reads each document before the tree is applied to it."""

    def prepare(self, document: bytes) -> None:
        """Read the parts of the document that the step needs."""
        ...

class TreeBuilder:
    filters: Mapping[str, Matcher]
    used: set[str]
    paths: list[str]
    modified: set[str]
    preparations: list[Preparation]
    def __new__(cls, filters: Mapping[str, Matcher]) -> Self: ...
    def add(self, path: str, leaf: Leaf) -> None: ...
    def build(self) -> Tree: ...

def merge(first: Node, second: Node, path: str) -> Node: ...
