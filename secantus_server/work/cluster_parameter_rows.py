"""Storage of changed cluster parameters in `config.clusterParameters`, so that they survive a restart of the server.

https://www.mongodb.com/docs/manual/reference/command/setClusterParameter/
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secantus_server.bson import decode, encode
from secantus_server.dispatch.cluster_parameters import CLUSTER_PARAMETERS, setting_name
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.services import Services
from secantus_server.dispatch.unit_of_work import MissingCollection, Transaction
from secantus_server.exec._scan import RecordScan
from secantus_server.exec.interruption import never_interrupt
from secantus_server.modules import import_late
from secantus_server.work.writers import open_writer

DATABASE, COLLECTION = "config", "clusterParameters"


def save_parameter(request: Request, name: str, value: dict[str, Any]) -> None:
    """Store the value of a cluster parameter."""
    request.work.write(writing(request.services, name, value), request.operation.check)


def writing(services: Services, name: str, value: dict[str, Any], *, replicated: bool = True) -> Callable[[Transaction], None]:
    """Return a function that stores the value of a cluster parameter in a transaction.

    Arguments:
        replicated: whether the write gets an oplog entry.
    """

    def body(transaction: Transaction) -> None:
        collection = transaction.catalog.find(DATABASE, COLLECTION)
        if collection is None:
            raise MissingCollection(DATABASE, COLLECTION)
        document = encode({"_id": name, "clusterParameterTime": services.oplog.newest, **value})
        writer = open_writer(services, transaction, collection, replicated=replicated)
        found = import_late("secantus_server.query.point").id_lookup(collection, name).first(transaction.unit)
        if found is None:
            writer.insert(document)
        else:
            writer.update(found[1], document, found[0])

    return body


def stored_parameters(services: Services) -> dict[str, dict[str, Any]]:
    """Return the stored values of cluster parameters, keyed by parameter name."""
    with services.work.reading() as transaction:
        collection = transaction.catalog.find(DATABASE, COLLECTION)
        if collection is None or collection.is_view:
            return {}
        scan = RecordScan(collection.ident, None, never_interrupt)
        scan.attach(transaction.unit)
        documents = [decode(document) for document in scan]
        scan.close()
    return {one.pop("_id"): one for one in documents}


def load_parameters(services: Services) -> dict[str, Any]:
    """Return the stored values of cluster parameters, keyed by their names in the server's parameter table."""
    return {setting_name(name): value for name, value in stored_parameters(services).items() if name in CLUSTER_PARAMETERS}
