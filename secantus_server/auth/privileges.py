"""Privileges: the actions that a user may perform on resources.

https://www.mongodb.com/docs/manual/reference/resource-document/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from secantus_server.auth._found_actions import FoundActions
from secantus_server.reserved_names import BUCKETS

#: Required actions on one resource: the actions, the database ("" for all databases, None for the cluster), and the collection ("" for the
#: database as a whole).
Requirement = tuple[tuple[str, ...], str | None, str]

#: The action that stands for all actions on a resource. https://www.mongodb.com/docs/manual/reference/privilege-actions/#internal-actions
ANY_ACTION = "anyAction"

CLUSTER = {"cluster": True}
ANY_RESOURCE = {"anyResource": True}

# A resource as a key: ("cluster",), ("any",), ("buckets", db, collection), or (db, collection), where "" stands for all databases or
# collections.
Key = tuple[str, ...]
_CLUSTER: Key = ("cluster",)
_ANY: Key = ("any",)
# The maximum number of arguments that a user's `Grants` remember. A test suite or an application uses fewer.
_MAX_ALLOWED = 100
# The server's internal databases. Privileges on "all databases" do not include them.
_OWN_DATABASES = ("local", "config")


class _EveryAction(frozenset[str]):
    """A set that contains every action, even an unknown one."""

    def __contains__(self, action: object) -> bool:
        return True


_EVERY_ACTION = _EveryAction([ANY_ACTION])


def is_system_collection(db: str, collection: str) -> bool:
    """Return whether a collection is a system collection.

    A privilege applies to a system collection only if the privilege names that collection explicitly.
    """
    return collection.startswith("system.") or (db == "local" and collection.startswith("replset."))


def resource_key(resource: Mapping[str, Any]) -> Key:
    """Return the hashable lookup key of a valid resource document."""
    if "cluster" in resource:
        return _CLUSTER
    if "anyResource" in resource:
        return _ANY
    if "system_buckets" in resource:
        return ("buckets", resource.get("db", ""), resource["system_buckets"])
    return (resource["db"], resource["collection"])


class Grants(FoundActions):
    """The actions that a user may perform.

    Arguments:
        privileges: the privileges of all roles of the user, as documents `{resource, actions}`.

    Attributes:
        allowed: the arguments of commands that a check has already allowed, so that the check need not run again; see `remember`. A
            change of users or roles creates a new `Grants` object, so no outdated permission remains.

    Threads: all connections of a user share the object. Its caches are dicts and sets, whose operations are atomic under the GIL.
    """

    def __init__(self, privileges: Iterable[Mapping[str, Any]]) -> None:
        super().__init__()
        self._actions: dict[Key, set[str]] = {}
        for privilege in privileges:
            self._actions.setdefault(resource_key(privilege["resource"]), set()).update(privilege["actions"])
        self.cluster_actions = self._union([_ANY, _CLUSTER])
        self.allowed: set[tuple[Any, ...]] = set()

    def remember(self, arguments: tuple[Any, ...]) -> None:
        """Add a command's arguments to `allowed`. If `allowed` is full, clear it first."""
        if len(self.allowed) >= _MAX_ALLOWED:
            self.allowed.clear()
        self.allowed.add(arguments)

    def _union(self, keys: Iterable[Key]) -> frozenset[str]:
        found: set[str] = set()
        for key in keys:
            found |= self._actions.get(key, set())
        return _EVERY_ACTION if ANY_ACTION in found else frozenset(found)

    def look_up(self, db: str, collection: str) -> frozenset[str]:
        """Compute the actions that the user may perform on a collection or a database. `on` caches the result."""
        return self._union(_covering(db, collection))

    def is_on_database(self, db: str) -> bool:
        """Return whether the user may perform any action on a database or on one of its collections."""
        if _ANY in self._actions or (("", "") in self._actions and db not in _OWN_DATABASES):
            return True
        # A privilege on a collection name covers that collection in every database, so it counts as well.
        return any(len(key) == 2 and (key[0] == db or (not key[0] and key[1])) for key in self._actions)

    def is_on_collection(self, db: str, collection: str) -> bool:
        """Return whether the user may perform any action on a collection."""
        return bool(self.on(db, collection))

    def privileges(self) -> list[dict[str, Any]]:
        """Return the privileges as documents, one per resource."""
        return [{"resource": _document(key), "actions": sorted(actions)} for key, actions in self._actions.items()]


def _covering(db: str, collection: str) -> list[Key]:
    """Return the keys of all resources that include a collection or a database."""
    keys = [_ANY, (db, collection)]
    if collection.startswith(BUCKETS):
        name = collection[len(BUCKETS) :]
        return [*keys, ("", collection), *(("buckets", of, each) for of in (db, "") for each in (name, ""))]
    if collection and is_system_collection(db, collection):
        return [*keys, ("", collection)]
    if db not in _OWN_DATABASES:
        keys.append(("", ""))
    if collection:
        keys += [(db, ""), ("", collection)]
    return keys


def _document(key: Key) -> dict[str, Any]:
    if key == _CLUSTER:
        return dict(CLUSTER)
    if key == _ANY:
        return dict(ANY_RESOURCE)
    if len(key) == 3:
        return {"db": key[1], "system_buckets": key[2]} if key[1] else {"system_buckets": key[2]}
    return {"db": key[0], "collection": key[1]}
