"""The MongoDB release that a server imitates: the setting, the flag, the config file, and a change at run time."""

from __future__ import annotations

from pathlib import Path

import pytest
from pymongo import MongoClient, monitoring

from secantus_server import SecantusDBServer
from secantus_server.cli import load_settings
from secantus_server.settings import SettingsError
from tests.waiting import wait_until

MEMORY = {"port": 0, "storage_path": ":memory:", "log_level": "error"}


def test_the_flag_and_the_config_file(tmp_path: Path) -> None:
    file = tmp_path / "secantusdb.toml"
    file.write_text('[server]\ncompat = "9.0"\n')
    assert load_settings([]).compat == "8.2"
    assert load_settings(["--compat", "9.0"]).compat == "9.0"
    assert load_settings(["--config", str(file)]).compat == "9.0"


def test_an_unknown_release() -> None:
    with pytest.raises(SettingsError, match=r"compat must be one of 8\.2, 9\.0, not '8\.3'"):
        SecantusDBServer(**MEMORY, compat="8.3")
    with SecantusDBServer(**MEMORY) as server, pytest.raises(ValueError, match=r"must be one of 8\.2, 9\.0"):
        server.present("8.3")


class Heard(monitoring.ServerListener):
    """A listener that records the wire versions that a client has received, in order."""

    def __init__(self) -> None:
        self.versions: list[int] = []

    def opened(self, event: monitoring.ServerOpeningEvent) -> None: ...

    def closed(self, event: monitoring.ServerClosedEvent) -> None: ...

    def description_changed(self, event: monitoring.ServerDescriptionChangedEvent) -> None:
        self.versions.append(event.new_description.max_wire_version)


def test_waiting_clients_are_told() -> None:
    heard = Heard()
    with SecantusDBServer(**MEMORY) as server, MongoClient(server.uri, event_listeners=[heard], heartbeatFrequencyMS=60_000) as client:
        client.admin.command("ping")
        wait_until(lambda: heard.versions[-1:] == [27], "the client hears of the version")
        server.present("9.0")
        # The heartbeat interval is a minute, but the waiting monitor receives the change immediately.
        wait_until(lambda: heard.versions[-1:] == [29], "the client hears of the new version")
        assert client.server_info()["version"] == "9.0.2"
        server.present("8.2")
        wait_until(lambda: heard.versions[-1:] == [27], "the client hears of the old version")


def test_a_directory_is_that_of_every_release(tmp_path: Path) -> None:
    place = {**MEMORY, "storage_path": str(tmp_path / "data")}
    with SecantusDBServer(**place, compat="9.0") as server, MongoClient(server.uri) as client:
        client.shop.fruit.insert_one({"_id": 1, "a": [1]})
        client.shop.fruit.create_index("a.b")
        assert client.shop.fruit.count_documents({"a.b": None}) == 1
    with SecantusDBServer(**place) as server, MongoClient(server.uri) as client:
        assert client.shop.fruit.count_documents({"a.b": None}) == 0
        assert client.server_info()["version"] == "8.2.4"
