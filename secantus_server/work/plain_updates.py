"""Plain updates, which a command runs together: one transaction executes several statements.

A statement is plain if it changes or inserts at most one document, which an equality on a unique index finds, by a replacement or by update
operators whose result depends on nothing but the document. The documents and replies are those that `update_documents` would produce for
one statement after the other. Other clients see the changes of a transaction at once, which MongoDB permits, because a statement's commit
may be delayed. Most of the time of a short update is spent on its transaction, the parse context and the choice of a plan.
"""

from __future__ import annotations

from typing import Any

from bson.timestamp import Timestamp

from secantus_server.bson import key_string
from secantus_server.catalog.collection import Collection
from secantus_server.dispatch.request import Request
from secantus_server.dispatch.unit_of_work import Transaction
from secantus_server.errors import CommandError
from secantus_server.exec._point import find_by_key
from secantus_server.index._index import Index
from secantus_server.mql.context import ParseContext
from secantus_server.mql.update import parse_update
from secantus_server.mql.update.upsert import document_with
from secantus_server.query.canonical import plain_equality
from secantus_server.query.point import executed_lookup, point_index
from secantus_server.storage.errors import concerns_store
from secantus_server.work._brief_work import is_plain
from secantus_server.work.express_update import PLAIN_OPERATORS
from secantus_server.work.prepared_documents import prepared_id
from secantus_server.work.reading import command_context
from secantus_server.work.update_documents import UpdateOutcome
from secantus_server.work.writers import Writer, open_writer

# The maximum number of statements in a transaction. A conflict with another client repeats all of them.
_MOST = 100
# The shared outcomes of statements that insert nothing. Nobody modifies them.
_CHANGED, _UNCHANGED, _UNMATCHED = UpdateOutcome(1, 1), UpdateOutcome(1, 0), UpdateOutcome(0, 0)

Statement = dict[str, Any]


def may_share(request: Request, let: dict[str, Any]) -> bool:
    """Return whether updates of a command may share transactions.

    They may not if something observes single statements, or if an earlier attempt of a retryable write may have executed some of them.
    The profiler observes them, but the command log needs only the sums over them.

    Arguments:
        let: the command's variables.
    """
    services, write = request.services, request.retry
    if request.transaction is not None or let or services.fail_points.active:
        return False
    if request.operation.db in services.observer.profiling.levels or services.index_filters or services.query_settings:
        return False
    return write is None or not (write.executed or request.body.get("stmtIds") is not None)


