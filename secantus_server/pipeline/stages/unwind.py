"""`$unwind`: returns one document for each element of an array.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/unwind/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.exec._checked import CheckedRuns
from secantus_server.pipeline.arguments import check_path
from secantus_server.pipeline.context import PipelineContext
from secantus_server.pipeline.registry import stage
from secantus_server.pipeline.stage import Stage
from secantus_server.pipeline.stages._unwind import Unwinder


class Unwound(Iterator[bytes]):
    """The documents that a `$unwind` returns.

    A `$group` may read `source` instead and unwind the documents itself.

    Arguments:
        source: the documents before the stage.
        unwind: the stage.
    """

    def __init__(self, source: Iterable[bytes], unwind: Unwind) -> None:
        self.source = source
        self.unwind = unwind
        self._documents: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        if self._documents is None:
            unwind = self.unwind
            self._documents = chain.from_iterable(CheckedRuns(map(unwind.unwinder.unwind, self.source), unwind.check))
        return self._documents

    def __next__(self) -> bytes:
        return next(iter(self))


@stage("$unwind")
class Unwind(Stage):
    """A parsed `$unwind`.

    Arguments:
        path: the path of the array, without `$`.
        index_path: the output field for the element's index, or None.
        preserve: whether to return documents that have no elements.
    """

    def __init__(self, path: str, index_path: str | None, preserve: bool) -> None:
        super().__init__()
        self.path = path
        self.index_path = index_path
        self.preserve = preserve
        self.unwinder = Unwinder(path, index_path, preserve)

    @classmethod
    def parse(cls, spec: Any, ctx: PipelineContext) -> Unwind:
        """Parse `{$unwind: "$path"}` or `{$unwind: {path, includeArrayIndex, preserveNullAndEmptyArrays}}`.

        Raises:
            CommandError: 15981, 28808 to 28812, 28818, 28822 for a malformed argument, and the errors of paths.
        """
        if type(spec) is str:
            return cls(_path(spec), None, False)
        if type(spec) is not dict:
            raise CommandError(15981, f"expected either a string or an object as specification for $unwind stage, got {type_name(spec)}")
        for name, value in spec.items():
            _check_option(name, value)
        if not spec.get("path"):
            raise CommandError(28812, "no path specified to $unwind stage")
        index_path = spec.get("includeArrayIndex")
        path = _path(spec["path"])
        if index_path is not None:
            check_path(index_path)
        return cls(path, index_path, spec.get("preserveNullAndEmptyArrays", False))

    def changed_fields(self) -> frozenset[str]:
        """Return the top-level fields of the array and of the element's index."""
        return frozenset(path.partition(".")[0] for path in (self.path, self.index_path) if path is not None)

    def run(self, source: Iterable[bytes]) -> Iterator[bytes]:
        """Return one document for each array element."""
        return Unwound(source, self)

    def explain(self) -> dict[str, Any]:
        """Return the stage in the output format of explain."""
        return {self.name: {"path": self.spec} if type(self.spec) is str else self.spec}


def _check_option(name: str, value: Any) -> None:
    if name == "path":
        if type(value) is not str:
            raise CommandError(28808, f"expected a string as the path for $unwind stage, got {type_name(value)}")
    elif name == "preserveNullAndEmptyArrays":
        if type(value) is not bool:
            raise CommandError(
                28809, f"expected a boolean for the preserveNullAndEmptyArrays option to $unwind stage, got {type_name(value)}"
            )
    elif name == "includeArrayIndex":
        if type(value) is not str or not value:
            raise CommandError(
                28810, f"expected a non-empty string for the includeArrayIndex  option to $unwind stage, got {type_name(value)}"
            )
        if value.startswith("$"):
            raise CommandError(28822, f"includeArrayIndex option to $unwind stage should not be prefixed with a '$': {value}")
    else:
        raise CommandError(28811, f"unrecognized option to $unwind stage: {name}")


def _path(text: str) -> str:
    if not text:
        raise CommandError(28812, "no path specified to $unwind stage")
    if not text.startswith("$"):
        raise CommandError(28818, f"path option to $unwind stage should be prefixed with a '$': {text}")
    if "\0" in text:
        raise CommandError(16419, "field path must not contain embedded null characters")
    check_path(text[1:])
    return text[1:]
