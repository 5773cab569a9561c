from collections.abc import Callable
from typing import Any

from secantus_server.mql.match._nodes import PathMatch

class GeoMatch(PathMatch):
    operator: str
    region: Any
    spec: dict[str, Any]
    def __init__(self, path: str, operator: str, region: Any, test: Callable[[Any], bool], spec: dict[str, Any]) -> None: ...

class GeoNear(PathMatch):
    point: tuple[float, float]
    spherical: bool
    min_distance: float
    max_distance: float
    spec: dict[str, Any]
    def __init__(
        self,
        path: str,
        point: tuple[float, float],
        spherical: bool,
        min_distance: float,
        max_distance: float,
        measure: Callable[[Any], float | None],
        spec: dict[str, Any],
    ) -> None: ...
    def distance(self, doc: bytes) -> float | None: ...
