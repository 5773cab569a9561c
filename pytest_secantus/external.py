"""A server that somebody else runs, behind the same interface as ours as far as it goes.

It has no snapshots, so isolation is a database per test, or none. Nothing in it is touched but the databases that the plugin makes.
"""

from __future__ import annotations

from typing import NoReturn


class NoSnapshots(RuntimeError):
    """A snapshot was asked of a server that is not ours."""

    def __init__(self) -> None:
        super().__init__("snapshots need a server of our own: leave out secantus_uri, or use secantus_isolation = namespace")


class ExternalServer:
    """The server at `uri`. Starting and stopping it is not our business."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @property
    def port(self) -> int:
        """The port of the first host in the URI."""
        from pymongo.uri_parser import parse_uri

        port: int = parse_uri(self.uri)["nodelist"][0][1]
        return port

    def start(self) -> None:
        """Do nothing: it runs already."""

    def stop(self) -> None:
        """Do nothing: it is not ours to stop."""

    def snapshot(self) -> NoReturn:
        """Raise NoSnapshots."""
        raise NoSnapshots

    def checkpoint(self) -> NoReturn:
        """Raise NoSnapshots."""
        raise NoSnapshots
