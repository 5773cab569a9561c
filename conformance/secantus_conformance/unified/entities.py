"""The entity map of a test, which maps names to clients, databases, collections, sessions, cursors and saved values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from bson.raw_bson import RawBSONDocument
from gridfs import GridFSBucket
from pymongo import MongoClient
from pymongo.change_stream import ChangeStream
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.topology_description import TopologyDescription

from secantus_conformance.failures import BadTest
from secantus_conformance.unified.cursors import FirstResultCursor
from secantus_conformance.unified.threads import TestThread

T = TypeVar("T")
KINDS: dict[type, str] = {
    MongoClient: "client",
    Database: "database",
    Collection: "collection",
    ClientSession: "session",
    GridFSBucket: "bucket",
    ChangeStream: "change stream",
    FirstResultCursor: "cursor",
    TestThread: "thread",
    TopologyDescription: "topology description",
}
_NOT_VALUES = tuple(cls for cls in KINDS)


def kind_of(entity: Any) -> str:
    """Return an entity's kind in the format's terms. The kind of a saved BSON value is "value"."""
    for cls, kind in KINDS.items():
        if isinstance(entity, cls):
            return kind
    return "value"


class EntityMap:
    """The entities of a test by name. Each name must be defined exactly once, before it is used."""

    def __init__(self) -> None:
        self._entities: dict[str, Any] = {}
        self._lsids: dict[str, Any] = {}

    def define(self, name: Any, entity: Any) -> None:
        """Define an entity. Raise BadTest if the name is already defined or not a string."""
        if not isinstance(name, str):
            raise BadTest("malformed", f"An entity's name must be a string, not {name!r}.")
        if name in self._entities:
            raise BadTest("duplicate-entity", f"The entity {name!r} is defined twice.")
        self._entities[name] = entity
        if isinstance(entity, ClientSession):
            self._lsids[name] = dict(entity.session_id)

    def get(self, name: Any) -> Any:
        """Return the entity with the given name. Raise BadTest if it does not exist."""
        if name not in self._entities:
            raise BadTest("undefined-entity", f"There is no entity {name!r}.")
        return self._entities[name]

    def typed(self, name: Any, cls: type[T]) -> T:
        """Return the entity with the given name. Raise BadTest if its kind differs from the requested one."""
        entity = self.get(name)
        if not isinstance(entity, cls):
            raise BadTest("entity-type", f"The entity {name!r} is a {kind_of(entity)}, not a {KINDS[cls]}.")
        return entity

    def client(self, name: Any) -> MongoClient[Any]:
        """Return the client with the given name."""
        return self.typed(name, MongoClient)

    def session(self, name: Any) -> ClientSession:
        """Return the session with the given name."""
        return self.typed(name, ClientSession)

    def value(self, name: str) -> Any:
        """Return the BSON value saved under a name, for $$matchesEntity. Raise BadTest if the entity is a driver object."""
        entity = self.get(name)
        if isinstance(entity, _NOT_VALUES) and not isinstance(entity, RawBSONDocument):
            raise BadTest("entity-type", f"The entity {name!r} is a {kind_of(entity)}, not a BSON value.")
        return entity

    def lsid(self, name: str) -> Any:
        """Return the logical session id of a session, even after the session has ended."""
        self.session(name)
        return self._lsids[name]

    def of_type(self, cls: type[T]) -> Iterator[T]:
        """Yield all entities of a kind in the order of their definition."""
        return iter([entity for entity in self._entities.values() if isinstance(entity, cls)])