class PlainUpdates:
    """The plain updates among consecutive statements of a command on one collection.

    Arguments:
        specs: the validated statements.
        offset: the position of the first of them in the command.
    """

    __slots__ = (
        "_bypass_validation", "_error", "_found", "_indexes", "_is_missing", "_name", "_offset", "_outcomes", "_request", "_specs",
        "_start", "_stopped", "_tries",
    )  # fmt: skip

    def __init__(self, request: Request, name: str, specs: list[Statement], offset: int, *, bypass_validation: bool) -> None:
        self._request = request
        self._name = name
        self._specs = specs
        self._offset = offset
        self._bypass_validation = bypass_validation
        # Whether the remaining statements run one at a time, because a transaction of several failed or was empty.
        self._stopped = False

    def run(self, start: int) -> tuple[list[UpdateOutcome], CommandError | None]:
        """Run statements from the one at position `start` on, as long as they are plain.

        Returns:
            the outcomes of the statements that ran, and the error of the next one, or None. Without outcomes and an error, the caller must
            run the statement at `start` itself.

        Raises:
            CommandError: the error of the store, or that of the interrupted operation.
        """
        self._outcomes: list[UpdateOutcome] = []
        self._error: CommandError | None = None
        # How many documents the statements have found by an equality on each path.
        self._found: dict[str, int] = {}
        if self._stopped or not (self._is_plain(start) and self._is_plain(start + 1)):
            return self._outcomes, None
        self._start = start
        self._tries = 0
        self._stopped = True
        self._request.work.write(self._body, self._request.operation.check)
        # After an upsert that creates the collection, the next statements run together.
        self._stopped = not (self._outcomes or self._error or (self._is_missing and self._specs[start]["upsert"]))
        self._count()
        return self._outcomes, self._error

    def _count(self) -> None:
        """Count the index keys and the documents that the statements have examined."""
        operation = self._request.operation
        if operation.notes_lookups:
            # The command's end counts its plans.
            for path, found in self._found.items():
                index = self._indexes[path]
                assert index is not None, "the path of a lookup has an index"
                operation.note_plan(executed_lookup(index, found))
            return
        usage, matched = self._request.client.usage, sum(outcome.matched for outcome in self._outcomes)
        usage.keys += matched
        usage.documents += matched

    def _is_plain(self, position: int) -> bool:
        """Return whether there is a statement at a position that is plain, as far as the statement itself tells."""
        if position >= len(self._specs):
            return False
        spec = self._specs[position]
        update = spec["u"]
        if spec["multi"] or spec["sort"] or spec["hint"] or spec["collation"] or spec["arrayFilters"]:
            return False
        # The error for constants without a pipeline also applies to an empty document.
        if spec["c"] is not None or type(update) is not dict or not plain_equality(spec["q"]):
            return False
        return PLAIN_OPERATORS.issuperset(update) or _is_plain_replacement(update)

    def _body(self, transaction: Transaction) -> None:
        """Run statements in a transaction. If the unit of work repeats it, do nothing, so that the caller runs the statements singly."""
        self._tries += 1
        self._outcomes, self._error, self._found = [], None, {}
        collection = transaction.catalog.find(self._request.db, self._name)
        self._is_missing = collection is None
        if self._tries == 1 and collection is not None and is_plain(collection):
            self._indexes: dict[str, Index | None] = {}
            self._change(transaction, collection)

    def _change(self, transaction: Transaction, collection: Collection) -> None:
        request, unit = self._request, transaction.unit
        check, retry = request.operation.check, request.retry
        context = command_context(request, collection=collection)
        writer = open_writer(request.services, transaction, collection, bypass_validation=self._bypass_validation)
        position, stop = self._start, self._start + _MOST
        first = last = -1
        try:
            while position < stop and self._is_plain(position) and not unit.is_large:
                check()
                # The record of a retryable write covers consecutive statements.
                may_write = retry is None or last < 0 or last == position - 1
                outcome = self._one(collection, writer, self._specs[position], context, may_write)
                if outcome is None:
                    break
                if outcome is not _UNCHANGED and outcome is not _UNMATCHED:
                    if first < 0:
                        first = position
                    last = position
                self._outcomes.append(outcome)
                position += 1
        except CommandError as error:
            if concerns_store(error):
                raise
            self._error = error
        if retry is not None and first >= 0:
            ids = request.statement_id(self._offset + first), request.statement_id(self._offset + last)
            transaction.retried = (retry, ("update", *ids, self._recorded(first, last)))

    def _recorded(self, first: int, last: int) -> list[Any]:
        """Return the result of the statements at the positions `first` to `last`, which have written, for the log of retryable writes."""
        outcomes = self._outcomes[first - self._start : last - self._start + 1]
        if any(outcome is not _CHANGED for outcome in outcomes):
            return [outcome.recorded() for outcome in outcomes]
        return _CHANGED.recorded()

    def _one(self, collection: Collection, writer: Writer, spec: Statement, context: ParseContext, may_write: bool) -> UpdateOutcome | None:
        """Run a statement. Return None without having written anything if it must run alone or in a new transaction."""
        ((path, value),) = spec["q"].items()
        if path not in self._indexes:
            self._indexes[path] = point_index(collection, path)
        index = self._indexes[path]
        if index is None:
            return None
        update = parse_update(spec["u"], context)
        if update.needs_array_index:
            return None
        found = find_by_key(writer.unit, index, key_string(value), collection.ident)
        self._found[path] = self._found.get(path, 0) + (found is not None)
        if found is None:
            if not spec["upsert"]:
                return _UNMATCHED
            return _insert(writer, document_with([(path, value)], update, context)) if may_write else None
        record_id, old = found
        new = update.apply(old)
        if new is old:
            return _UNCHANGED
        if not may_write:
            self._found[path] -= 1
            return None
        writer.update(old, new, record_id, update.entry(old, new))
        return _CHANGED


def _is_plain_replacement(update: dict[str, Any]) -> bool:
    """Return whether an update with a field that is no plain operator is a replacement whose result depends on nothing but the document."""
    return not next(iter(update)).startswith("$") and Timestamp not in map(type, update.values())


def _insert(writer: Writer, document: bytes) -> UpdateOutcome:
    """Insert the document of an upsert, and return the statement's outcome."""
    writer.insert(document)
    # With an `o`, it has an oplog entry of its own, as if the statement ran alone.
    writer.changes[-1] = ("i", document, document)
    return UpdateOutcome(upserted_id=prepared_id(document))
