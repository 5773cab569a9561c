"""Parsing of operators whose argument is a document of named expressions, `{input: ..., chars: ...}`.

Every operator complains in its own words, so each gives its code and text for the three mistakes that all have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.parser import parse_expression

Complaint = tuple[int, str]


@dataclass(frozen=True)
class Signature:
    """The names an operator takes.

    Arguments:
        not_object: code and text for an argument that is no document; `{found}` stands for its type.
        unknown: code and text for a name that is not taken; `{name}` stands for it.
        required: the names that must be there, in the order they are looked for, each with the complaint about its absence.
        optional: the other names and the value each has when it is left out.
    """

    not_object: Complaint
    unknown: Complaint
    required: Mapping[str, Complaint]
    optional: Mapping[str, Any] = field(default_factory=dict)

    def check(self, argument: Any) -> dict[str, Any]:
        """The argument, once it is known to have the right names.

        Raises:
            CommandError: with the operator's own code for each of the three mistakes.
        """
        if type(argument) is not dict:
            code, text = self.not_object
            raise CommandError(code, text.format(found=type_name(argument)))
        for name in argument:
            if name not in self.required and name not in self.optional:
                code, text = self.unknown
                raise CommandError(code, text.format(name=name))
        for name, (code, text) in self.required.items():
            if name not in argument:
                raise CommandError(code, text)
        return argument

    def parse(self, argument: Any, ctx: ParseContext) -> list[Expression]:
        """The expressions of all names, the required ones first; one that is left out is its default as a constant."""
        given = self.check(argument)
        found = [parse_expression(given[name], ctx) for name in self.required]
        for name, default in self.optional.items():
            found.append(parse_expression(given[name], ctx) if name in given else Constant(default))
        return found
