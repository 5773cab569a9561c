from collections.abc import Callable, Mapping
from typing import Any, Protocol, type_check_only

from typing_extensions import Self

class Unchanged: ...

UNCHANGED: Unchanged

@type_check_only
class Matcher(Protocol):
    def matches(self, doc: bytes) -> bool: ...

class State:
    document: bytes
    inserting: bool
    array_index: str | None
    def __init__(self) -> None: ...
    @property
    def field(self) -> str: ...

Modify = Callable[[Any, State], Any]
Merge = Callable[[Node, Node, str], Node]

class Node: ...

class Leaf(Node):
    modify: Modify | None
    creates: bool
    lenient: bool
    insert_only: bool
    idle: bool
    appends: bool
    def __init__(self, modify: Modify | None, creates: bool = True, lenient: bool = False, insert_only: bool = False) -> None: ...

class SetLeaf(Leaf):
    def __init__(self, value: Any, insert_only: bool = False) -> None: ...

class IncLeaf(Leaf):
    def __init__(self, make_modify: Callable[[Any], Modify], amount: Any) -> None: ...

class ObjectNode(Node):
    children: dict[str, Node]
    positional: Node | None
    def __new__(cls, children: dict[str, Node], positional: Node | None, merge: Merge) -> Self: ...

class ArrayNode(Node):
    children: dict[str, Node]
    filters: Mapping[str, Matcher]
    def __init__(self, children: dict[str, Node], filters: Mapping[str, Matcher], merge: Merge) -> None: ...
