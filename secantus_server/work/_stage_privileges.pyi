from typing import Any

from secantus_server.auth.privileges import Requirement

STAGES: dict[str, Any]

def add_pipeline(required: list[Requirement], stages: Any, db: str, collection: str, bypasses: bool) -> None: ...
