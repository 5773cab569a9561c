"""Storage of the query settings in one document of `config.clusterParameters`, so that they survive a restart of the server.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.exec.interruption import never_interrupt
from secantus_server.modules import import_late
from secantus_server.work.cluster_parameter_rows import save_parameter, stored_parameters, writing

if TYPE_CHECKING:
    from secantus_server.query.query_settings import QuerySettings

_NAME, _LIST = "querySettings", "settingsArray"


def save_settings(request: Request, settings: dict[str, QuerySettings]) -> None:
    """Store all query settings in place of the previously stored settings.

    Arguments:
        settings: the query settings, keyed by query shape hash.
    """
    save_parameter(request, _NAME, _value(settings))
    request.services.query_settings = settings
    request.services.interceptors.refresh()


def store_current(services: Services) -> None:
    """Store the current query settings without writing an oplog entry."""
    services.work.write(writing(services, _NAME, _value(services.query_settings), replicated=False), never_interrupt)


def _value(settings: dict[str, QuerySettings]) -> dict[str, Any]:
    return {_LIST: [one.shown() for one in settings.values()]}


def load_settings(services: Services) -> dict[str, QuerySettings]:
    """Return the stored query settings, keyed by query shape hash."""
    rows = stored_parameters(services).get(_NAME, {}).get(_LIST, [])
    if not rows:
        return {}
    kind = import_late("secantus_server.query.query_settings").QuerySettings
    found = [kind(row["queryShapeHash"], row["settings"], row.get("representativeQuery")) for row in rows]
    return {one.hash: one for one in found}
