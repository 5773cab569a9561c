"""The selection and rewriting of commands for the shadow: with the shadow's database names, and without server-specific fields."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from bson.raw_bson import RawBSONDocument

from secantus_server.bson import decode, encode

if TYPE_CHECKING:
    from secantus_server.interceptors.command_tap import TappedCommand

#: The commands that read or write data. No other command is sent, since it could affect the whole server.
READS: Final = frozenset(["find", "aggregate", "count", "distinct", "listCollections", "listIndexes", "getMore"])
WRITES: Final = frozenset(
    """
    insert update delete findAndModify findandmodify bulkWrite create createIndexes drop dropIndexes dropDatabase collMod
    renameCollection convertToCapped
    """.split()
)
ENDS: Final = frozenset(["commitTransaction", "abortTransaction"])
SENT: Final = READS | WRITES | ENDS | {"killCursors"}
#: Commands that run in the database `admin` and contain the names of user databases.
_OF_ADMIN: Final = frozenset(["bulkWrite", "renameCollection", *ENDS])
_SYSTEM: Final = frozenset(["admin", "config", "local"])
# The session, the time, and other fields that the driver adds. The shadow's client adds its own.
_OF_CLIENT: Final = frozenset(
    """
    $db $clusterTime $readPreference lsid txnNumber stmtId stmtIds startTransaction autocommit maxTimeMS readConcern apiVersion apiStrict
    apiDeprecationErrors
    """.split()
)
# If our reply has one of these errors, it depends on timing, on other clients, or on what our server does not support: ExceededTimeLimit,
# NotSupported, interruptions, conflicts with other transactions, and transactions and cursors that a restore has ended.
_OF_THE_MOMENT: Final = {24, 43, 50, 112, 225, 237, 246, 251, 262, 11600, 11601, 11602}
NOT_SUPPORTED: Final = 238
#: First stages that read from the server instead of a collection.
_OF_THE_SERVER: Final = frozenset(
    ["$currentOp", "$collStats", "$indexStats", "$planCacheStats", "$listSessions", "$listLocalSessions", "$queryStats", "$listCatalog"]
)
_RANDOM: Final = (b"\x00$sample", b"\x03$sample", b"$sampleRate\x00", b"$rand\x00")
#: The maximum length of a database name.
_NAME_BYTES: Final = 63


def reason_to_leave_out(entry: TappedCommand, body: dict[str, Any], reply: dict[str, Any]) -> str | None:
    """Return the reason why a command is not sent, as a phrase for a list, or None if it is sent.

    Arguments:
        body, reply: the decoded command and our server's reply.
    """
    if entry.name not in SENT:
        return f"{entry.name} (it does not read or write data)"
    if entry.fate == "refused":
        return "commands refused by a fault, by rights, or because the server was blocked"
    if entry.fate == "retried":
        return "retries of writes that had run before"
    if entry.db in _SYSTEM and entry.name not in _OF_ADMIN:
        return f"commands on the databases {', '.join(sorted(_SYSTEM))}"
    target = body.get("collection") if entry.name == "getMore" else body.get(entry.name)
    if type(target) is str and target.startswith("system."):
        return "commands on system collections"
    code = reply.get("code")
    if code == NOT_SUPPORTED:
        return "commands that Secantus does not support (error 238)"
    if code in _OF_THE_MOMENT:
        return "commands ended by a time limit, a conflict or an interruption"
    return _reason_of_body(entry, body)


def _reason_of_body(entry: TappedCommand, body: dict[str, Any]) -> str | None:
    if entry.name == "aggregate":
        pipeline = body.get("pipeline")
        first = pipeline[0] if type(pipeline) is list and pipeline and type(pipeline[0]) is dict else {}
        if "$changeStream" in first:
            return "change streams"
        if not _OF_THE_SERVER.isdisjoint(first):
            return "aggregations over the server's own figures"
    if entry.name in ("find", "aggregate") and any(word in entry.command for word in _RANDOM):
        return "queries with random results"
    if body.get("tailable"):
        return "tailable cursors"
    if body.get("explain") or ("autocommit" not in body and _field(body.get("readConcern"), "level") == "snapshot"):
        return "explained pipelines and snapshot sessions"
    return "writes without an answer (w: 0)" if _field(body.get("writeConcern"), "w") == 0 else None


def _field(document: Any, name: str) -> Any:
    return document.get(name) if type(document) is dict else None


class Names:
    """Maps database names to names on the shadow that only this process uses.

    Arguments:
        prefix: the prefix of all names on the shadow.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def of(self, db: str) -> str:
        """Return the shadow's name for a database."""
        name = self._prefix + db
        if len(name.encode()) <= _NAME_BYTES:
            return name
        return self._prefix + hashlib.sha256(db.encode()).hexdigest()[:16]

    def of_namespace(self, namespace: Any) -> Any:
        """Return the shadow's name for a namespace. Return any value that is not a namespace unchanged."""
        if type(namespace) is not str or "." not in namespace:
            return namespace
        db, _, collection = namespace.partition(".")
        return f"{self.of(db)}.{collection}"

    def command(self, name: str, command: bytes) -> dict[str, Any]:
        """Return a command in the form in which the shadow's client sends it. Embedded documents retain their original bytes.

        Arguments:
            name: the command's name.
            command: the command's BSON.
        """
        sent = {key: value for key, value in RawBSONDocument(command).items() if key not in _OF_CLIENT}
        if name == "renameCollection":
            sent[name], sent["to"] = self.of_namespace(sent[name]), self.of_namespace(sent.get("to"))
        if name == "bulkWrite" and type(sent.get("nsInfo")) is list:
            sent["nsInfo"] = [{**one, "ns": self.of_namespace(one.get("ns"))} for one in sent["nsInfo"]]
        if name == "aggregate" and type(sent.get("pipeline")) is list and b"\x02db\x00" in command:
            sent["pipeline"] = [self._stage(stage) for stage in sent["pipeline"]]
        return sent

    def _stage(self, stage: Any) -> Any:
        """Return a pipeline stage. If the stage writes to a named database, replace the name with the shadow's."""
        if not isinstance(stage, RawBSONDocument):
            return stage
        plain = decode(bytes(stage.raw))
        target = plain.get("$out") or plain.get("$merge")
        target = target.get("into") if type(target) is dict and "into" in target else target
        if type(target) is dict and type(target.get("db")) is str:
            target["db"] = self.of(target["db"])
            return RawBSONDocument(encode(plain))
        return stage
