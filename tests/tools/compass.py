"""The commands of Compass, recorded from its data layer by `compass_record.cjs`. They are replayed and checked without Node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bson import json_util
from pymongo import MongoClient
from pymongo.errors import OperationFailure

RECORDED: Final = Path(__file__).with_name("compass.jsonl")

#: Parts of the commands that MongoDB 8.2 refuses as well, with the error codes: probes for other products, search without mongot, and
#: `killOp`, which the data layer sends without its field `op`.
REFUSED: Final = {
    '"getParameter": "foo"': 72,
    '"atlasVersion"': 59,
    '"$listSearchIndexes"': 31082,
    '"killOp"': 4,
}
Reply = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One command. `action` is the user's action, such as opening a tab or a change."""

    action: str
    database: str
    command: dict[str, Any]
    transaction: bool

    @property
    def text(self) -> str:
        """The command as JSON."""
        return json_util.dumps(self.command)


def recorded() -> list[Step]:
    """Return the recorded commands in their order."""
    lines = [json_util.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
    return [Step(line["action"], line["db"], line["command"], line["transaction"]) for line in lines]


def replay(client: MongoClient[dict[str, Any]]) -> Iterator[tuple[Step, Reply]]:
    """Send the commands. Yield each with its reply or error. Check that exactly the commands that MongoDB refuses are refused."""
    with client.start_session() as session:
        for step in recorded():
            expected = next((code for part, code in REFUSED.items() if part in step.text), None)
            if step.transaction and not session.in_transaction:
                session.start_transaction()
            if "abortTransaction" in step.command:
                session.abort_transaction()
                continue
            try:
                reply = client[step.database].command(step.command, session=session if step.transaction else None)
            except OperationFailure as error:
                assert error.code == expected, f"{step.text}: {error}"
                yield step, dict(error.details or {})
            else:
                assert expected is None, f"{step.text} succeeds"
                yield step, reply


def batch(reply: Reply) -> list[dict[str, Any]]:
    """Return the documents of a reply with a cursor."""
    documents: list[dict[str, Any]] = reply["cursor"]["firstBatch"]
    return documents


def _storage(reply: Reply) -> bool:
    (only,) = batch(reply)
    return only["count"] == 4 and only["capped"] is False


#: What a reply must contain, by the action and a part of the command.
CHECKS: Final[dict[tuple[str, str], Callable[[Reply], bool]]] = {
    ("sidebar", '"connectionStatus"'): lambda reply: "authenticatedUserPrivileges" in reply["authInfo"],
    ("sidebar", '"hostInfo"'): lambda reply: {"cpuArch", "numCores"} <= reply["system"].keys(),
    ("sidebar", '"buildInfo"'): lambda reply: reply["version"].startswith("8.2") and reply["modules"] == [],
    ("sidebar", '"featureCompatibilityVersion"'): lambda reply: reply["featureCompatibilityVersion"]["version"] == "8.2",
    ("sidebar", '"listDatabases"'): lambda reply: "compass_shop" in {one["name"] for one in reply["databases"]},
    ("sidebar", '"dbStats"'): lambda reply: (reply["collections"], reply["views"]) in {(3, 1), (2, 1)},
    ("sidebar", '"filter": {}'): lambda reply: {one["type"] for one in batch(reply)} == {"collection", "view"},
    ("sidebar", '"$collStats"'): _storage,
    ("documents", '"skip": 0'): lambda reply: [one["_id"] for one in batch(reply)] == [1, 2, 3, 4],
    ("documents", '"collation"'): lambda reply: batch(reply) == [{"_id": 3, "name": "f3"}, {"_id": 2, "name": "f2"}],
    ("documents", '"hint"'): lambda reply: batch(reply) == [{"_id": 1, "n": 3}],
    ("documents", '"count"'): lambda reply: reply["n"] == 4,
    ("edit", '"$unset"'): lambda reply: reply["value"] == {"_id": 5, "price": 6},
    ("edit", '"name": "new"'): lambda reply: reply["value"] == {"_id": 5, "name": "new"},
    ("edit", '"delete"'): lambda reply: reply["n"] == 1,
    ("bulk update and delete", '"$in"'): lambda reply: (
        reply["nModified"] == 2 if "nModified" in reply else all(one["dear"] for one in batch(reply))
    ),
    ("schema", '"size": 1000'): lambda reply: len(batch(reply)) == 4,
    ("schema", '"size": 2'): lambda reply: all(one.keys() == {"_id", "name"} for one in batch(reply)),
    ("explain", '"allPlansExecution"'): lambda reply: reply["executionStats"]["nReturned"] == 3,
    ("explain", '"queryPlanner"'): lambda reply: reply["queryPlanner"]["winningPlan"]["stage"] == "COLLSCAN",
    ("explain", '"executionStats"'): lambda reply: reply["ok"] == 1,
    ("aggregations", '"$group": {"_id": "$dear"'): lambda reply: batch(reply) == [{"_id": None, "n": 2}, {"_id": True, "n": 2}],
    ("aggregations", '"$count"'): lambda reply: batch(reply) == [{"count": 4}],
    ("indexes", '"$indexStats"'): lambda reply: {one["name"] for one in batch(reply)} >= {"_id_", "by_price", "name_1", "tags.$**_1"},
    ("indexes", '"indexSizes"'): lambda reply: bool(batch(reply)),
    ("indexes", '"hidden"'): lambda reply: (reply["hidden_old"], reply["hidden_new"]) == (False, True),
    ("validation", '"listCollections"'): lambda reply: batch(reply)[0]["options"]["validationAction"] == "warn",
    ("validation", '"$nor"'): lambda reply: batch(reply) == [],
    ("performance", '"serverStatus"'): lambda reply: {"opcounters", "network", "globalLock", "mem", "connections"} <= reply.keys(),
    ("performance", '"top"'): lambda reply: "compass_shop.fruit" in reply["totals"],
    ("performance", '"$currentOp"'): lambda reply: any("$currentOp" in json_util.dumps(one.get("command")) for one in batch(reply)),
    ("drop", '"dropDatabase"'): lambda reply: reply["ok"] == 1,
}


def run(client: MongoClient[dict[str, Any]]) -> list[str]:
    """Replay the commands and check the replies; return the actions."""
    client.drop_database("compass_shop")
    used, actions = set(), {}
    for step, reply in replay(client):
        actions[step.action] = None
        for (action, part), holds in CHECKS.items():
            if action == step.action and part in step.text:
                used.add((action, part))
                assert holds(reply), f"{step.action}: {step.text}: {json.dumps(reply, default=str)[:1000]}"
    assert used == CHECKS.keys(), f"checked nothing: {CHECKS.keys() - used}"
    return list(actions)
