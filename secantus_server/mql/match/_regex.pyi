from collections.abc import Callable

from secantus_server.bson.values import Regex
from secantus_server.mql.match._nodes import PathMatch

class RegexMatch(PathMatch):
    pattern: str
    options: str
    def __init__(
        self,
        path: str,
        pattern: str,
        options: str,
        search: Callable[[str], object],
        literal: bytes | None = None,
        anchored: bool = False,
    ) -> None: ...
    def as_value(self) -> Regex: ...
