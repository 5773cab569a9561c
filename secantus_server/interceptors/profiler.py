"""The database profiler, which records commands in `system.profile`.

https://www.mongodb.com/docs/manual/tutorial/manage-the-database-profiler/
"""

from __future__ import annotations

from secantus_server.bson import encode
from secantus_server.dispatch.interceptors import Call, Interceptor, Outcome
from secantus_server.dispatch.observer import NEVER_OBSERVED
from secantus_server.dispatch.services import Services
from secantus_server.modules import import_late


class Profiler(Interceptor):
    """An interceptor that writes profile documents. It is active while the profiler is enabled for any database."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def is_active(self) -> bool:
        """Return whether the profiler is enabled for any database."""
        return bool(self._services.observer.profiling.levels)

    def before(self, call: Call) -> None:
        """If the command's database is profiled, request that its plan notes include all query plans, even those of point lookups."""
        if call.db in self._services.observer.profiling.levels:
            call.operation.notes_lookups = True

    def after(self, call: Call, outcome: Outcome) -> None:
        """Write the command's profile documents, if the database's profiling level and filter select the command."""
        observer = self._services.observer
        level, chosen = observer.profiling.levels.get(call.db, 0), observer.profiling.filters.get(call.db)
        if not level or call.name in NEVER_OBSERVED or (level == 1 and chosen is None and not observer.is_slow(call)):
            return
        # These import the planner, which a server whose commands use the express lane does not need.
        profile_entries = import_late("secantus_server.work.profile_entries").profile_entries
        write_profile_entry = import_late("secantus_server.work.profile_collection").write_profile_entry
        for entry in profile_entries(call, outcome, self._services.clock):
            if chosen is None or chosen[1].matches(encode(entry)):
                write_profile_entry(self._services, call.db, entry)
