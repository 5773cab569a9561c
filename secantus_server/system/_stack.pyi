from collections.abc import Callable
from types import FrameType
from typing import Any

def lines_up_to(
    frame: FrameType,
    kinds: dict[str, int],
    classify: Callable[[str], int],
    last_kind: int,
    longest: int,
    deepest: int,
    thread: int,
    task: int,
) -> tuple[Any, ...]: ...
