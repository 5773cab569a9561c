"""Adjustments, which are the runtime settings outside the catalog: parameters, profiler, query settings and index filters.

A snapshot includes them, so that restoring the snapshot also restores these settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from secantus_server.dispatch.observer import Profiling
from secantus_server.dispatch.parameters import apply_verbosity
from secantus_server.dispatch.services import Services
from secantus_server.records import NamedTuple, fields, replace

_REMOVED: Final = object()

#: The differences between two mappings: the new value of each entry that differs, or `_REMOVED` if the second mapping lacks the entry.
Changes = dict[Any, Any]


class Adjustments(NamedTuple):
    """The runtime settings of a server at one time.

    Fields are compared by identity, because commands replace the values and never modify them.
    """

    parameters: dict[str, Any]
    profiling: Profiling
    query_settings: dict[str, Any]
    index_filters: dict[bytes, dict[str, dict[str, Any]]]

    @classmethod
    def of(cls, services: Services) -> Adjustments:
        """Return the current adjustments of a server."""
        return cls(services.parameters, services.observer.profiling, services.query_settings, services.index_filters)

    def are_those_of(self, services: Services) -> bool:
        """Return whether these adjustments equal the current adjustments of a server."""
        return (
            self.parameters is services.parameters
            and self.profiling is services.observer.profiling
            and self.query_settings is services.query_settings
            and self.index_filters is services.index_filters
        )

    def apply(self, services: Services) -> None:
        """Set the adjustments of a server to these values."""
        if services.observer.profiling is not self.profiling:
            services.observer.set(self.profiling)
        if services.parameters is not self.parameters:
            services.parameters = self.parameters
            apply_verbosity(services)
        if services.query_settings is not self.query_settings:
            services.query_settings = self.query_settings
            services.interceptors.refresh()
        services.index_filters = self.index_filters

    def changes_to(self, later: Adjustments) -> tuple[Changes, ...]:
        """Return the differences between these adjustments and later adjustments, for use with `changed`."""
        return tuple(_changes(before, now) for before, now in zip(self._tables(), later._tables(), strict=True))

    def changed(self, changes: tuple[Changes, ...]) -> Adjustments:
        """Return a copy of these adjustments with the changes applied."""
        tables = [_changed(table, some) for table, some in zip(self._tables(), changes, strict=True)]
        profiling = self.profiling
        if any(changes[3:]):
            levels, filters, others = tables[3:]
            profiling = replace(profiling, levels=levels, filters=filters, **others)
        return Adjustments(tables[0], profiling, tables[1], tables[2])

    def _tables(self) -> tuple[dict[Any, Any], ...]:
        profiling = self.profiling
        others = {field.name: getattr(profiling, field.name) for field in fields(profiling) if field.name not in ("levels", "filters")}
        return self.parameters, self.query_settings, self.index_filters, profiling.levels, profiling.filters, others


def _changes(before: Mapping[Any, Any], now: Mapping[Any, Any]) -> Changes:
    # Values are compared by identity, because 1 equals True. Therefore a value that was set to an equal value counts as changed.
    if before is now:
        return {}
    return {name: now.get(name, _REMOVED) for name in {**before, **now} if before.get(name, _REMOVED) is not now.get(name, _REMOVED)}


def _changed(table: dict[Any, Any], changes: Changes) -> dict[Any, Any]:
    return {name: value for name, value in {**table, **changes}.items() if value is not _REMOVED} if changes else table
