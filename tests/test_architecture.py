"""The architecture's rules: imports between packages, limits on size, required docstrings and files.

Each failure message says what to do. docs/architecture.md explains the rules; change the tables here and there together.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "secantus_server"
CONSOLE = ROOT / "secantus_console"
# The code that the console's process runs. In the server it is only a string, so it does not count as an import.
BOOT_LINE = "from secantus_console.child import main"

# Packages that every package may import.
FOUNDATION = {
    *("errors", "error_codes", "clock", "system", "bson", "diagnostics", "modules", "records", "version", "differences"),
    "reserved_names",
}

# Further imports allowed to each package or top-level module; docs/architecture.md shows the same table.
MAY_IMPORT: dict[str, set[str]] = {
    "bson": set(),
    "errors": set(),
    "error_codes": set(),
    "system": set(),
    "clock": set(),
    "checkpoint": set(),
    "diagnostics": set(),
    "settings": set(),
    "config": {"settings"},
    "modules": set(),
    "records": set(),
    "version": set(),
    "differences": set(),
    "reserved_names": set(),
    "javascript": set(),
    "mql": {"javascript"},
    "storage": set(),
    "sessions": {"storage"},
    "wire": set(),
    "index": {"storage", "mql"},
    "oplog": {"storage"},
    "auth": set(),
    "catalog": {"storage", "index", "auth"},
    "exec": {"storage", "index", "mql"},
    "cursors": {"storage", "exec"},
    "query": {"storage", "exec", "index", "catalog", "mql"},
    "pipeline": {"query", "exec", "mql"},
    "backup": {"storage", "oplog", "auth", "catalog", "sessions"},
    "dispatch": {"wire", "auth", "sessions", "cursors", "oplog", "catalog", "mql", "javascript", "storage", "settings"},
    "encryption": set(),
    "work": {
        *{"dispatch", "auth", "sessions", "wire", "cursors", "oplog"},
        *{"pipeline", "query", "exec", "catalog", "index", "mql", "encryption", "storage"},
    },
    "interceptors": {"dispatch", "work", "query"},
    "commands": {
        *{"work", "dispatch", "wire", "auth", "sessions", "cursors", "oplog", "backup"},
        *{"pipeline", "query", "exec", "catalog", "index", "mql", "javascript", "storage"},
    },
    "snapshots": {"dispatch", "work", "sessions", "storage"},
    "recording": {"dispatch", "work", "interceptors", "snapshots"},
    "periodic": {"dispatch", "work", "sessions", "storage", "backup"},
    "net": {"wire", "dispatch", "storage", "settings"},
    "console_process": {"net", "settings"},
}
# The server with its composition root, and the programs that start it may import everything.
ROOTS = {"__init__", "__main__", "server", "assembly", "cli", "tools"}

# Sources of the build, and directories that builds leave behind.
SOURCES = {".py", ".pyx", ".pxd", ".so", ".c"}

MAX_MODULE_LINES = 600
MAX_FUNCTION_LINES = 40

_MODULE = r"(secantus_(?:server|console)[\w.]*)"
_IMPORT = re.compile(rf"^\s*(?:from\s+{_MODULE}\s+c?import\s+(.*)|c?import\s+{_MODULE})", re.MULTILINE)


def sources(*patterns: str) -> list[Path]:
    """Return the source files of our packages."""
    roots = [PACKAGE, CONSOLE, ROOT / "pytest_secantus", ROOT / "conformance" / "secantus_conformance", ROOT / "vendor"]
    return sorted(path for root in roots for pattern in patterns for path in root.rglob(pattern) if path.is_file())


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_packages(path: Path) -> set[str]:
    """Return the top-level parts of secantus_server that a file imports."""
    found = set()
    for source, names, whole in _IMPORT.findall(path.read_text(encoding="utf-8")):
        parts = (source or whole).split(".")
        if parts[0] != "secantus_server":
            continue
        found |= {parts[1]} if len(parts) > 1 else {name.split(" as ")[0].strip(" ()\\") for name in names.split(",")}
    return found


def module_name(path: Path) -> str:
    """Return the dotted module name of a source file; for an __init__.py, the name of the package."""
    return relative(path.with_suffix("")).replace("/", ".").removesuffix(".__init__")


def import_statements(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each module that a file imports or cimports at run time, with the imported names.

    Imports for type checkers only are left out.
    """
    text = re.sub(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)+", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = re.sub(r"#.*", "", text)
    for source, names, whole in _IMPORT.findall(re.sub(r"\(([^()]*)\)", lambda match: " ".join(match.group(1).split()), text)):
        yield (whole, []) if whole else (source, [name.split(" as ")[0].strip() for name in names.strip(", ").split(",")])


