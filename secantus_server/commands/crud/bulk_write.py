"""bulkWrite: inserts, updates and deletes on several collections in one command.

https://www.mongodb.com/docs/manual/reference/command/bulkWrite/
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

from secantus_server.auth.privileges import Grants
from secantus_server.bson import encode
from secantus_server.bson.values import MISSING
from secantus_server.commands.crud.bulk_write_ops import BulkOperation, parse_operations, parse_targets
from secantus_server.dispatch import arguments as a
from secantus_server.dispatch.privileges import Authorized, includes, named, on_cluster
from secantus_server.dispatch.raw_data import ACTION, FIELD
from secantus_server.dispatch.registry import InTransaction, Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.session_statements import ends_transaction
from secantus_server.errors import CommandError
from secantus_server.work.delete_documents import run_delete
from secantus_server.work.insert_documents import insert_documents
from secantus_server.work.plain_updates import PlainUpdates, may_share
from secantus_server.work.reading import list_reply
from secantus_server.work.update_documents import UpdateOutcome, run_update
from secantus_server.work.writing import encrypted_write, finish_write, statements, stops_at_error

_TOTALS = ("nErrors", "nInserted", "nMatched", "nModified", "nUpserted", "nDeleted")

_CURSOR = a.Arguments("bulkWrite.cursor", {"batchSize": a.number(None, minimum=0)}, generic=False)


# The action that each kind of operation requires.
_ACTIONS = {"insert": "insert", "update": "update", "delete": "remove"}
_INDEX = a.integer()
_ALL_ACTIONS = tuple(_ACTIONS.values())


# The maximum size of an `nsInfo` whose check is remembered. It bounds the memory that a user can make the server keep.
_MAX_REMEMBERED_BYTES = 1000


def _may_write(call: Authorized, grants: Grants) -> bool:
    """Return whether the user may perform each operation of the command on its collection."""
    body = call.body
    options: tuple[str, ...] = ("bypassDocumentValidation",) if body.get("bypassDocumentValidation") else ()
    if body.get(FIELD):
        options = (*options, ACTION)
    sent = call.message.sequences.get("nsInfo")
    key = None if sent is None else (options, *sent)
    if key is not None and key in grants.allowed:
        return True
    found: list[frozenset[str]] = []
    lacks_any = False
    for entry in named(call, "nsInfo"):
        namespace = entry.get("ns")
        db, _, name = namespace.partition(".") if type(namespace) is str else ("", "", "")
        actions = grants.on(db, name)
        if options and not includes(actions, options):
            return False
        found.append(actions)
        lacks_any = lacks_any or not includes(actions, _ALL_ACTIONS)
    # Most users lack no action, and the operations then need not be examined.
    if lacks_any:
        return all(_may_run(operation, found) for operation in named(call, "ops"))
    if sent is not None and key is not None and sum(map(len, sent)) <= _MAX_REMEMBERED_BYTES:
        grants.remember(key)
    return True


def _may_run(operation: dict[str, Any], found: list[frozenset[str]]) -> bool:
    """Return whether the user has the actions that an operation requires. `found` contains the user's actions on each namespace.

    Return True for an invalid operation, for which the parser raises an error later.
    """
    kind = next(iter(operation), "")
    if kind not in _ACTIONS:
        return True
    try:
        # The conversion of the parser, for which -0.5 and NaN are 0, too.
        index = _INDEX(kind, operation[kind])
    except CommandError:
        return True
    if not 0 <= index < len(found):
        return True
    actions = found[index]
    return _ACTIONS[kind] in actions and (kind != "update" or not operation.get("upsert") or "insert" in actions)


@command(
    "bulkWrite",
    {
        "ops": a.documents(),
        "nsInfo": a.documents(),
        "ordered": a.strict_boolean(True),
        "errorsOnly": a.strict_boolean(),
        "bypassDocumentValidation": a.boolean(),
        "let": a.document({}),
        "cursor": a.document({}),
        "bypassEmptyTsReplacement": a.boolean(),
    },
    admin_only=True,
    in_api_v1=True,
    is_write=True,
    is_retryable=True,
    in_transaction=InTransaction.YES,
    privileges=on_cluster(by_arguments=("insert", "update", "remove", "bypassDocumentValidation"), check=_may_write),
)
def bulk_write(request: Request, args: dict[str, Any]) -> Reply:
    """Run inserts, updates and deletes in one command."""
    batch_size = _CURSOR.parse(args["cursor"])["batchSize"]
    targets = parse_targets(request, statements(request, "nsInfo", args["nsInfo"], may_be_empty=True))
    operations = parse_operations(statements(request, "ops", args["ops"]), targets)
    bulk = _Bulk(request, args)
    try:
        bulk.run(operations)
    finally:
        bulk.count()
    results = [result for result in bulk.results if not (args["errorsOnly"] and result["ok"])]
    reply = list_reply(request, "admin.$cmd.bulkWrite", [encode(result) for result in results], batch_size)
    reply.update({name: bulk.totals[name] for name in _TOTALS})
    return finish_write(request, reply, [], silent=False)


def _update_spec(operation: BulkOperation) -> dict[str, Any]:
    """Return an update operation as a statement of the command update."""
    args = operation.args
    return {**args, "q": args["filter"], "u": args["updateMods"], "c": args["constants"]}


class _Bulk:
    """A running bulkWrite, with the results of its finished operations."""

    def __init__(self, request: Request, args: dict[str, Any]) -> None:
        self._request = request
        self._ordered = stops_at_error(request, args["ordered"])
        self._bypass: bool = args["bypassDocumentValidation"]
        self._let: dict[str, Any] = args["let"]
        self.results: list[dict[str, Any]] = []
        self.totals: Counter[str] = Counter()

    def run(self, operations: list[BulkOperation]) -> None:
        """Run the operations and count each operation in `opcounters`. Consecutive inserts into the same collection share transactions."""
        counts = self._request.client.usage.counts
        for (kind, _), group in groupby(operations, key=lambda operation: (operation.kind, id(operation.target))):
            if self._stopped:
                return
            if kind == "insert":
                documents = list(group)
                counts[kind] += len(documents)
                self._insert(documents)
                continue
            operations_of_kind = list(group)
            together = self._plain_updates(operations_of_kind) if kind == "update" else None
            position = 0
            while position < len(operations_of_kind) and not self._stopped:
                ran = 0 if together is None else self._several(together, operations_of_kind, position)
                if not ran:
                    self._one(operations_of_kind[position])
                    ran = 1
                counts[kind] += ran
                position += ran

    def count(self) -> None:
        """Add the numbers of inserted, updated and deleted documents to the server's counters."""
        usage = self._request.client.usage
        usage.inserted += self.totals["nInserted"] + self.totals["nUpserted"]
        usage.updated += self.totals["nMatched"]
        usage.deleted += self.totals["nDeleted"]

    @property
    def _stopped(self) -> bool:
        return self._ordered and self.totals["nErrors"] > 0

    def _insert(self, operations: list[BulkOperation]) -> None:
        target = operations[0].target
        documents = [encode(operation.args["document"]) for operation in operations]
        try:
            target.check()
            target.request.statement = operations[0].index
            insert = insert_documents if target.encryption is None else encrypted_write("insert_encrypted", target.encryption)
            _, errors = insert(target.request, target.name, documents, ordered=self._ordered, bypass_validation=self._bypass)
        except CommandError as error:
            self._check_fatal(error)
            for operation in operations[:1] if self._ordered else operations:
                self._refused(operation, error)
            return
        failed = {failure.pop("index"): failure for failure in errors}
        for index, operation in enumerate(operations):
            if index not in failed:
                self._done(operation, 1, nInserted=1)
                continue
            failure = failed[index]
            self._failed(operation, failure.pop("code"), failure.pop("errmsg"), failure)
            if self._ordered:
                return

    def _plain_updates(self, operations: list[BulkOperation]) -> PlainUpdates | None:
        """Return the plain updates among consecutive updates of a collection. Return None if each update must run on its own."""
        target = operations[0].target
        if len(operations) == 1 or target.encryption is not None or target.uuid is not None or not may_share(target.request, self._let):
            return None
        specs = [_update_spec(operation) for operation in operations]
        return PlainUpdates(target.request, target.name, specs, operations[0].index, bypass_validation=self._bypass)

    def _several(self, together: PlainUpdates, operations: list[BulkOperation], position: int) -> int:
        """Run plain updates from the one at a position on. Return how many ran or failed, which may be 0."""
        try:
            outcomes, error = together.run(position)
        except CommandError as failure:
            outcomes, error = [], failure
        for operation, outcome in zip(operations[position:], outcomes, strict=False):
            self._updated(operation, outcome)
        count = len(outcomes)
        if error is not None:
            self._check_fatal(error)
            self._refused(operations[position + count], error)
            count += 1
        return count

    def _one(self, operation: BulkOperation) -> None:
        run = self._update if operation.kind == "update" else self._delete
        operation.target.request.statement = operation.index
        try:
            operation.target.check()
            run(operation)
        except CommandError as error:
            self._check_fatal(error)
            self._refused(operation, error)

    def _update(self, operation: BulkOperation) -> None:
        request, name = operation.target.request, operation.target.name
        request.forget_cluster_time()
        run = run_update if operation.target.encryption is None else encrypted_write("update_encrypted", operation.target.encryption)
        self._updated(operation, run(request, name, _update_spec(operation), self._let, bypass_validation=self._bypass))

    def _updated(self, operation: BulkOperation, outcome: UpdateOutcome) -> None:
        if outcome.upserted_id is MISSING:
            self._done(operation, outcome.matched, nMatched=outcome.matched, nModified=outcome.modified)
            self.results[-1]["nModified"] = outcome.modified
        else:
            self._done(operation, 1, nUpserted=1)
            self.results[-1].update(nModified=0, upserted={"_id": outcome.upserted_id})

    def _delete(self, operation: BulkOperation) -> None:
        request, name, args = operation.target.request, operation.target.name, operation.args
        spec = {**args, "q": args["filter"], "limit": 0 if args["multi"] else 1}
        run = run_delete if operation.target.encryption is None else encrypted_write("delete_encrypted", operation.target.encryption)
        deleted = run(request, name, spec, self._let)
        self._done(operation, deleted, nDeleted=deleted)

    def _check_fatal(self, error: CommandError) -> None:
        """Raise the error if it terminates the whole command.

        Such an error means that the command was killed or exceeded its time limit, that its transaction failed, or that the store has
        stopped.

        Raises:
            CommandError: the given error, if it terminates the whole command.
        """
        if self._request.operation.is_ended_by(error) or ends_transaction(self._request, error):
            raise error

    def _done(self, operation: BulkOperation, n: int, **totals: int) -> None:
        self.results.append({"ok": 1.0, "idx": operation.index, "n": n})
        self.totals.update(totals)

    def _refused(self, operation: BulkOperation, error: CommandError) -> None:
        shown = error.of(self._request.services.release)
        self._failed(operation, shown.code, shown.message, shown.info)

    def _failed(self, operation: BulkOperation, code: int, message: str, info: dict[str, Any]) -> None:
        result: dict[str, Any] = {"ok": 0.0, "idx": operation.index, "code": code, "errmsg": message, **info, "n": 0}
        if operation.kind == "update":
            result["nModified"] = 0
        self.results.append(result)
        self.totals["nErrors"] += 1
