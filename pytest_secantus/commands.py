"""The value of the fixture `secantus_commands`: the commands that were sent during a test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, overload

from pytest_secantus.tracebacks import hidden_for
from secantus_server.diagnostics.plurals import counted

if TYPE_CHECKING:
    from secantus_server.work._command_records import CommandRecord

Read = Callable[[], "list[CommandRecord]"]
Names = str | Iterable[str] | None
__tracebackhide__ = hidden_for(ValueError)

#: The number of commands that a failure message shows.
SHOWN = 100


class Commands(Sequence["CommandRecord"]):
    """The commands that have run since a given moment, in the order in which they ended. The sequence grows while commands run.

    Arguments:
        read: returns the commands so far.
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[CommandRecord]:
        return iter(self._read())

    @overload
    def __getitem__(self, index: int) -> CommandRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[CommandRecord]: ...
    def __getitem__(self, index: int | slice) -> CommandRecord | list[CommandRecord]:
        return self._read()[index]

    def __str__(self) -> str:
        """Return the commands in mongosh syntax."""
        return "\n".join(lines_of(self._read()))

    def __repr__(self) -> str:
        return f"<Commands: {len(self)}>"

    def filter(self, name: Names = None, namespace: str | None = None, plan: str | None = None) -> list[CommandRecord]:
        """Return the commands that match all given arguments.

        Arguments:
            name: a command name, or several.
            namespace: `database.collection`.
            plan: the first word of a plan in the plan summary, such as `COLLSCAN`.

        Raises:
            ValueError: a command name is unknown, or the namespace lacks the database.
        """
        check_namespace(namespace)
        return list(select(self._read(), names_of(name), namespace, plan))

    def expect(
        self,
        count: int | None = None,
        *,
        at_least: int | None = None,
        at_most: int | None = None,
        name: Names = None,
        namespace: str | None = None,
    ) -> Expectation:
        """Return a context manager that checks how many commands run within its block. Its value is the log of these commands.

        Arguments:
            count: the exact number of commands.
            at_least, at_most: bounds of the number.
            name: the command name, or several, to count; by default all.
            namespace: the collection whose commands are counted; by default all.

        Raises:
            ValueError: no number is given, a command name is unknown, or the namespace lacks the database.
            AssertionError: a different number of commands ran. Raised at the end of the block; the message lists the commands.
        """
        least, most = bounds(count, at_least, at_most)
        check_namespace(namespace)
        return Expectation(self._read, least, most, names_of(name), namespace)


class Expectation:
    """The context manager that `Commands.expect` returns. `least` and `most` are the bounds; the other arguments are those of `expect`."""

    def __init__(self, read: Read, least: int, most: int | None, names: frozenset[str] | None, namespace: str | None) -> None:
        self._read = read
        self._least = least
        self._most = most
        self._names = names
        self._namespace = namespace
        self._first = 0
        self._end: int | None = None

    def __enter__(self) -> Commands:
        self._first, self._end = len(self._read()), None
        return Commands(self._found)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        __tracebackhide__ = True
        ran = self._ran()
        self._end = self._first + len(ran)
        found = self._found()
        if kind is None and not self._least <= len(found) <= (len(found) if self._most is None else self._most):
            raise AssertionError(describe(found, ran, expectation(self._least, self._most), self._names, self._namespace))

    def _ran(self) -> list[CommandRecord]:
        return self._read()[self._first : self._end]

    def _found(self) -> list[CommandRecord]:
        return list(select(self._ran(), self._names, self._namespace))


def bounds(count: int | None, at_least: int | None, at_most: int | None) -> tuple[int, int | None]:
    """Return the lower and the upper bound of an expectation.

    Raises:
        ValueError: the arguments contradict each other.
    """
    given = [number for number in (count, at_least, at_most) if number is not None]
    if not given or (count is not None and len(given) > 1):
        raise ValueError("expect() takes a number of commands, or at_least, at_most or both")
    if any(type(number) is not int or number < 0 for number in given):
        raise ValueError(f"expect() takes whole numbers from 0 on, not {(given[0] if len(given) == 1 else given)!r}")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ValueError(f"expect() cannot be met: at_least={at_least} is more than at_most={at_most}")
    return (count, count) if count is not None else (at_least or 0, at_most)


