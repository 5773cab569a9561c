"""The operator `$rename`, which moves the value of one field to another field. A missing source is ignored.

https://www.mongodb.com/docs/manual/reference/operator/update/rename/
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import encode
from secantus_server.bson.values import MISSING
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.describe import describe_element
from secantus_server.mql.update._apply import lookup
from secantus_server.mql.update._nodes import UNCHANGED, Leaf, State
from secantus_server.mql.update._tree import TreeBuilder
from secantus_server.mql.update.operators.unset import remove
from secantus_server.mql.update.paths import altered_id
from secantus_server.mql.update.registry import tree_modifier


class Rename:
    """A parsed `$rename`, which adds two leaves to the update tree: one removes the source, and the other sets the destination.

    `prepare` must be called for each document before the tree is applied.
    """

    def __init__(self, source: str, destination: str) -> None:
        self._source, self._destination = source, destination
        self._source_names = tuple(name.encode("utf-8", "surrogateescape") for name in source.split("."))
        self._destination_names = tuple(name.encode("utf-8", "surrogateescape") for name in destination.split("."))
        self._value: Any = MISSING
        self.removal = Leaf(remove, creates=False, lenient=True)
        self.arrival = Leaf(self._arrive)

    def prepare(self, document: bytes) -> None:
        """Read the source's value from a document. The update tree later sets the destination to this value.

        Raises:
            CommandError: 2 if the source or the destination is inside an array, 28 if the path of the source passes through a value
                without fields, 66 if the `_id` would be overwritten.
        """
        self._value, array = lookup(document, self._source_names)
        self.removal.idle = self.arrival.idle = self._value is MISSING
        if self._value is MISSING:
            self._check_way(document)
            return
        if array is not None:
            raise _in_array("source", self._source, array, document)
        _, array = lookup(document, self._destination_names)
        if array is not None:
            raise _in_array("destination", self._destination, array, document)
        if self._destination_names[0] == b"_id" and lookup(document, (b"_id",))[0] is not MISSING:
            raise altered_id(self._destination)

    def _check_way(self, document: bytes) -> None:
        names = self._source_names
        for length in range(1, len(names)):
            value, _ = lookup(document, names[:length])
            if value is MISSING:
                return
            if type(value) is not dict and not (type(value) is list and names[length].isdigit()):
                field, part = (name.decode("utf-8", "surrogateescape") for name in names[length - 1 : length + 1])
                element = describe_element(field, value)
                raise CommandError(28, f"cannot use the part ({part} of {self._source}) to traverse the element ({{{element}}})")

    def _arrive(self, old: Any, _state: State) -> Any:
        if old is not MISSING and encode({"": old}) == encode({"": self._value}):
            return UNCHANGED
        return self._value


def _in_array(which: str, path: str, array: str, document: bytes) -> CommandError:
    identity, _ = lookup(document, (b"_id",))
    shown = describe_element("_id", identity)
    return CommandError(
        2, f"The {which} field cannot be an array element, '{path}' in doc with {shown} has an array field called '{array}'"
    )


@tree_modifier("$rename")
def enter_rename(builder: TreeBuilder, path: str, argument: Any, _ctx: ParseContext) -> None:
    """Parse `$rename`, and add its two leaves to the update tree.

    Arguments:
        builder: the update tree.
        path: the source.
        argument: the destination.

    Raises:
        CommandError: 2, 56, 52 or 9867600 for an invalid name, 40 for a conflict.
    """
    if type(argument) is not str:
        raise CommandError(2, f"The 'to' field for $rename must be a string: {describe_element(path, argument)}")
    if "\0" in argument:
        raise CommandError(9867600, "The 'to' field for $rename cannot contain an embedded null byte")
    _check_static("source", path)
    _check_static("destination", argument)
    if path == argument:
        raise CommandError(2, f"The source and target field for $rename must differ: {describe_element(path, argument)}")
    rename = Rename(path, argument)
    builder.add(path, rename.removal)
    builder.add(argument, rename.arrival)
    builder.preparations.append(rename)


def _check_static(which: str, path: str) -> None:
    if any(component == "$" or component.startswith("$[") for component in path.split(".")):
        raise CommandError(2, f"The {which} field for $rename may not be dynamic: {path}")
