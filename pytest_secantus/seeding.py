"""Seeds: initial test data that is read from a source and written into a database.

A source is a file, a directory or a Python callable. Each is read into `Contents`: raw documents, indexes and options by database and
collection. `write` inserts them; `save` writes a directory that is itself a source.

    users.json           Extended JSON: an array of documents for the collection `users`, with users.metadata.json if it exists, or an
                         object of such arrays by collection
    users.jsonl          Extended JSON, one document per line (also .ndjson)
    users.yaml           as .json, in YAML (also .yml; needs PyYAML)
    users.bson           concatenated documents, as mongodump writes them, with users.metadata.json if it exists
    a directory          all such files in it; a subdirectory is a database of that name
    a callable           receives an empty database and fills it; "package.module:function" names one
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import bson
from bson import json_util
from bson.raw_bson import DEFAULT_RAW_BSON_OPTIONS, RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from pytest_secantus import extended_json

Source = Path | Callable[[Database[dict[str, Any]]], object]
Client = MongoClient[dict[str, Any]]

METADATA = ".metadata.json"


class SeedError(Exception):
    """The error for a seed that cannot be found, read or loaded. The message is one sentence that names the seed."""


@dataclass
class CollectionSeed:
    """The seed data of one collection: its documents, indexes and options."""

    documents: list[bytes] = field(default_factory=list)
    indexes: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


#: By database (None is the test's own database), then by collection.
Contents = dict[str | None, dict[str, CollectionSeed]]


def find_source(given: object, directories: Iterable[Path]) -> Source:
    """Resolve a marker's argument: a callable, a path relative to one of `directories`, or ``module:function``.

    Raises:
        SeedError: no such file, directory or callable exists.
    """
    if callable(given):
        return given
    text = str(given)
    for directory in directories:
        if (directory / text).exists():
            return directory / text
    if re.fullmatch(r"[\w.]+:\w+", text):
        return import_callable(text)
    raise SeedError(f"secantus_seed: no file, directory or callable {text!r} exists")


def import_callable(name: str) -> Source:
    """Import ``package.module:function``."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SeedError(f"secantus_seed: {name} cannot be imported: {error}") from error
    if not callable(found):
        raise SeedError(f"secantus_seed: {name} is not callable")
    function: Source = found
    return function


def read_path(path: Path) -> Contents:
    """Read a file, or a directory with all its contents.

    Raises:
        SeedError: a file's content does not match its suffix.
    """
    if not path.is_dir():
        return {None: read_file(path)}
    contents: Contents = {None: {}}
    for entry in sorted(seed_entries(path)):
        if entry.is_dir():
            contents[unquote(entry.name)] = read_path(entry)[None]
        else:
            contents[None].update(read_file(entry))
    return contents


def seed_entries(directory: Path) -> set[Path]:
    """Return the seed files in a directory, except README, hidden files and mongodump's own metadata.

    For a collection's metadata file, the result contains the path of the matching dump, even if the dump does not exist (a view has
    none). Metadata files that belong to a JSON file are left out.
    """
    found = set()
    for entry in directory.iterdir():
        if entry.name.endswith(METADATA):
            if not dump_of(entry).with_suffix(".json").exists():
                found.add(dump_of(entry))
        elif entry.is_dir() or (entry.suffix in READERS and entry.name != "prelude.json"):
            found.add(entry)
    return {entry for entry in found if not entry.name.startswith(".")}


def dump_of(metadata: Path) -> Path:
    """Return the path of the dump to which a metadata file belongs."""
    return metadata.with_name(metadata.name.removesuffix(METADATA) + ".bson")


def read_file(path: Path) -> dict[str, CollectionSeed]:
    """Read a seed file in the format that its suffix names; return its contents by collection."""
    reader = READERS.get(path.suffix)
    if reader is None:
        raise SeedError(f"secantus_seed: the suffix of {path} is not one of {' '.join(READERS)}")
    try:
        return reader(path)
    except (ValueError, TypeError, OverflowError, bson.errors.BSONError) as error:
        raise SeedError(f"secantus_seed: {path} cannot be read: {error}") from error


