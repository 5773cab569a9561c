"""The partitions of `$setWindowFields`, and their sort order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions import Expression
from secantus_server.mql.expressions._nodes import FieldPath
from secantus_server.mql.sort import SortPattern


class SortOrder:
    """The parsed `sortBy` of a `$setWindowFields`.

    Arguments:
        spec: the sort as the user wrote it, or None.
        ctx: the parse context, which contains the collation.

    Raises:
        CommandError: the errors of an invalid sort.
    """

    def __init__(self, spec: dict[str, Any] | None, ctx: ParseContext) -> None:
        self.given = spec is not None
        self.spec = spec or {}
        self.pattern = SortPattern.parse(spec, ctx) if spec else None

    @property
    def is_single(self) -> bool:
        """Return whether the sort has exactly one field."""
        return len(self.spec) == 1

    @property
    def is_ascending(self) -> bool:
        """Return whether the first field is sorted in ascending order."""
        return self.pattern is not None and self.pattern.parts[0][1] == 1

    @property
    def value(self) -> Expression:
        """Return the expression of the sort field. The sort must have exactly one field."""
        assert self.is_single, "the parser checks that there is a single sort field"
        return FieldPath(next(iter(self.spec)))


class Partition:
    """The sorted documents of one partition.

    Arguments:
        documents: the documents.
        order: the sort order of the documents.
        check: a function that is called for each window and raises an error if the operation was interrupted.
    """

    def __init__(self, documents: list[bytes], order: SortOrder, check: Callable[[], None] = lambda: None) -> None:
        self.documents = documents
        self.order = order
        self.check = check

    @cached_property
    def keys(self) -> list[bytes]:
        """Return the sort keys of all documents. Documents with equal sort keys are called peers."""
        assert self.order.pattern is not None, "the parser checks that there is a sort"
        return [self.order.pattern.key(document) for document in self.documents]

    @cached_property
    def positions(self) -> list[Any]:
        """Return the sort values of all documents. The partition must be sorted by a single field."""
        value = self.order.value
        return [value.evaluate(document) for document in self.documents]
