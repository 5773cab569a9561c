from collections.abc import Hashable
from typing import Any

def group_key(value: Any, collation: Any = None) -> Hashable: ...