def read_text(path: Path) -> str:
    """Return the text of a file without a byte order mark."""
    return path.read_text(encoding="utf-8-sig")


def read_json(path: Path) -> dict[str, CollectionSeed]:
    """Read an Extended JSON file, which contains either an array of documents or an object with one array per collection."""
    text = read_text(path)
    if not text.strip():
        raise ValueError("it is empty; write [] for a collection without documents")
    data = extended_json.loads(text)
    if not isinstance(data, list) or not metadata_of(path).exists():
        return by_collection(data, path.stem)
    name = unquote(path.stem)
    (seed,) = by_collection(data, name).values()
    describe_seed(seed, path)
    return {name: seed}


def read_json_lines(path: Path) -> dict[str, CollectionSeed]:
    """Read an Extended JSON file with one document per line; skip empty lines."""
    documents = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        try:
            documents += [extended_json.loads(line)] if line.strip() else []
        except (ValueError, TypeError) as error:
            raise ValueError(f"line {number} of the file: {error}") from error
    return by_collection(documents, path.stem)


def read_yaml(path: Path) -> dict[str, CollectionSeed]:
    """Read a YAML file with the same structure as in `read_json`. Extended JSON keys such as ``$oid`` retain their meaning."""
    try:
        import yaml
    except ImportError as error:
        raise SeedError(f"secantus_seed: reading {path} requires pytest-secantus[yaml]") from error
    try:
        data = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise SeedError(f"secantus_seed: {path} cannot be read: {error}") from error
    return by_collection(from_yaml(data), path.stem)


def from_yaml(value: Any) -> Any:
    """Convert YAML values for BSON: Extended JSON objects become the values that they represent, and dates become datetimes."""
    if isinstance(value, dict):
        return extended_json.object_hook({key: from_yaml(item) for key, item in value.items()})
    if isinstance(value, list):
        return [from_yaml(item) for item in value]
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value


def read_bson(path: Path) -> dict[str, CollectionSeed]:
    """Read the documents of a dump, and the indexes and options of its metadata file. A view has only metadata."""
    documents = bson.decode_all(path.read_bytes(), DEFAULT_RAW_BSON_OPTIONS) if path.exists() else []
    seed = CollectionSeed([bytes(document.raw) for document in documents])
    describe_seed(seed, path)
    return {unquote(path.stem): seed}


def metadata_of(path: Path) -> Path:
    """Return the path of the metadata file that belongs to a file of documents."""
    return path.with_name(path.stem + METADATA)


def describe_seed(seed: CollectionSeed, path: Path) -> None:
    """Add the indexes and options from the metadata file of `path` to a seed, if the file exists."""
    metadata = metadata_of(path)
    described = json_util.loads(read_text(metadata), json_options=extended_json.OPTIONS) if metadata.exists() else {}
    if not isinstance(described, dict):
        raise ValueError(f"{metadata.name} does not contain an object")
    seed.indexes = [index for index in described.get("indexes", []) if index.get("name") != "_id_"]
    seed.options = described.get("options", {})


READERS: dict[str, Callable[[Path], dict[str, CollectionSeed]]] = {
    ".json": read_json,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".bson": read_bson,
}


def by_collection(data: Any, name: str) -> dict[str, CollectionSeed]:
    """Return a file's contents by collection. An array belongs to the collection named after the file."""
    collections = data if isinstance(data, dict) else {name: data}
    for collection, documents in collections.items():
        if not isinstance(documents, list) or not all(isinstance(document, dict) for document in documents):
            raise ValueError(f"{collection!r} is not an array of documents")
    encoded = {name: [extended_json.encode(document) for document in documents] for name, documents in collections.items()}
    return {name: CollectionSeed(documents) for name, documents in encoded.items()}


