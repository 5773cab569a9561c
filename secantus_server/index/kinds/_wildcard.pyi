from typing import Any

# The first byte of marks. Marks sort after all other keys.
MARK: bytes

class WildcardKeys:
    def __init__(
        self, fields: list[tuple[str | None, int]], tree: dict[bytes, Any] | None, excludes: bool, collation: Any = None
    ) -> None: ...
    def __call__(self, document: bytes) -> dict[bytes, bytes | None]: ...
