"""The client metadata in the first hello of a connection."""

from __future__ import annotations

from typing import Any

import pytest

from tests.net.raw_client import RawClient

DRIVER = {"name": "raw", "version": "1"}
OS = {"type": "Linux"}


def hello(client: RawClient, metadata: Any) -> dict[str, Any]:
    return client.run({"hello": 1, "$db": "admin", "client": metadata})


@pytest.mark.parametrize(
    ("metadata", "code", "part"),
    [
        ({"driver": {**DRIVER, "name": "n" * 500}}, 185, "less then or equal to 512 bytes"),
        ({"application": {"name": "x" * 129}, "driver": DRIVER, "os": OS}, 184, "application.name"),
        ({"driver": DRIVER}, 183, "sub-document 'os'"),
        ({"os": OS}, 183, "sub-document 'driver'"),
        ({"driver": {"name": "n"}, "os": OS}, 183, "field 'driver.version'"),
        ({"driver": {"version": "1"}, "os": OS}, 183, "field 'driver.name'"),
        ({"driver": DRIVER, "os": {}}, 183, "field 'os.type'"),
        ({}, 183, "sub-document 'driver'"),
        ({"driver": DRIVER, "os": 1}, 14, "'os'"),
        ({"driver": {**DRIVER, "name": 1}, "os": OS}, 14, "'driver.name'"),
        ({"application": 1, "driver": DRIVER, "os": OS}, 14, "'application'"),
        ({"application": {"name": 1}, "driver": DRIVER, "os": OS}, 14, "'application.name'"),
        (1, 14, "must be a document"),
    ],
)
def test_client_metadata_is_refused(client: RawClient, metadata: Any, code: int, part: str) -> None:
    reply = hello(client, metadata)
    assert (reply["code"], part in reply["errmsg"]) == (code, True), reply["errmsg"]
    assert client.run({"ping": 1})["ok"] == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"driver": DRIVER, "os": OS},
        {"application": {"name": "x" * 128}, "driver": DRIVER, "os": {**OS, "name": 1}, "platform": 1},
        {"application": {}, "driver": DRIVER, "os": OS},
    ],
)
def test_client_metadata_is_accepted_once(client: RawClient, metadata: Any) -> None:
    assert hello(client, metadata)["ok"] == 1
    assert hello(client, metadata)["code"] == 186