def module_graph(package: Path) -> dict[str, set[str]]:
    """Return the modules of a package, each with the modules that it imports.

    A name that a package's __init__ re-exports leads to the module that defines it: importing the name does not depend on the rest of
    the package.
    """
    paths = [path for suffix in ("py", "pyx", "pxd") for path in sorted(package.rglob(f"*.{suffix}"))]
    modules = {module_name(path) for path in paths}
    exported: dict[tuple[str, str], str] = {}
    for path in paths:
        if path.name == "__init__.py":
            exported |= {(module_name(path), name): source for source, names in import_statements(path) for name in names}

    def home(source: str, name: str) -> str:
        if f"{source}.{name}" in modules:
            return f"{source}.{name}"
        return home(exported[source, name], name) if (source, name) in exported else source

    graph: dict[str, set[str]] = {module: set() for module in modules}
    for path in paths:
        for source, names in import_statements(path):
            graph[module_name(path)] |= {home(source, name) for name in names} if names else {source}
    return {module: below & modules for module, below in graph.items()}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or through others (strongly connected components)."""
    reached: dict[str, set[str]] = {}
    for module in graph:
        found: set[str] = set()
        left = list(graph[module])
        while left:
            below = left.pop()
            if below not in found:
                found.add(below)
                left += graph[below]
        reached[module] = found
    groups = {frozenset(other for other in found if module in reached[other]) for module, found in reached.items() if module in found}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def settings() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a module with their numbers of lines, without decorators."""
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield node.name, node.end_lineno - node.lineno + 1
    else:
        yield from cython_functions(path.read_text(encoding="utf-8").splitlines())


