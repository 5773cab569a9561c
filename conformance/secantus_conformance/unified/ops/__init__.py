"""The operations of the format, in one module per kind of entity. Importing this package registers all of them."""

from secantus_conformance.unified.ops import (  # noqa: F401  (each module registers its operations)
    assertions,
    bucket,
    bulk,
    client,
    collection_indexes,
    collection_read,
    collection_write,
    cursor,
    database,
    session,
    testrunner,
    waiting,
)
