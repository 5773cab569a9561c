"""`$listCatalog` and `$listClusterCatalog`: return the catalog entries of collections and views.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/listClusterCatalog/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from secantus_server.bson import encode, type_name
from secantus_server.errors import CommandError
from secantus_server.pipeline.arguments import check_type
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import ServerStage


@stage("$listClusterCatalog")
class ListClusterCatalog(ServerStage):
    """A parsed `$listClusterCatalog`, which returns the catalog entries of a database or of the whole server."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ListClusterCatalog:
        """Parse `{$listClusterCatalog: {shards: bool, balancingConfiguration: bool}}`.

        Raises:
            CommandError: 9621302 if the argument is not a document, 14 and 40415 for an invalid field, 9621301 in a sub-pipeline.
        """
        if type(spec) is not dict:
            raise CommandError(9621302, f"$listClusterCatalog must take a nested object but found: {type_name(spec)}")
        for name, value in spec.items():
            if name not in ("shards", "balancingConfiguration", "tracked"):
                raise CommandError(40415, f"BSON field '$listClusterCatalog.{name}' is an unknown field.")
            check_type(f"$listClusterCatalog.{name}", value, ("bool",))
        if ctx.collection is not None or ctx.container not in ("", "$facet"):
            raise CommandError(9621301, "$listClusterCatalog can only be run with {aggregate: 1}")
        return cls(spec, ctx)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Yield one document for each collection and view of the database. On the database `admin`, cover all databases."""
        for entry in self.ctx.host.catalog_entries(None if self.ctx.db == "admin" else self.ctx.db):
            document = {**entry, "sharded": False}
            if self.options.get("shards"):
                document["shards"] = []
            yield encode(document)


@stage("$listCatalog")
class ListCatalog(ListClusterCatalog):
    """A parsed `$listCatalog`, which has no options and returns the same entries as `$listClusterCatalog`."""

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> ListCatalog:
        """Parse `{$listCatalog: {}}`.

        Raises:
            CommandError: 6200600 if the argument is not an empty document.
        """
        if type(spec) is not dict or spec:
            raise CommandError(6200600, "The $listCatalog stage specification must be an empty object")
        return cls({}, ctx)
