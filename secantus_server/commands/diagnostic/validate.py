"""validate: compares every index entry with the records, and every record with the indexes.

https://www.mongodb.com/docs/manual/reference/command/validate/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from secantus_server.bson import decode, int_value, validate
from secantus_server.bson.conformance import nonconformity
from secantus_server.bson.values import is_number
from secantus_server.catalog.collection import Collection
from secantus_server.differences import VALIDATE_FULL
from secantus_server.dispatch.arguments import truth
from secantus_server.dispatch.names import collection_name
from secantus_server.dispatch.privileges import on_collection
from secantus_server.dispatch.registry import Reply, command
from secantus_server.dispatch.request import Request
from secantus_server.errors import CommandError, not_supported
from secantus_server.exec._point import fetch
from secantus_server.exec._prepare import id_document
from secantus_server.exec._scan import RecordScan
from secantus_server.index._index import Index
from secantus_server.storage import INDEX_ENTRIES, RecoveryUnit, pack_ident
from secantus_server.work.catalog_entries import shown_name
from secantus_server.work.collections import recall
from secantus_server.work.writing import check_not_view

_NOT_WITH_METADATA = ("full", "repair", "background", "fixMultikey", "checkBSONConformance", "enforceFastCount")
# The maximum number of inconsistencies of one kind that the reply describes.
MAX_DESCRIBED = 100


@dataclass
class _IndexReport:
    """The result of validating one index."""

    index: Index
    keys: int = 0
    missing: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Return whether the index entries match the records."""
        return not (self.missing or self.extra or self.errors)


@command("validate", lenient=True, privileges=on_collection("validate"))
def validate_collection(request: Request, _args: dict[str, Any]) -> Reply:
    """Check a collection's documents and indexes."""
    body = request.body
    value = body[request.name]
    name = value if type(value) is str and value.startswith("$") else collection_name("validate", request.db, value)
    _check_options(body)
    recall(request.services, request.db, name)
    with request.work.reading() as transaction:
        collection = transaction.catalog.find(request.db, name)
        if collection is None:
            raise CommandError(26, f"Collection '{request.db}.{name}' does not exist to validate.")
        if collection.is_timeseries:
            collection = transaction.catalog.find(request.db, collection.options["viewOn"]) or collection
        check_not_view(collection)
        shown = shown_name(collection, transaction.catalog, request.services.release)
        return {"ns": f"{request.db}.{shown}", **_CollectionCheck(collection, transaction.unit, request).run()}


def _check_options(body: dict[str, Any]) -> None:
    """Raise an error for contradictory options. The type of an option is not checked."""
    if _on(body, "metadata") and any(_on(body, option) for option in _NOT_WITH_METADATA):
        raise CommandError(72, "Running validate with { metadata: true } cannot be combined with another option")
    if _on(body, "background") and any(_on(body, option) for option in ("full", "repair", "enforceFastCount")):
        raise CommandError(72, "Running validate with { background: true } cannot be combined with full, repair or enforceFastCount")
    if _on(body, "checkBSONConformance") and _on(body, "repair"):
        raise CommandError(72, "Running validate with { checkBSONConformance: true } cannot be combined with repair")
    if _on(body, "repair"):
        raise not_supported("validate with repair", "run validate without it, then drop and recreate the invalid indexes")


def _on(body: dict[str, Any], option: str) -> bool:
    value = body.get(option)
    return truth(value) if is_number(value) else value is not None and value is not False


class _CollectionCheck:
    """Validates one collection within one transaction."""

    def __init__(self, collection: Collection, unit: RecoveryUnit, request: Request) -> None:
        self._collection = collection
        self._unit = unit
        self._check = request.operation.check
        self._metadata_only = _on(request.body, "metadata")
        is_full = _on(request.body, "full") and not request.services.release.has(VALIDATE_FULL)
        self._checks_conformance = is_full or _on(request.body, "checkBSONConformance")
        self._nonconformities: list[str] = []
        self._reports = [_IndexReport(index) for index in collection.indexes]
        self._records = 0
        self._invalid: list[int] = []
        self._errors: list[str] = []

    def run(self) -> Reply:
        """Check every record and every index entry, and return the reply."""
        scan = RecordScan(self._collection.ident, None, self._check)
        scan.attach(self._unit)
        for document in scan:
            self._records += 1
            self._look_at_record(document, scan.record_id)
        scan.close()
        for report in self._reports:
            if report.index.stores_entries:
                self._look_at_entries(report)
        return self._reply()

    def _look_at_record(self, document: bytes, record_id: int) -> None:
        try:
            validate(document)
        except CommandError as error:
            self._invalid.append(record_id)
            self._errors.append(f"the record {record_id} is not valid BSON: {error.message}")
            return
        reason = nonconformity(document) if self._checks_conformance else None
        if reason is not None:
            self._nonconformities.append(f"the record {record_id}: {reason}")
        for report in self._reports:
            index = report.index
            entries, multikey = index.entries(document, record_id)
            report.keys += len(entries)
            if multikey and not index.multikey:
                report.errors.append(f"the index {index.name} is not multikey, but the record {record_id} has an array in its fields")
            for key, value in entries:
                if self._unit.get(INDEX_ENTRIES, key) != value and len(report.missing) < MAX_DESCRIBED:
                    described = {"indexName": index.name, "recordId": record_id, "idKey": decode(id_document(document))}
                    report.missing.append(described)

    def _look_at_entries(self, report: _IndexReport) -> None:
        index = report.index
        found = 0
        cursor = self._unit.scan(INDEX_ENTRIES, pack_ident(index.ident), pack_ident(index.ident + 1))
        for key, value in cursor:
            found += 1
            if found % 1000 == 0:
                self._check()
            record_id = index.owner(key, value)
            document = fetch(self._unit, self._collection.ident, record_id)
            belongs = document is not None and any(key == other for other, _ in index.entries(document, record_id)[0])
            if not belongs and len(report.extra) < MAX_DESCRIBED:
                report.extra.append({"indexName": index.name, "recordId": record_id})
        cursor.close()
        if found != report.keys:
            report.errors.append(f"the index {index.name} has {found} entries, but the records have {report.keys} keys")

    def _reply(self) -> Reply:
        errors = [*self._errors, *(error for report in self._reports for error in report.errors)]
        missing = [entry for report in self._reports for entry in report.missing]
        extra = [entry for report in self._reports for entry in report.extra]
        for entries, kind in ((missing, "missing"), (extra, "extra")):
            if entries:
                errors.append(f"Detected {len(entries)} {kind} index entries.")
        counted = [report for report in self._reports if report.index in self._collection.counted_indexes]
        documents = {
            "nInvalidDocuments": len(self._invalid),
            "nNonCompliantDocuments": len(self._nonconformities),
            "nrecords": int_value(self._records),
        }
        return {
            "uuid": self._collection.uuid,
            **({} if self._metadata_only else documents),
            "nIndexes": len(counted),
            "keysPerIndex": {report.index.name: int_value(report.keys) for report in counted},
            "indexDetails": {report.index.name: {"valid": report.valid, "spec": report.index.spec} for report in counted},
            "corruptRecords": self._invalid,
            "repaired": False,
            "valid": not errors,
            "repairMode": "None",
            "warnings": self._warnings(),
            "errors": errors,
            "extraIndexEntries": extra,
            "missingIndexEntries": missing,
        }

    def _warnings(self) -> list[str]:
        if not self._nonconformities:
            return []
        found = len(self._nonconformities)
        return [f"{found} documents do not conform to the BSON specification. The first is {self._nonconformities[0]}."]
