from collections.abc import Mapping
from typing import Any

from secantus_server.commands.arguments import Field

def session_uuid(session: bytes) -> bytes | None: ...

class FieldTable:
    name: str
    fields: dict[str, Field]
    def __init__(self, name: str, fields: Mapping[str, Field], generic: Mapping[str, Field]) -> None: ...
    def parse(self, body: Mapping[str, Any], skip: str = "") -> dict[str, Any]: ...