def cython_functions(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Yield the functions of a Cython module with their numbers of lines.

    The module is not parsed: a function ends before the next line that is not indented more deeply than its first one.
    """
    heading = re.compile(r"^(\s*)(?:def|cdef|cpdef)\s[^=]*?(\w+)\(.*:\s*$")
    for number, line in enumerate(lines):
        match = heading.match(line)
        if match is not None and " class " not in line:
            depth, last = len(match.group(1)), number
            for following, text in enumerate(lines[number + 1 :], number + 1):
                if text.strip() and len(text) - len(text.lstrip()) <= depth:
                    break
                last = following if text.strip() else last
            yield match.group(2), last - number + 1


def opening(path: Path) -> str | None:
    """Return the docstring at the start of a file, or None."""
    if path.suffix == ".py":
        return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    match = re.match(r'(?:#[^\n]*\n|\s)*"""(.+?)"""', path.read_text(encoding="utf-8"), re.DOTALL)
    return match.group(1) if match else None


@pytest.mark.parametrize("path", sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx"), *PACKAGE.rglob("*.pxd")]), ids=relative)
def test_imports_point_downwards(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].split(".")[0]
    if part in ROOTS:
        return
    assert part in MAY_IMPORT, f"{part} is new: add a row for it here and in docs/architecture.md, as low as possible."
    wrong = imported_packages(path) - FOUNDATION - MAY_IMPORT[part] - {part}
    assert not wrong, f"{relative(path)} may not import {sorted(wrong)}: move the needed code to a lower package, or pass it in from above."


@pytest.mark.parametrize("path", sorted((PACKAGE / "commands").glob("*/*.py")), ids=relative)
def test_no_chapter_of_commands_imports_another(path: Path) -> None:
    imported = re.findall(r"secantus_server\.commands\.(\w+)", path.read_text(encoding="utf-8"))
    wrong = set(imported) - {path.parent.name}
    assert not wrong, f"{relative(path)} imports {sorted(wrong)}: move what the chapters share to work/."


@pytest.mark.parametrize("path", sorted(path for part in ("commands", "work") for path in (PACKAGE / part).rglob("*.py")), ids=relative)
def test_commands_import_at_the_top(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lazy = sorted({node.lineno for scope in scopes for node in ast.walk(scope) if isinstance(node, ast.Import | ast.ImportFrom)})
    assert not lazy, f"{relative(path)} imports inside a function, in line {lazy}: move what both modules need further down."


def test_the_table_has_no_circle() -> None:
    order = list(MAY_IMPORT)
    for part, below in MAY_IMPORT.items():
        above = {name for name in below if name in order and order.index(name) > order.index(part)}
        assert not above, f"{part} imports {above}, which is above it: a row may import only earlier rows."


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    found = circles(module_graph(PACKAGE))
    assert not found, f"These modules import each other in a circle: {found}. Move what they share further down."


def test_the_console_is_a_client() -> None:
    # The console also serves servers elsewhere. So it may import the language packages but never a server, and no server or plugin
    # imports it.
    allowed = {"bson", "mql", "errors", "work"}
    for path in sorted(CONSOLE.rglob("*.py")):
        wrong = imported_packages(path) - allowed
        assert not wrong, f"{relative(path)} imports {sorted(wrong)}: the console talks to its server only through pymongo."
    for package in (PACKAGE, ROOT / "pytest_secantus"):
        for path in sorted(package.rglob("*.py")):
            text = path.read_text(encoding="utf-8").replace(BOOT_LINE, "")
            found = re.search(r"^\s*(?:import|from) secantus_console", text, re.MULTILINE)
            assert not found, f"{relative(path)} imports the console: start it as a process of its own."
    assert not circles(module_graph(CONSOLE))


def test_circles_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    package = tmp_path / "secantus_server"
    package.mkdir()
    files = {
        "__init__.py": "from secantus_server.a import one\nfrom secantus_server.above import two\n",
        "a.py": "from secantus_server.b import (\n    x,  # why\n    y,\n)\n",
        "b.py": "def late():\n    from secantus_server import c\n",
        "c.pyx": "from secantus_server.a cimport z\n",
        "above.py": "from secantus_server import one\nfrom secantus_server.c import z\n",
        "typed.py": "if TYPE_CHECKING:\n    from secantus_server.user import User\n\nimport re\n",
        "user.py": "import secantus_server.typed\n",
    }
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    assert circles(module_graph(package)) == [["secantus_server.a", "secantus_server.b", "secantus_server.c"]]


def test_the_table_is_that_of_the_documentation() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = {part: set(below.split()) for part, below in re.findall(r"^  (\w+)(?:\.py|/) +-> ([a-z_ ]+?)(?:  .*)?$", page, re.MULTILINE)}
    for part, below in MAY_IMPORT.items():
        if below:
            assert shown.get(part) == below, f"docs/architecture.md shows {part} -> {shown.get(part)}; the table here says {below}."


def test_the_language_is_pure() -> None:
    for path in sorted((PACKAGE / "mql").rglob("*.py*")):
        if path.suffix in (".py", ".pyx"):
            found = re.findall(
                r"^(?:import|from) (socket|threading|time|os|pathlib|secantus_server\.clock)\b", path.read_text("utf-8"), re.MULTILINE
            )
            assert not found, (
                f"{relative(path)} imports {found}: the language must not use clocks, files or threads; get them from the context."
            )


def test_time_threads_and_sockets_come_from_system() -> None:
    for path in sorted(PACKAGE.rglob("*.py*")):
        inside = path.relative_to(PACKAGE).as_posix()
        if path.suffix in (".py", ".pyx") and not inside.startswith("system/") and inside != "cli.py":
            patched = r"^\s*(?:import|from) (_?thread(?:ing)?|time|socket|select|selectors|queue)\b"
            found = re.findall(patched, path.read_text("utf-8"), re.MULTILINE)
            assert not found, f"{relative(path)} imports {found}, which test tools patch: use secantus_server.system instead."


def test_the_plugin_loads_nothing_heavy() -> None:
    text = (ROOT / "pytest_secantus" / "plugin.py").read_text(encoding="utf-8")
    heavy = re.findall(r"^(?:import|from) (pymongo|bson|secantus_server)\b", text, re.MULTILINE)
    assert not heavy, (
        f"pytest_secantus/plugin.py imports {heavy} at module level, which slows down every pytest run: import it in the function."
    )


@pytest.mark.parametrize(
    "module",
    [
        "bson.shell",
        "storage",
        "mql.sort",
        "mql.match",
        "mql.expressions",
        "mql.update",
        "index.spec",
        "exec.sorting",
        "query.find",
        "pipeline",
    ],
)
def test_a_package_can_be_imported_first(module: str) -> None:
    line = [sys.executable, "-c", f"import secantus_server.{module}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"secantus_server.{module} is part of an import cycle: move the shared code to a lower module.\n{done.stderr}"
    )


def test_the_list_of_compiled_modules_is_the_tree() -> None:
    listed = settings()["tool"]["secantus"]["compiled-modules"]
    there = sorted(relative(path.with_suffix("")).replace("/", ".") for path in PACKAGE.rglob("*.pyx"))
    assert listed == there, "List every .pyx, sorted by path, in [tool.secantus] compiled-modules of pyproject.toml."


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.pyx")), ids=relative)
def test_compiled_modules(path: Path) -> None:
    assert path.name.startswith("_"), f"{relative(path)}: the name of a compiled module begins with an underscore."
    assert path.with_suffix(".pyi").exists(), f"{relative(path)} has no .pyi: declare in it what Python code imports."


@pytest.mark.parametrize("path", sources("*.py", "*.pyx"), ids=relative)
def test_size_and_opening(path: Path) -> None:
    docstring = opening(path)
    assert docstring, f"{relative(path)} has no docstring at its start: describe the module's purpose in one or two lines."
    lines = len(path.read_text(encoding="utf-8").splitlines())
    reason = "one file because" in docstring.lower()
    assert lines <= MAX_MODULE_LINES or reason, (
        f"{relative(path)} has {lines} lines: split it, or explain at its top 'One file because ...'."
    )
    for name, length in functions(path):
        assert length <= MAX_FUNCTION_LINES, f"{name} in {relative(path)} has {length} lines: split it into named steps."


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=relative)
def test_tests_open_with_a_docstring_too(path: Path) -> None:
    assert opening(path), f"{relative(path)} has no docstring at its start: describe what it tests."


def test_licence() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "GNU GENERAL PUBLIC LICENSE" in text, "LICENSE must contain the GPL."
    assert "How to Apply These Terms" in text, "LICENSE must contain the complete text of GPL-3.0."
    assert settings()["project"]["license"] == "GPL-3.0-only", (
        "GPL-3.0 is the only license compatible with those of WiredTiger and pymongo."
    )


def test_entry_points() -> None:
    programs = ["secantusdb", "secantusdb-admin", "secantusdb-restore-archive", "secantus-conformance"]
    for group, names in {"pytest11": ["secantus"], "console_scripts": programs}.items():
        for name in names:
            found = [entry for entry in entry_points(group=group) if entry.name == name]
            if not found:
                pytest.skip(f"{name} is not installed: the tests run in the tree alone")
            assert found[0].load() is not None


@pytest.mark.parametrize("package", ["pytest_secantus", "secantus_console", "secantus_server", "conformance/secantus_conformance"])
def test_packages_are_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").exists(), f"Add an empty {package}/py.typed: type checkers ignore our annotations without it."


@pytest.mark.parametrize(
    "path", [path for path in sources("*") if path.suffix not in SOURCES and path.parent.name != "__pycache__"], ids=relative
)
def test_data_is_installed(path: Path) -> None:
    package, *rest = path.relative_to(ROOT / "conformance" if "conformance" in path.parts else ROOT).parts
    if package == "vendor":
        return
    listed = settings()["tool"]["setuptools"]["package-data"]
    patterns = [pattern.rpartition("/")[2] for pattern in [*listed["*"], *listed.get(package, [])]]
    assert any(fnmatch(rest[-1], pattern) for pattern in patterns), f"{relative(path)} would not be installed: add it to package-data."


def test_no_command_is_both_there_and_missing() -> None:
    from secantus_server.commands.all import load_commands
    from secantus_server.dispatch.known import NOT_YET
    from secantus_server.dispatch.registry import all_commands

    load_commands()
    both = sorted(NOT_YET & all_commands().keys())
    assert not both, f"dispatch/known.py lists implemented commands: remove {both} from it."
