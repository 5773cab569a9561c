"""getClusterParameter and setClusterParameter."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from tests.failing import code

OFF = {"preAndPostImages": {"expireAfterSeconds": "off"}}


def test_the_expiry_of_images_is_set_and_shown(db: Database[Any]) -> None:
    admin = db.client.admin
    assert admin.command("getClusterParameter", "changeStreamOptions")["clusterParameters"] == [{"_id": "changeStreamOptions", **OFF}]
    try:
        admin.command("setClusterParameter", {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 100}}})
        [shown] = admin.command("getClusterParameter", ["changeStreamOptions"])["clusterParameters"]
        assert shown["preAndPostImages"] == {"expireAfterSeconds": 100}
    finally:
        admin.command("setClusterParameter", {"changeStreamOptions": OFF})
    assert len(admin.command("getClusterParameter", "*")["clusterParameters"]) > 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ({"getClusterParameter": ["*"]}, 4),
        ({"getClusterParameter": []}, 2),
        ({"getClusterParameter": 1}, 14),
        ({"setClusterParameter": {"unknown": {}}}, 4),
        ({"setClusterParameter": {"changeStreamOptions": 1}}, 14),
        ({"setClusterParameter": {"changeStreamOptions": {"other": 1}}}, 40415),
        ({"setClusterParameter": {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": 0}}}}, 2),
        ({"setClusterParameter": {"changeStreamOptions": {"preAndPostImages": {"expireAfterSeconds": "on"}}}}, 2),
        ({"setClusterParameter": {"defaultMaxTimeMS": {"readOperations": 5}}}, 238),
    ],
)
def test_what_is_refused(db: Database[Any], command: dict[str, Any], expected: int) -> None:
    assert code(db.client.admin, command) == expected
