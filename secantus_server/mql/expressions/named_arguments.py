"""Parses operator arguments that are documents of named expressions, such as `{input: ..., chars: ...}`.

There are three common mistakes: an argument that is not a document, an unknown name, and a missing name. Each operator passes its own
error codes and texts for them, because MongoDB's differ between operators.
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
    """A description of an operator's named arguments, with the errors for invalid arguments.

    Arguments:
        not_object: the code and text of the error if the argument is not a document. `{found}` in the text is replaced with the
            argument's type.
        unknown: the code and text of the error for an unknown name. `{name}` in the text is replaced with the name.
        required: the required names in the order in which they are checked, each with the code and text of the error if it is missing.
        optional: the optional names with their default values.
    """

    not_object: Complaint
    unknown: Complaint
    required: Mapping[str, Complaint]
    optional: Mapping[str, Any] = field(default_factory=dict)

    def check(self, argument: Any) -> dict[str, Any]:
        """Validate the names in an operator's argument, and return the argument unchanged.

        Raises:
            CommandError: the error of `not_object`, `unknown` or `required`.
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
        """Parse an operator's argument into one expression per name, in the order of `required` and then `optional`.

        The expression for an omitted optional name is a constant with the default value.
        """
        given = self.check(argument)
        found = [parse_expression(given[name], ctx) for name in self.required]
        for name, default in self.optional.items():
            found.append(parse_expression(given[name], ctx) if name in given else Constant(default))
        return found
