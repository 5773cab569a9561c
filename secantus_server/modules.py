"""Imports the modules of a package that register their contents when they are imported. Imports either all modules, or each on first use.

The modules are listed without `pkgutil`, which is several times slower and would noticeably slow down a server's start.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from types import ModuleType

from secantus_server.system._clock import monotonic
from secantus_server.system._threads import RLock

#: The late imports that are running now. While there are any, a lookup in a registry must call `settle` before it uses an entry.
RUNNING: list[str] = []

# Two dicts of modules by name: the modules that were imported late, and all modules of Secantus that were loaded after the latest late
# import; and the names of all modules that were considered for the second. `_LOCK` guards changes of the dicts and of RUNNING, except
# that `keep_modules` changes `_KEPT` and `_COMPARED` without it.
_LATE: dict[str, ModuleType] = {}
_KEPT: dict[str, ModuleType] = {}
_COMPARED: set[str] = set()
_LOCK = RLock()

#: The start and duration of each late import, in seconds of the monotonic clock. There are at most as many as there are modules.
_TIMES: list[tuple[float, float]] = []


def module_names(package: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield the dotted names of the modules and packages below a package, except names that begin with `_`.

    Modules whose names begin with `_` are imported by the modules that use them.

    Arguments:
        package: the package's dotted name.
        paths: the package's `__path__`.
    """
    for path in paths:
        yield from _names_of(package, _entries(path))


def _names_of(package: str, entries: list[tuple[str, str, bool]]) -> Iterator[str]:
    """Yield the names that `module_names` yields for a directory with these entries."""
    for name, place, is_directory in sorted(entries):
        if name.startswith(("_", ".")):
            continue
        if is_directory:
            inner = _entries(place)
            if any(file == "__init__.py" for file, _, _ in inner):
                yield f"{package}.{name}"
                yield from _names_of(f"{package}.{name}", inner)
        elif name.endswith(".py"):
            yield f"{package}.{name[:-3]}"


def _entries(
    path: str, scandir: Callable[[str], AbstractContextManager[Iterator[os.DirEntry[str]]]] = os.scandir
) -> list[tuple[str, str, bool]]:
    """Return the name and path of each entry of a directory, and whether the entry is itself a directory.

    `scandir` is bound as a default argument, because pyfakefs does not replace default arguments. pyfakefs may be active when a command
    is first used.
    """
    with scandir(path) as entries:
        return [(entry.name, entry.path, entry.is_dir()) for entry in entries]


def import_modules(package: str, paths: Iterable[str]) -> None:
    """Import the modules and packages that `module_names` lists for a package."""
    for name in module_names(package, paths):
        import_module(name)


def import_late(name: str) -> ModuleType:
    """Return a module, and import it on the first call, which may be long after the server's start.

    Tools such as pytester remove recently imported modules from `sys.modules`. Therefore restore Secantus's modules there before an
    import, because importing a registry a second time would create a second, empty registry.
    """
    known = _LATE.get(name)
    if known is not None:
        return known
    with _LOCK:
        RUNNING.append(name)
        started = monotonic()
        try:
            keep_modules()
            found = _LATE[name] = import_module(name)
            keep_modules()
            # A late import within another one is part of the other one's duration.
            if len(RUNNING) == 1:
                _TIMES.append((started, monotonic() - started))
        finally:
            RUNNING.pop()
    return found


def keep_modules() -> None:
    """Restore Secantus's modules that a tool has removed from `sys.modules`, and retain those that were loaded since the last call."""
    modules = sys.modules
    for name, module in list(_KEPT.items()):
        if modules.get(name) is not module:
            _KEPT[name] = modules.setdefault(name, module)
    # A test run loads more than a thousand modules and calls this function hundreds of times, so each name is compared only once.
    if not _COMPARED.issuperset(list(modules)):
        for name, module in list(modules.items()):
            if name not in _COMPARED:
                if name.startswith("secantus_server."):
                    _KEPT[name] = module
                _COMPARED.add(name)


def late_import_s(since: float) -> float:
    """Return the seconds that late imports have taken since a time, in any thread, because they hold up all threads.

    Arguments:
        since: the time, in seconds of the monotonic clock.
    """
    return sum(duration for started, duration in _TIMES if started >= since)


def settle() -> None:
    """Wait until no other thread is in `import_late`, because registrations of a partially imported module may be incomplete."""
    with _LOCK:
        pass


def modules_by_name(package: str, paths: Iterable[str], others: Mapping[str, str]) -> dict[str, str]:
    """Return a dict from each registered name to the module that defines it.

    By default, the module `list_indexes` defines the name `listIndexes`. The directory is listed immediately, because a test may replace
    the file system before a module is used.

    Arguments:
        package: the package's dotted name.
        paths: the package's `__path__`.
        others: the additional names that a module defines, separated by spaces, by module name (without the package).
    """
    modules = {name.rpartition(".")[2]: name for name in module_names(package, paths)}
    names = {_camel_case(last): name for last, name in modules.items()}
    names.update((name, modules[module]) for module, further in others.items() for name in further.split())
    return names


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))
