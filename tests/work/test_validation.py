"""Validators: levels, actions, and `$$NOW`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from pymongo.database import Database
from pymongo.errors import WriteError

POSITIVE = {"n": {"$gt": 0}}


def test_the_error_says_why(db: Database[dict[str, Any]]) -> None:
    db.create_collection("c", validator={"$jsonSchema": {"required": ["n"]}})
    with pytest.raises(WriteError) as caught:
        db.c.insert_one({"_id": 1})
    assert caught.value.details is not None
    missing = {"operatorName": "required", "specifiedAs": {"required": ["n"]}, "missingProperties": ["n"]}
    assert caught.value.details["errInfo"] == {
        "failingDocumentId": 1,
        "details": {"operatorName": "$jsonSchema", "schemaRulesNotSatisfied": [missing]},
    }


def refused(error: pytest.ExceptionInfo[WriteError]) -> bool:
    return error.value.code == 121 and error.value.details is not None and "failingDocumentId" in error.value.details["errInfo"]


def test_what_does_not_fit_is_refused(db: Database[dict[str, Any]]) -> None:
    db.create_collection("c", validator=POSITIVE)
    db.c.insert_one({"_id": 1, "n": 1})
    for write in (
        lambda: db.c.insert_one({"_id": 2, "n": 0}),
        lambda: db.c.update_one({"_id": 1}, {"$set": {"n": -1}}),
        lambda: db.c.replace_one({"_id": 1}, {}),
        lambda: db.c.update_one({"_id": 3}, {"$set": {"n": -1}}, upsert=True),
    ):
        with pytest.raises(WriteError) as caught:
            write()
        assert refused(caught)
    assert list(db.c.find()) == [{"_id": 1, "n": 1}]


@pytest.mark.parametrize(
    ("level", "action", "stays"), [("strict", "error", 1), ("moderate", "error", 2), ("off", "error", 2), ("strict", "warn", 2)]
)
def test_an_older_document_that_does_not_fit(db: Database[dict[str, Any]], level: str, action: str, stays: int) -> None:
    db.c.insert_one({"_id": 1, "n": -1, "v": 1})
    db.command("collMod", "c", validator=POSITIVE, validationLevel=level, validationAction=action)
    if stays == 1:
        with pytest.raises(WriteError) as caught:
            db.c.update_one({"_id": 1}, {"$set": {"v": 2}})
        assert refused(caught)
    else:
        db.c.update_one({"_id": 1}, {"$set": {"v": 2}})
    assert db.c.find_one({"_id": 1}) == {"_id": 1, "n": -1, "v": stays}


def test_it_can_be_bypassed(db: Database[dict[str, Any]]) -> None:
    db.create_collection("c", validator=POSITIVE)
    db.c.insert_one({"_id": 1, "n": -1}, bypass_document_validation=True)
    assert db.c.count_documents({}) == 1


def test_now_is_the_time_of_the_write(db: Database[dict[str, Any]]) -> None:
    db.create_collection("c", validator={"$expr": {"$lt": ["$d", "$$NOW"]}})
    now = datetime.now(timezone.utc)
    db.c.insert_one({"_id": 1, "d": now - timedelta(days=1)})
    with pytest.raises(WriteError) as caught:
        db.c.insert_one({"_id": 2, "d": now + timedelta(days=1)})
    assert refused(caught)
