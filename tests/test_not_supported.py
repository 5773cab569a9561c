"""Features answered with error 238 are listed in docs/reference/not-supported.md, and each of them in the README's row "Not yet"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from secantus_server.commands.all import load_commands
from secantus_server.dispatch.known import NOT_YET
from secantus_server.mql.expressions.registry import UNSUPPORTED as EXPRESSIONS
from secantus_server.mql.windows.registry import UNSUPPORTED as WINDOWS
from secantus_server.pipeline.registry import UNSUPPORTED as STAGES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "not-supported.md"

# The calls of `not_supported` whose name comes from one of the registries above.
_OF_REGISTRIES = ("the command …", "The stage …", "The expression operator …", "The window function …")


def features() -> dict[str, set[str]]:
    """Return the rows of the page: each feature with its rejected names."""
    rows = re.findall(r"^\| ([^|]+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    found = {feature: set(re.findall(r"`` (.+?) ``|`([^`]+)`", items)) for feature, items in rows if "---" not in feature}
    return {feature: {one or other for one, other in items} for feature, items in found.items() if items}


def refused() -> set[str]:
    """Return everything that the code rejects with 238: names in the registries, and the texts of other calls with … as placeholders."""
    load_commands()
    calls = {text for path in sorted((ROOT / "secantus_server").rglob("*.py*")) for text in texts_of(path)}
    return {*NOT_YET, *EXPRESSIONS, *WINDOWS, *STAGES} | (calls - set(_OF_REGISTRIES))


def texts_of(path: Path) -> Iterator[str]:
    """Yield the texts of a module's `not_supported` calls, and the first sentences of its own errors with code 238."""
    if path.suffix not in (".py", ".pyx") or path == ROOT / "secantus_server" / "errors.py":
        return
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".pyx":
        yield from (re.sub(r"\{[^}]*\}", "…", text) for text in re.findall(r'not_supported\(\s*f?"([^"]+)"', source))
        return
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "not_supported":
            yield text_of(node.args[0], path)
        elif node.func.id == "CommandError" and isinstance(node.args[0], ast.Constant) and node.args[0].value == 238:
            yield re.split(r" (?:is|are) not supported by Secantus yet|\. ", text_of(node.args[1], path))[0]


def text_of(argument: ast.expr, path: Path) -> str:
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in argument.values)
    assert isinstance(argument, ast.Constant), f"{path.name}: pass a literal text to not_supported, so that this test can find it"
    return str(argument.value)


def test_the_page_names_what_is_refused() -> None:
    named = [item for items in features().values() for item in items]
    assert len(named) == len(set(named)), f"named twice: {sorted(item for item in named if named.count(item) > 1)}"
    missing, gone = refused() - set(named), set(named) - refused()
    assert not missing, f"{PAGE.name} does not name {sorted(missing)}: put each into the row of its feature."
    assert not gone, (
        f"{PAGE.name} names features that are no longer rejected: {sorted(gone)}. Remove them, also from the README if the row is empty."
    )


def test_the_readme_names_each_feature() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| Not yet \| (.+) \|$", readme, re.MULTILINE)
    missing = [feature for feature in features() if feature.lower() not in row.lower()]
    assert not missing, f'the README\'s row "Not yet" does not name {missing}'
