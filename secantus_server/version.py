"""The releases of MongoDB that the server can emulate. A release has the behavior changes of all versions up to its own version.

To check for a change, a parser calls the release in its context: `ctx.release.has(differences.NULL_ON_DOTTED_PATHS)`.
"""

from __future__ import annotations

from dataclasses import field

from secantus_server.records import record

#: The versions that introduce differences, in their order.
ORDER = ("8.2", "8.3", "9.0")


@record(frozen=True, eq=False)
class Difference:
    """A change of behavior that a release of MongoDB introduces.

    Arguments:
        name: identifies the difference in tests.
        since: the first version with the new behavior, one of `ORDER`.
        area: the chapter of docs/compatibility.md that describes the difference.
        before: the behavior before that version.
        after: the behavior since that version.
        source: the address of the page on which MongoDB announces the change.
        note: the questions that MongoDB's page leaves open, and this server's interpretation.
        is_refused: whether this server raises error 238 instead of showing the new behavior.
    """

    name: str
    since: str
    area: str
    before: str
    after: str
    source: str
    note: str = ""
    is_refused: bool = False


@record(frozen=True, eq=False)
class Release:
    """A release of MongoDB.

    Arguments:
        name: the value of the setting `compat`, which is also the feature compatibility version.
        version: the complete version.
        max_wire_version: `maxWireVersion` in the replies of hello.
        older: the feature compatibility versions to which the release can be downgraded, oldest first.
    """

    name: str
    version: str
    max_wire_version: int
    older: tuple[str, ...]
    _known: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known", frozenset(ORDER[: ORDER.index(self.name) + 1]))

    @property
    def version_array(self) -> list[int]:
        """Return the version as the array that buildInfo contains."""
        return [*map(int, self.version.split(".")), 0]

    def has(self, difference: Difference) -> bool:
        """Return whether the release includes a behavior change."""
        return difference.since in self._known

    def knows(self, since: str) -> bool:
        """Return whether the release has the features that MongoDB added in a version."""
        return since in self._known


MONGODB_8_2 = Release("8.2", "8.2.4", 27, ("8.0",))
MONGODB_9_0 = Release("9.0", "9.0.2", 29, ("8.0", "8.3"))

#: The releases by the value of the setting `compat`.
RELEASES = {release.name: release for release in (MONGODB_8_2, MONGODB_9_0)}
