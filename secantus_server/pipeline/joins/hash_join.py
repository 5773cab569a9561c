"""The hash join of `$lookup` and `$graphLookup`, used if no index is usable.

The first lookup builds a hash table of the whole collection. The documents that exceed the memory limit are in a temporary file. The keys
are in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from secantus_server.bson import key_string
from secantus_server.exec.document_list import DocumentList
from secantus_server.exec.spilling import Spill
from secantus_server.mql.context import ParseContext
from secantus_server.mql.match import parse_match
from secantus_server.pipeline._paths import JoinPath

NULL_KEY = key_string(None)


class HashJoin:
    """A hash table of a collection's documents, keyed by their values at a path.

    Arguments:
        documents: a function that returns an iterator over the collection.
        path: the path whose values are the keys.
        ctx: the parse context, which contains the collation.
        note: called at the end with the number of the collection's documents and the number of those that were found; None if unwanted.
        spill: the memory limit of the documents and the files, or None if the disk must not be used.
    """

    def __init__(
        self,
        documents: Callable[[], Iterable[bytes]],
        path: str,
        ctx: ParseContext,
        note: Callable[[int, int], None] | None,
        spill: Spill | None,
    ) -> None:
        self.open = documents
        self.path = JoinPath(path, True, ctx.collation)
        self.is_null = parse_match({path: None}, ctx).matches
        self.documents = DocumentList(spill)
        self.table: dict[bytes, list[int]] | None = None
        self.nulls: list[int] | None = None
        self.note = note
        self.used: set[int] = set()

    def find(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the documents that have one of the keys, in collection order.

        Arguments:
            keys: key strings of the values to find; the key of null also matches missing fields.
        """
        if self.table is None:
            self.table = self._build()
        documents = self.documents
        places: Sequence[int]
        if len(keys) == 1:
            places = self._null_places() if keys[0] == NULL_KEY else self.table.get(keys[0], ())
        else:
            found: set[int] = set()
            for key in keys:
                found.update(self._null_places() if key == NULL_KEY else self.table.get(key, ()))
            places = sorted(found)
        if self.note is not None:
            self.used.update(places)
        return [documents[place] for place in places]

    def end(self) -> None:
        """Report what the join has read and found. Call this after the last `find`."""
        if self.note is not None and self.table is not None:
            self.note(len(self.documents), len(self.used))

    def _build(self) -> dict[bytes, list[int]]:
        table: dict[bytes, list[int]] = {}
        for place, document in enumerate(self.open()):
            self.documents.append(document)
            for key in self.path.keys(document):
                table.setdefault(key, []).append(place)
        return table

    def _null_places(self) -> list[int]:
        if self.nulls is None:
            self.nulls = [place for place, document in enumerate(self.documents) if self.is_null(document)]
        return self.nulls
