"""Which seed is in the store: loaded once, kept as a layer of its own, and exchanged when the next test wants another.

Under xdist one worker reads a source and hands it on through the run's directory; the others take it from there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_secantus.isolation import SEED_RANK, Layer
from pytest_secantus.seeding import Contents, SeedError, Source, describe, read_path, run_callable, save, write
from pytest_secantus.xdist import MAIN, identify

if TYPE_CHECKING:
    from pytest_secantus.worker import Worker


class Seeds:
    """The seeds of one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._contents: dict[str, Contents] = {}
        self._current: Hashable = None
        self._taken_out: dict[Hashable, Layer] = {}
        self._loaded: set[Hashable] = set()

    def load_base(self) -> None:
        """Load what ini `secantus_seed` names, for the whole session; with a namespace per test every test gets its own copy."""
        if self._worker.options.isolation != "namespace":
            for path in self._worker.options.seed:
                self._write(self.contents(path), self._worker.options.database)

    def prepare(self, sources: Sequence[Source]) -> None:
        """Have exactly these sources in the store, beside the base, before a test begins to write.

        Raises:
            SeedError: one cannot be read or loaded.
        """
        sources = self._beside_base(sources)
        owner = ("seed", tuple(describe(source) for source in sources)) if sources else None
        mode = self._worker.options.isolation
        if mode == "restore":
            self._exchange(owner, sources)
        elif mode == "none" and owner not in self._loaded:
            self._loaded.add(owner)
            self._write_all(sources, self._worker.options.database)

    def fill(self, sources: Sequence[Source], database: str) -> None:
        """Load the base and these sources into one test's own database.

        Raises:
            SeedError: one cannot be loaded, or is for a database of another name, which other tests would see too.
        """
        for source in [*self._worker.options.seed, *self._beside_base(sources)]:
            contents = self.contents(source)
            if named := [name for name in contents if name is not None]:
                raise SeedError(f"secantus_seed: {describe(source)} has the database {named[0]}, which a namespace per test cannot isolate")
            self._write(contents, database)

    def contents(self, source: Source) -> Contents:
        """What a source holds, read or run once per run."""
        name = describe(source)
        if name not in self._contents:
            self._contents[name] = self._read(source) if identify().worker == MAIN or "<" in name else self._share(source)
        return self._contents[name]

    def _beside_base(self, sources: Sequence[Source]) -> list[Source]:
        """The sources that the base does not contain already."""
        base = {path.resolve() for path in self._worker.options.seed}
        return [source for source in sources if not (isinstance(source, Path) and base & {source.resolve(), *source.resolve().parents})]

    def _exchange(self, owner: Hashable, sources: Sequence[Source]) -> None:
        """Take out the layer of the seed that is in, and put in the other, or load it if it never was."""
        layers = self._worker.layers
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
        layers = self._worker.layers
        try:
            contents = [self.contents(source) for source in sources]
            with layers.writing(owner, SEED_RANK):
                for one in contents:
                    self._write(one, self._worker.options.database)
        except BaseException:
            layers.close(owner)
            self._current = None
            raise

    def _write_all(self, sources: Sequence[Source], database: str) -> None:
        for source in sources:
            self._write(self.contents(source), database)

    def _write(self, contents: Contents, database: str) -> None:
        write(contents, self._worker.client, database)

    def _read(self, source: Source) -> Contents:
        """Read a path, or let a callable fill a database that is gone afterwards."""
        if isinstance(source, Path):
            return read_path(source)
        client, layers = self._worker.client, self._worker.layers
        scratch = self._worker.new_database_name()
        try:
            with layers.writing(scratch, SEED_RANK):
                return run_callable(source, client[scratch])
        finally:
            layers.close(scratch)
            client.drop_database(scratch)

    def _share(self, source: Source) -> Contents:
        """Read a source, or take over what another worker read."""
        name = "seed-" + hashlib.sha256(describe(source).encode()).hexdigest()[:16]
        return read_path(self._worker.run_directory.once(name, lambda directory: save(self._read(source), directory)))
