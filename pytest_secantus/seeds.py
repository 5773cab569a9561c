"""The seed that the store currently contains. Each seed is loaded once and retained as a snapshot layer.

When the next test needs a different seed, the layers are exchanged. Under xdist, one worker reads a source and shares its contents
through the directory of the test run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_secantus.isolation import SEED_RANK, Layer, Layers
from pytest_secantus.options import Options
from pytest_secantus.seeding import Contents, SeedError, Source, describe, read_path, run_callable, save, write
from pytest_secantus.xdist import MAIN, RunDirectory, identify

if TYPE_CHECKING:
    from pymongo import MongoClient


class Seeds:
    """Loads the seeds of one worker's tests, and exchanges the loaded seed when a test needs a different one.

    Arguments:
        options: the options of the run.
        layers: the layers of the worker's server.
        client: returns the plugin's own client.
        run_directory: returns the directory that the processes of the run share. Called only in xdist workers.
        new_database_name: returns an unused database name.
    """

    def __init__(
        self,
        options: Options,
        layers: Layers,
        *,
        client: Callable[[], MongoClient[dict[str, Any]]],
        run_directory: Callable[[], RunDirectory],
        new_database_name: Callable[[], str],
    ) -> None:
        self._options = options
        self._layers = layers
        self._client = client
        self._run_directory = run_directory
        self._new_database_name = new_database_name
        self._contents: dict[str, Contents] = {}
        self._current: Hashable = None
        self._taken_out: dict[Hashable, Layer] = {}
        self._loaded: set[Hashable] = set()

    def load_base(self) -> None:
        """Load the seeds in the ini option `secantus_seed` for the session. With one namespace per test, `fill` loads them instead."""
        if self._options.isolation != "namespace":
            for path in self._options.seed:
                self._write(self.contents(path), self._options.database)

    def prepare(self, sources: Sequence[Source]) -> None:
        """Before a test begins to write, load exactly these sources in addition to the base.

        Raises:
            SeedError: a source cannot be read or loaded.
        """
        sources = self._beside_base(sources)
        owner = ("seed", tuple(describe(source) for source in sources)) if sources else None
        mode = self._options.isolation
        if mode == "restore":
            self._exchange(owner, sources)
        elif mode == "none" and owner not in self._loaded:
            self._loaded.add(owner)
            self._write_all(sources, self._options.database)

    def fill(self, sources: Sequence[Source], database: str) -> None:
        """Load the base seeds and these sources into the database of one test.

        Raises:
            SeedError: a source cannot be loaded, or names a database, which all tests would share.
        """
        for source in [*self._options.seed, *self._beside_base(sources)]:
            contents = self.contents(source)
            if named := [name for name in contents if name is not None]:
                raise SeedError(
                    f"secantus_seed: {describe(source)} contains the database {named[0]}, which isolation namespace cannot cover"
                )
            self._write(contents, database)

    def contents(self, source: Source) -> Contents:
        """Return a source's contents. A source is read or computed once per run."""
        name = describe(source)
        if name not in self._contents:
            self._contents[name] = self._read(source) if identify().worker == MAIN or "<" in name else self._share(source)
        return self._contents[name]

    def _beside_base(self, sources: Sequence[Source]) -> list[Source]:
        """Return the sources that the base does not already contain."""
        base = {path.resolve() for path in self._options.seed}
        return [source for source in sources if not (isinstance(source, Path) and base & {source.resolve(), *source.resolve().parents})]

    def _exchange(self, owner: Hashable, sources: Sequence[Source]) -> None:
        """Replace the layer of the current seed with the layer of `owner`. If that layer does not exist yet, load its sources."""
        layers = self._layers
        if owner == self._current and (owner is None or layers.is_open(owner)):
            return
        if self._current is not None and layers.is_open(self._current):
            self._taken_out[self._current] = layers.take_out(self._current)
        self._current = owner
        if owner in self._taken_out:
            layers.put_in(self._taken_out.pop(owner))
        elif owner is not None:
            self._load(owner, sources)

    def _load(self, owner: Hashable, sources: Sequence[Source]) -> None:
        layers = self._layers
        try:
            contents = [self.contents(source) for source in sources]
            with layers.writing(owner, SEED_RANK):
                for one in contents:
                    self._write(one, self._options.database)
        except BaseException:
            layers.close(owner)
            self._current = None
            raise

    def _write_all(self, sources: Sequence[Source], database: str) -> None:
        for source in sources:
            self._write(self.contents(source), database)

    def _write(self, contents: Contents, database: str) -> None:
        write(contents, self._client(), database)

    def _read(self, source: Source) -> Contents:
        """Return the contents of a path. For a callable, let it fill a temporary database, and return the contents of that database."""
        if isinstance(source, Path):
            return read_path(source)
        client, layers = self._client(), self._layers
        scratch = self._new_database_name()
        try:
            with layers.writing(scratch, SEED_RANK):
                return run_callable(source, client[scratch])
        finally:
            layers.close(scratch)
            client.drop_database(scratch)

    def _share(self, source: Source) -> Contents:
        """Return a source's contents from the run's directory if a different worker has stored them; otherwise read the source and store
        them.
        """
        name = "seed-" + hashlib.sha256(describe(source).encode()).hexdigest()[:16]
        return read_path(self._run_directory().once(name, lambda directory: save(self._read(source), directory)))
