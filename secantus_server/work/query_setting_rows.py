"""Stores the query settings in one document of `config.clusterParameters`, so that they survive a restart of the server.

https://www.mongodb.com/docs/manual/reference/command/setQuerySettings/
"""

from __future__ import annotations

from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.query.query_settings import QuerySettings
from secantus_server.work.cluster_parameter_rows import save_parameter, stored_parameters

_NAME, _LIST = "querySettings", "settingsArray"


def save_settings(request: Request, settings: dict[str, QuerySettings]) -> None:
    """Store all query settings, and replace the settings stored before.

    Arguments:
        settings: the query settings by query shape hash.
    """
    services = request.services
    save_parameter(request, _NAME, {_LIST: [one.shown() for one in settings.values()]})
    services.query_settings = settings
    services.interceptors.refresh()


def load_settings(services: Services) -> dict[str, QuerySettings]:
    """Return the stored query settings by query shape hash."""
    rows = stored_parameters(services).get(_NAME, {}).get(_LIST, [])
    found = [QuerySettings(row["queryShapeHash"], row["settings"], row.get("representativeQuery")) for row in rows]
    return {one.hash: one for one in found}
