"""The driver's private interface is used in one file only, so that a new pymongo can break only that file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import secantus_conformance

PACKAGE = Path(secantus_conformance.__file__).parent
# Names with a leading underscore that are not the driver's: names of the standard library, and a class's own private name used on another
# instance.
OWN = {"_replace", "_exit", "_first"}
DRIVER = ("pymongo", "bson", "gridfs")


def private_uses(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")) and node.attr not in OWN:
                yield f"{path.name}:{node.lineno} .{node.attr}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in DRIVER:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            if any(name.startswith("_") or name in ("synchronous", "asynchronous") for name in names):
                yield f"{path.name}:{node.lineno} imports {'.'.join(names)}"


def test_driver_private_access_sits_in_one_file() -> None:
    files = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "driver_private.py")
    assert len(files) > 80
    assert [use for path in files for use in private_uses(path)] == []
    assert list(private_uses(PACKAGE / "unified" / "driver_private.py")) != []
