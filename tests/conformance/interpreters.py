"""The interpreter of a suite's environment."""

from __future__ import annotations

import sys
from pathlib import Path


def give_interpreter(folder: Path) -> None:
    """Make this interpreter the interpreter of a suite's environment. This works only on POSIX, because the file is a shell script."""
    interpreter = folder / "environment/bin/python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
    interpreter.chmod(0o755)
