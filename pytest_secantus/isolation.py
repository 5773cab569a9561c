"""Attribution of writes to owners: one snapshot layer for each fixture that outlives a test, and one for the test itself.

A layer is a snapshot of the storage with an owner. While a layer is the innermost one, all writes belong to its owner, whichever thread,
client or process makes them. Closing the layer undoes these writes. Layers are ordered by rank: wider scopes are further out.

A fixture may be set up while layers of higher rank are open, for example a session fixture that is first requested in the middle of a
test. These layers are set aside during the setup, so that the fixture sees the store without their writes.

This module is independent of pytest: an owner is any object, and a rank is any number.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_secantus.store import SnapshotStore

#: The rank of each fixture scope, and of the plugin's own layers between them.
RANKS: Final = {"session": 0.0, "package": 1.0, "module": 2.0, "class": 3.0, "function": 4.0}
SEED_RANK: Final = 3.5
TEST_RANK: Final = RANKS["function"]
TEARDOWN_RANK: Final = 5.0


class Layer:
    """A snapshot with its owner and rank. While the layer is set aside, it also contains the data from which it is restored."""

    def __init__(self, owner: Hashable, rank: float, snapshot: Any) -> None:
        self.owner = owner
        self.rank = rank
        self.snapshot = snapshot
        self.aside: Any = None


class Layers:
    """The snapshot layers of one server, and the owners that are currently writing.

    Before `attach`, no server runs, so no layer is opened. Writers are recorded nevertheless, because a fixture that is being set up may
    request the fixture that starts the server.
    """

    def __init__(self) -> None:
        self._store: SnapshotStore | None = None
        # Whether the store has the optional methods of `SnapshotStore`.
        self._renews = False
        # The snapshot of a layer that has ended. The next layer reuses it if nothing was written since.
        self._spare: Any = None
        self._open: list[Layer] = []
        self._waiting: list[Layer] = []
        self._writers: list[tuple[Hashable, float]] = []

    def attach(self, store: SnapshotStore) -> None:
        """Open layers in `store` from now on. Data that the store already contains has no owner and is not undone."""
        assert self._store is None
        self._store = store
        self._renews = hasattr(store, "renew")

    def detach(self) -> None:
        """Discard all layers without restoring anything, because the server is about to stop."""
        self._store = self._spare = None
        self._open.clear()
        self._waiting.clear()

    def owners_below(self, rank: float) -> set[Hashable]:
        """Return the owners of all layers of a lower rank, including layers that are set aside."""
        return {layer.owner for layer in [*self._open, *self._waiting] if layer.rank < rank}

    def is_open(self, owner: Hashable) -> bool:
        """Return whether `owner` has a layer whose snapshot is still open."""
        return any(layer.owner == owner for layer in self._open) and not self._has_ended(self._layer_of(owner))

    def snapshot_of(self, owner: Hashable) -> Any:
        """Return the snapshot of the layer of `owner`. Return None if `owner` has no layer or its snapshot has ended."""
        layer = self._layer_of(owner)
        return None if layer is None or self._has_ended(layer) else layer.snapshot

    def described(self) -> list[tuple[Hashable, float, bool]]:
        """Return each open layer's owner, its rank, and whether anything was written since its snapshot. The outermost layer is first."""
        store = self._store
        if store is None:
            return []
        return [(one.owner, one.rank, store.written_since(one.snapshot)) for one in self._open if not self._has_ended(one)]

    def is_innermost(self, owner: Hashable) -> bool:
        """Return whether writes are currently attributed to `owner`."""
        return bool(self._open) and self._open[-1].owner == owner

    @contextmanager
    def writing(self, owner: Hashable, rank: float) -> Iterator[None]:
        """Attribute writes within the block to `owner`. Set conflicting layers aside until the block ends.

        After the block, the owner's layer remains open until `close`. If nothing was written, it is removed at the end of the block.
        """
        aside = self.begin(owner, rank)
        try:
            yield
        finally:
            self.finish(owner, aside)

    def begin(self, owner: Hashable, rank: float) -> list[Layer]:
        """Perform the first half of `writing`. Return the layers that were set aside; pass them to `finish`."""
        if self._open:
            aside = self._set_aside(self._first_in_the_way(owner, rank))
            self._writers.append((owner, rank))
            self._open_layer(owner, rank)
            return aside
        self._writers.append((owner, rank))
        if self._store is not None:
            self._open.append(Layer(owner, rank, self._snapshot(self._store)))
        return []

    def finish(self, owner: Hashable, aside: list[Layer]) -> None:
        """Perform the second half of `writing` for the most recent writer."""
        self._writers.pop()
        self._drop_if_unused(owner)
        if aside:
            self._put_back(aside)
        if self._writers:
            self._open_layer(*self._writers[-1])

    def end(self, owner: Hashable, aside: list[Layer]) -> None:
        """Perform `finish` and then `close` for the most recent writer."""
        store = self._store
        is_alone = len(self._writers) == 1 and not (aside or self._waiting) and self._spare is None
        if store is None and is_alone and not self._open:
            self._writers.pop()
            return
        layer = self._open[-1] if self._open else None
        if not is_alone or store is None or layer is None or layer.owner != owner:
            self.finish(owner, aside)
            self.close(owner)
            return
        # The usual case: the layer of a test is the innermost one, and no other writer or layer is affected.
        self._writers.pop()
        snapshot = layer.snapshot
        if self._renews and store.is_unchanged(snapshot):
            self._open.pop()
            self._spare = snapshot
            return
        if snapshot not in store.snapshots:
            self.close(owner)
            return
        is_changed = self._renews or store.snapshots[-1] != snapshot or store.written_since(snapshot)
        self._open.pop()
        if is_changed:
            store.restore(snapshot)
        self._end(snapshot)

    def close(self, owner: Hashable) -> None:
        """Undo the writes of `owner` and close its layer, even if it is not the innermost one. Do nothing if `owner` has no layer."""
        if self._waiting:
            self._waiting = [layer for layer in self._waiting if layer.owner != owner]
        if self._store is None or (layer := self._layer_of(owner)) is None:
            return
        aside = self._set_aside(self._open.index(layer) + 1)
        self._open.remove(layer)
        if self._has_ended(layer):
            self._undo_after_foreign_restore()
        else:
            self._store.restore(layer.snapshot)
            self._end(layer.snapshot)
        self._put_back(aside)

    def take_out(self, owner: Hashable) -> Layer:
        """Undo the writes of `owner` and return its layer, which `put_in` can restore later."""
        assert self._store is not None
        layer = self._layer_of(owner)
        assert layer is not None
        aside = self._set_aside(self._open.index(layer) + 1)
        self._open.remove(layer)
        self._end_spare()
        layer.aside = self._store.set_aside(layer.snapshot)
        self._put_back(aside)
        return layer

    def put_in(self, layer: Layer) -> None:
        """Restore a layer that `take_out` removed, by replaying its writes. Layers of a higher rank remain inside it."""
        aside = self._set_aside(self._first_in_the_way(layer.owner, layer.rank))
        self._waiting.append(layer)
        self._put_back([layer, *aside])

    def _layer_of(self, owner: Hashable) -> Layer | None:
        for layer in self._open:
            if layer.owner == owner:
                return layer
        return None

    def _first_in_the_way(self, owner: Hashable, rank: float) -> int:
        """Return the level of the outermost layer that must not be open while `owner` writes.

        This is the first layer with a higher rank, or with the same rank and an owner whose setup is unfinished and will continue to
        write.
        """
        layer = self._layer_of(owner)
        if layer is not None:
            return self._open.index(layer) + 1
        half_done = [writer for writer, _ in self._writers]
        return next((n for n, x in enumerate(self._open) if x.rank > rank or (x.rank == rank and x.owner in half_done)), len(self._open))

    def _open_layer(self, owner: Hashable, rank: float) -> None:
        """Open a layer for `owner` as the innermost one, if a server runs and `owner` has no layer."""
        if self._store is not None and self._layer_of(owner) is None:
            self._open.append(Layer(owner, rank, self._snapshot(self._store)))

    def _snapshot(self, store: SnapshotStore) -> Any:
        """Return a snapshot of the current state: the spare snapshot if nothing was written since it was taken, otherwise a new one."""
        spare = self._spare
        if spare is not None and store.renew(spare):
            self._spare = None
            return spare
        self._end_spare()
        return store.snapshot()

    def _end(self, snapshot: Any) -> None:
        """Retain the snapshot of a closed layer as the spare one, or release it if the store cannot renew snapshots."""
        assert self._store is not None
        self._end_spare()
        if self._renews:
            self._spare = snapshot
        else:
            self._store.release(snapshot)

    def _end_spare(self) -> None:
        """Release the spare snapshot if it is still open and innermost.

        It may have ended with an outer snapshot, or the test may have taken a snapshot inside it.
        """
        spare, self._spare = self._spare, None
        if spare is not None and self._store is not None and self._store.snapshots[-1:] == (spare,):
            self._store.release(spare)

    def _drop_if_unused(self, owner: Hashable) -> None:
        """Close the layer of `owner` if it has no writes and no nested snapshots, as for most fixtures, which never access the store."""
        layer = self._layer_of(owner)
        if self._store is None or layer is None or (self._writers and any(writer == owner for writer, _ in self._writers)):
            return
        if self._spare is not None:
            self._end_spare()
        if self._store.snapshots[-1:] == (layer.snapshot,) and not self._store.written_since(layer.snapshot):
            self._open.remove(layer)
            self._end(layer.snapshot)

    def _has_ended(self, layer: Layer | None) -> bool:
        """Return whether the layer's snapshot has ended because a test restored a snapshot further out."""
        return layer is not None and self._store is not None and layer.snapshot not in self._store.snapshots

    def _undo_after_foreign_restore(self) -> None:
        """Restore the innermost snapshot after a test has restored its own snapshot and thereby ended a layer further in."""
        assert self._store is not None
        self._end_spare()
        innermost = self._store.snapshots[-1:]
        if innermost and all(innermost[0] is not layer.snapshot for layer in self._open):
            self._store.restore(innermost[0])

    def _set_aside(self, level: int) -> list[Layer]:
        """Set aside all layers from `level` inwards, innermost first; return them outermost first."""
        assert self._store is not None or not self._open
        if self._open[level:]:
            self._end_spare()
        layers = [layer for layer in self._open[level:] if not self._has_ended(layer)]
        for layer in reversed(layers):
            layer.aside = self._store.set_aside(layer.snapshot) if self._store else None
        del self._open[level:]
        self._waiting += layers
        return layers

    def _put_back(self, layers: list[Layer]) -> None:
        """Reopen layers that were set aside, except those that were closed in the meantime."""
        for layer in layers:
            if self._store is not None and layer in self._waiting:
                self._waiting.remove(layer)
                self._end_spare()
                self._store.put_back(layer.aside)
                layer.aside = None
                self._open.append(layer)
