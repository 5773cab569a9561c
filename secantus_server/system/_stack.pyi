from collections.abc import Callable
from types import CodeType, FrameType

def lines_up_to(
    frame: FrameType, kinds: dict[str, int], classify: Callable[[str], int], last_kind: int, longest: int, deepest: int
) -> tuple[tuple[tuple[CodeType, int], ...], bool]: ...
