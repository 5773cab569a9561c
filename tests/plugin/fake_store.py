"""A store of names and values with nested snapshots, for testing layers without a server."""

from __future__ import annotations

from typing import Any

Values = dict[str, int]


class FakeSnapshot:
    """The store's content at the time of the snapshot."""

    def __init__(self, store: FakeStore) -> None:
        self.values = dict(store.values)


class FakeStore:
    """A store whose snapshots are complete copies, which is slow but obviously correct."""

    def __init__(self) -> None:
        self.values: Values = {}
        self._open: list[FakeSnapshot] = []

    @property
    def snapshots(self) -> tuple[FakeSnapshot, ...]:
        return tuple(self._open)

    def snapshot(self) -> FakeSnapshot:
        self._open.append(FakeSnapshot(self))
        return self._open[-1]

    def restore(self, snapshot: FakeSnapshot) -> None:
        del self._open[self._open.index(snapshot) + 1 :]
        self.values = dict(snapshot.values)

    def release(self, snapshot: FakeSnapshot) -> None:
        del self._open[self._open.index(snapshot) :]

    def written_since(self, snapshot: FakeSnapshot) -> bool:
        return self.values != snapshot.values

    def set_aside(self, snapshot: FakeSnapshot) -> Any:
        inner = self._open[self._open.index(snapshot) :]
        ends = [dict(later.values) for later in inner[1:]] + [dict(self.values)]
        changes = [(layer, changed(layer.values, end)) for layer, end in zip(inner, ends, strict=True)]
        self.restore(snapshot)
        self.release(snapshot)
        return changes

    def put_back(self, aside: Any) -> None:
        for snapshot, changes in aside:
            snapshot.values = dict(self.values)
            self._open.append(snapshot)
            for name, value in changes.items():
                if value is None:
                    self.values.pop(name, None)
                else:
                    self.values[name] = value


class RenewingStore(FakeStore):
    """A store that reuses the snapshot of a layer that has ended for the next layer."""

    def renew(self, snapshot: FakeSnapshot) -> bool:
        return self.is_unchanged(snapshot)

    def is_unchanged(self, snapshot: FakeSnapshot) -> bool:
        return self._open[-1:] == [snapshot] and not self.written_since(snapshot)


def changed(before: Values, after: Values) -> dict[str, int | None]:
    """Return the writes that lead from one state to another."""
    return {name: after.get(name) for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
