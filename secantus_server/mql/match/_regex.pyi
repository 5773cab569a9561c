from secantus_server.bson.values import Regex
from secantus_server.mql.match._nodes import PathMatch
from secantus_server.mql.regex import Pattern

class RegexMatch(PathMatch):
    pattern: str
    options: str
    def __init__(self, path: str, pattern: str, options: str, compiled: Pattern) -> None: ...
    def as_value(self) -> Regex: ...
