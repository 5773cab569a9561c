"""The late fixtures: fixtures that `secantus_db` requests dynamically instead of declaring them as arguments.

Each declared fixture costs every test about 50 microseconds. A fixture that the suite parametrizes must be declared nevertheless, because
pytest needs its parameters before the test runs.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

#: The fixtures on which the client of `secantus_db` depends.
LATE: Final = ("secantus_client", "secantus_uri", "secantus_server")


def _requested(manager: Any, definition: pytest.Item) -> list[str]:
    """Return the names in `LATE`, and the names of all fixtures that the suite's overrides of the late fixtures request."""
    names = list(LATE)
    for name in names:
        for fixture in manager.getfixturedefs(name, definition) or ():
            if not fixture.func.__module__.startswith("pytest_secantus."):
                names += [other for other in fixture.argnames if other != "request" and other not in names]
    return names


def declare_parametrized(metafunc: pytest.Metafunc) -> None:
    """For a test with `secantus_db`, declare the late fixtures that the suite parametrizes through a marker or an overriding fixture."""
    marked = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    names = {name.strip() for given in marked for name in (given.split(",") if isinstance(given, str) else given)}
    manager = metafunc.definition.session._fixturemanager
    for name in _requested(manager, metafunc.definition):
        if name in metafunc.fixturenames:
            continue
        fixtures = manager.getfixturedefs(name, metafunc.definition) or ()
        params = fixtures[-1].params if fixtures else None
        if name in names or params is not None:
            metafunc.fixturenames.insert(0, name)
        # pytest does this only for fixtures that are declared in the test's signature.
        if params is not None and name not in names:
            metafunc.parametrize(name, params, indirect=True, scope=fixtures[-1].scope, ids=fixtures[-1].ids)
