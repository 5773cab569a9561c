"""The work that pytest is spared for `secantus_db`, because each fixture that pytest sets up costs every test about 50 microseconds.

The late fixtures are those that `secantus_db` requests dynamically instead of declaring them as arguments. A fixture that the suite
parametrizes must be declared nevertheless, because pytest needs its parameters before the test runs.

`ReadyDatabase` gives pytest the value of `secantus_db` before it would set the fixture up. This module contains all uses of pytest's
private attributes for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.database import Database

#: The fixtures on which the client of `secantus_db` depends.
LATE: Final = ("secantus_client", "secantus_uri", "secantus_server")
_LATE_NAMES: Final = frozenset(LATE)


#: Per module or class of tests, the names that `_requested` returns, each with the innermost definition of the fixture.
_DEFINITIONS: Final = pytest.StashKey[list[tuple[str, Any]]]()


def _requested(manager: Any, definition: pytest.Item) -> list[str]:
    """Return the names in `LATE`, and the names of all fixtures that the suite's overrides of the late fixtures request."""
    names = list(LATE)
    for name in names:
        for fixture in manager.getfixturedefs(name, definition) or ():
            if not fixture.func.__module__.startswith("pytest_secantus."):
                names += [other for other in fixture.argnames if other != "request" and other not in names]
    return names


def _definitions(definition: pytest.Item) -> list[tuple[str, Any]]:
    """Return the requested fixtures and their innermost definitions, which are the same for all tests of a module or class."""
    assert definition.parent is not None, "a test is in a module or class"
    stash = definition.parent.stash
    found = stash.get(_DEFINITIONS, None)
    if found is None:
        manager = definition.session._fixturemanager
        requested = [(name, manager.getfixturedefs(name, definition)) for name in _requested(manager, definition)]
        found = stash[_DEFINITIONS] = [(name, fixtures[-1] if fixtures else None) for name, fixtures in requested]
    return found


def declare_parametrized(metafunc: pytest.Metafunc) -> None:
    """For a test with `secantus_db`, declare the late fixtures that the suite parametrizes through a marker or an overriding fixture."""
    marked = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    names = {name.strip() for given in marked for name in (given.split(",") if isinstance(given, str) else given)}
    for name, fixture in _definitions(metafunc.definition):
        params = fixture.params if fixture is not None else None
        if (params is None and name not in names) or name in metafunc.fixturenames:
            continue
        metafunc.fixturenames.insert(0, name)
        # pytest does this only for fixtures that are declared in the test's signature.
        if params is not None and name not in names:
            metafunc.parametrize(name, params, indirect=True, scope=fixture.scope, ids=fixture.ids)


#: The name of the fixture that `ReadyDatabase` provides.
NAME: Final = "secantus_db"
#: The plugins whose hooks for the setup of fixtures ignore a synchronous fixture such as `secantus_db`, by the start of their names.
_UNCONCERNED: Final = ("_pytest.", "pytest_secantus.", "pytest_asyncio.", "anyio.")
#: The versions of pytest whose private attributes are known: from the first (inclusive) to the second (exclusive). Older ones do not check
#: the scope of a fixture that requests one whose value is known.
_KNOWN: Final = ((8, 2), (10,))


class ReadyDatabase:
    """Provides `secantus_db` to tests without a setup by pytest. pytest then treats the fixture as one that the test has already set up.

    The setup of `secantus_db` has no effect besides its value, once the server and the client are there, so nothing is lost.

    Arguments:
        definition: the definition of the fixture, which pytest has set up for an earlier test.
        database: the name of the database.
    """

    def __init__(self, definition: pytest.FixtureDef[Any], database: str, config: pytest.Config) -> None:
        self._definition: Any = definition
        self._name = database
        self._is_possible = _KNOWN[0] <= pytest.version_tuple < _KNOWN[1] and not is_setup_watched(config)
        #: Whether a test has the database now, so that `take_back` must follow.
        self.is_given = False
        # The client of `_pattern`, a database that no test gets.
        self._client: MongoClient[dict[str, Any]] | None = None
        self._pattern: Database[dict[str, Any]] | None = None

    def give(self, item: pytest.Item, client: MongoClient[dict[str, Any]]) -> None:
        """Provide the database to a test that requests it, before its setup.

        Leave a test to pytest if it overrides or parametrizes the fixture, or requests one that the fixture depends on.
        """
        request, definition = getattr(item, "_request", None), self._definition
        if not self._is_possible or not _LATE_NAMES.isdisjoint(item.fixturenames):  # type: ignore[attr-defined]
            return
        found = getattr(request, "_arg2fixturedefs", {}).get(NAME, ())
        known = getattr(request, "_fixture_defs", None)
        if len(found) != 1 or found[0] is not definition or type(known) is not dict:
            return
        if definition.cached_result is None and NAME not in getattr(getattr(item, "callspec", None), "params", ()):
            if self._pattern is None or self._client is not client:
                self._client, self._pattern = client, client[self._name]
            # A copy takes a fifth of the time that pymongo takes to make a database.
            kind = type(self._pattern)
            database = kind.__new__(kind)
            database.__dict__ = self._pattern.__dict__.copy()
            definition.cached_result = (database, None, None)
            known[NAME] = definition
            self.is_given = True

    def take_back(self) -> None:
        """Forget the test's value, after the teardown of the fixtures that use it."""
        self.is_given = False
        self._definition.cached_result = None
        # The fixtures that use it have ended. (pytest makes a fixture end those that depend on it.)
        self._definition._finalizers.clear()


def is_setup_watched(config: pytest.Config) -> bool:
    """Return whether a plugin, a conftest or an option of pytest observes the setup of fixtures."""
    hook, option = config.hook, config.option
    implementations = [*hook.pytest_fixture_setup.get_hookimpls(), *hook.pytest_fixture_post_finalizer.get_hookimpls()]
    others = [one for one in implementations if not one.function.__module__.startswith(_UNCONCERNED)]
    return bool(others) or getattr(option, "setupshow", False) or getattr(option, "setuponly", False)