def check_namespace(namespace: object) -> None:
    """Check that a namespace names a database and a collection, because a namespace without a database would match no command.

    Raises:
        ValueError: the database or the collection is missing.
    """
    if namespace is not None and (not isinstance(namespace, str) or "." not in namespace.strip(".")):
        raise ValueError(f"a namespace is database.collection, such as shop.orders, not {namespace!r}")


def names_of(name: Names) -> frozenset[str] | None:
    """Validate one or several command names and return them as a set. Return None, which matches all commands, if `name` is None.

    Raises:
        ValueError: a name is unknown.
    """
    if name is None:
        return None
    from secantus_server.commands.all import load_commands
    from secantus_server.dispatch.registry import is_command

    load_commands()
    names = frozenset([name] if isinstance(name, str) else name)
    if not names:
        raise ValueError("name lists no command; leave it out for all commands")
    for one in sorted(names):
        if not is_command(one):
            raise ValueError(f"there is no command {one!r}; names are those of the server, such as find, aggregate, insert, getMore")
    return names


def select(
    records: Iterable[CommandRecord], names: frozenset[str] | None, namespace: str | None = None, plan: str | None = None
) -> Iterator[CommandRecord]:
    """Yield the records that match the names, the namespace and the plan. A criterion that is None matches all records."""
    for record in records:
        if names is not None and record.name not in names:
            continue
        if namespace is not None and record.namespace != namespace:
            continue
        if plan is None or any(one.split(" ", 1)[0] == plan for one in record.plan_summary.split(", ")):
            yield record


def expectation(least: int, most: int | None) -> str:
    """Return a phrase such as "at least 2 commands" for the expected number of commands."""
    if least == most:
        return counted(least, "command")
    if most is None:
        return f"at least {counted(least, 'command')}"
    return f"at most {counted(most, 'command')}" if not least else f"{least:,} to {most:,} commands"


def describe(
    found: list[CommandRecord], ran: list[CommandRecord], expected: str, names: frozenset[str] | None, namespace: str | None
) -> str:
    """Return the error message for an expectation that was not met."""
    which = "".join([f" {' or '.join(sorted(names))}" if names else "", f" on {namespace}" if namespace else ""])
    lines = [f"expected {expected}{f' of{which}' if which else ''}, but {len(found)} ran{':' if found else ''}"]
    lines += [f"  {line}" for line in lines_of(found)]
    if len(ran) > len(found):
        lines += ["", "all commands of the block:", *(f"  {line}" for line in lines_of(ran))]
    return "\n".join(lines)


def lines_of(records: Sequence[CommandRecord], most: int = SHOWN) -> list[str]:
    """Return commands in mongosh syntax, each with a comment. A `use` line precedes commands on a different database.

    Arguments:
        most: the maximum number of commands to show.
    """
    lines: list[str] = []
    database = None
    for record in records[:most]:
        if record.database != database:
            database = record.database
            lines.append(f"use {database}")
        lines.append(f"{record.text}  // {remark(record)}")
    if len(records) > most:
        lines.append(f"// {len(records) - most} more")
    return lines


def remark(record: CommandRecord) -> str:
    """Return the comment on a command: its metrics and its source line."""
    parts = [record.source] if record.source else []
    if record.site is not None and record.site != record.source:
        parts.append(f"by {record.site}")
    if record.plan_summary:
        examined = f"{counted(record.keys_examined, 'key')}, {counted(record.docs_examined, 'document')}"
        parts.append(f"{record.plan_summary}: {examined}, {record.n_returned:,} returned")
    if record.error:
        parts.append(f"failed: {record.error}")
    return ", ".join([*parts, f"{record.duration_ms:.2f} ms"])