def run_callable(function: Callable[[Database[dict[str, Any]]], object], scratch: Database[dict[str, Any]]) -> Contents:
    """Let `function` fill an empty database, and return the database's contents.

    Raises:
        SeedError: `function` is a coroutine function, but no event loop is running when seeds are loaded.
    """
    if inspect.iscoroutinefunction(function):
        raise SeedError(f"secantus_seed: {describe(function)} is a coroutine function; use a plain function")
    function(scratch)
    return {None: dict(dump(scratch))}


def dump(database: Database[dict[str, Any]]) -> Iterator[tuple[str, CollectionSeed]]:
    """Yield a database's contents by collection; views come after the collections that they read."""
    described = sorted(database.list_collections(), key=lambda info: info["type"] == "view")
    for info in described:
        if info["name"].startswith("system."):
            continue
        seed = CollectionSeed(options=info["options"])
        if info["type"] != "view":
            collection = database[info["name"]]
            seed.indexes = [dict(index) for index in collection.list_indexes() if index["name"] != "_id_"]
            seed.documents = [bytes(document.raw) for document in collection.with_options(DEFAULT_RAW_BSON_OPTIONS).find()]
        yield info["name"], seed


def save(contents: Contents, directory: Path) -> None:
    """Write contents as a directory that `read_path` can read."""
    for database, collections in contents.items():
        place = directory if database is None else directory / quote(database, safe="")
        place.mkdir(exist_ok=True)
        for name, seed in collections.items():
            stem = quote(name, safe="")
            (place / f"{stem}.bson").write_bytes(b"".join(seed.documents))
            described = json_util.dumps({"indexes": seed.indexes, "options": seed.options}, json_options=json_util.CANONICAL_JSON_OPTIONS)
            (place / f"{stem}{METADATA}").write_text(described, encoding="utf-8")


def write(contents: Contents, client: Client, database: str) -> None:
    """Insert contents into the server. Collections without a database name go into `database`.

    Raises:
        SeedError: the server rejects a document or an index.
    """
    for name, collections in contents.items():
        target = client[name or database]
        # The buckets of a time series are inserted last, because the series must exist before them.
        for collection, seed in sorted(collections.items(), key=lambda item: item[0].startswith("system.buckets.")):
            try:
                write_collection(target, collection, seed)
            except PyMongoError as error:
                raise SeedError(f"secantus_seed: the collection {collection} cannot be loaded: {reason(error)}") from error


def reason(error: PyMongoError) -> str:
    """Return the server's error message without the details that the driver adds. For a bulk write, return the message of the first
    error.
    """
    details = (error.details if isinstance(error, OperationFailure) else None) or {}
    mistakes = details.get("writeErrors") or [details]
    return str(mistakes[0].get("errmsg", error))


def write_collection(database: Database[dict[str, Any]], name: str, seed: CollectionSeed) -> None:
    """Insert the documents and indexes of one collection. Create the collection if it does not exist."""
    if (seed.options or not seed.documents) and name not in database.list_collection_names():
        database.create_collection(name, check_exists=False, **seed.options)
    if seed.documents:
        collection = database.get_collection(name, DEFAULT_RAW_BSON_OPTIONS)
        collection.insert_many([RawBSONDocument(document) for document in seed.documents])
    if seed.indexes:
        specs = [{key: value for key, value in index.items() if key not in {"v", "ns"}} for index in seed.indexes]
        database.command("createIndexes", name, indexes=specs)


def describe(source: Source) -> str:
    """Return a unique name for a source. A name without ``<`` is the same in every process of a run."""
    if isinstance(source, Path):
        return str(source.resolve())
    name = f"{source.__module__}:{getattr(source, '__qualname__', type(source).__qualname__)}"
    return name if is_importable(source) else f"{name} <{id(source)}>"


def is_importable(source: Source) -> bool:
    """Return whether a callable can be imported by its name; lambdas, closures, bound methods and redefined functions cannot."""
    found: object = sys.modules.get(source.__module__)
    for part in getattr(source, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found is source
