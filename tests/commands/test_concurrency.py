"""Concurrent changes of the catalog and writes: no thread blocks forever, and the data stays consistent."""

from __future__ import annotations

import threading
from collections.abc import Callable

from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

# The errors that a command may get while other threads drop, rename and build indexes.
EXPECTED = {26, 27, 48, 85, 86, 276, 11000}


def test_changes_of_the_catalog_beside_writes(client: MongoClient, db: Database) -> None:
    failures: list[PyMongoError] = []

    def repeat(work: Callable[[int], object]) -> Callable[[], None]:
        def run() -> None:
            for number in range(40):
                try:
                    work(number)
                except PyMongoError as error:
                    if getattr(error, "code", None) not in EXPECTED:
                        failures.append(error)

        return run

    jobs = [
        repeat(lambda number: db.a.insert_many({"x": item} for item in range(number + 1))),
        repeat(lambda number: db.a.update_many({}, {"$set": {"y": [number, 1]}})),
        repeat(lambda number: db.a.create_index("x", name=f"x{number % 2}")),
        repeat(lambda number: db.a.create_index("y")),
        repeat(lambda number: db.a.drop_index(f"x{number % 2}")),
        repeat(lambda number: client.admin.command({"renameCollection": f"{db.name}.a", "to": f"{db.name}.b", "dropTarget": True})),
        repeat(lambda number: db[f"d{number}"].insert_one({"_id": number})),
        repeat(lambda number: db.drop_collection(f"d{number - 1}")),
        repeat(lambda number: db.command({"collMod": "a", "validator": {"z": {"$exists": False}}})),
    ]
    threads = [threading.Thread(target=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "two commands wait for each other"
    assert failures == []
    for name in db.list_collection_names():
        reply = db.command({"validate": name, "full": True})
        assert reply["valid"], reply["errors"]
