"""The operators `$cond`, `$ifNull` and `$switch`, which evaluate only the selected branch.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/#conditional-expression-operators
"""

from __future__ import annotations

from typing import Any

from secantus_server.bson import type_name
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression, truthy
from secantus_server.mql.expressions.logic._logic import Cond, IfNull, Switch
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import ConstantError, Failing, parse_arguments, parse_expression
from secantus_server.mql.expressions.registry import operator_parser

COND_FIELDS = {"if": 17080, "then": 17081, "else": 17082}


@operator_parser("$cond")
def parse_cond(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$cond: [if, then, else]` or `$cond: {if, then, else}`.

    Raises:
        CommandError: 17080 to 17083 for an error in the document form, 16020 for an error in the array form.
    """
    if type(argument) is dict:
        condition, then, otherwise = _cond_fields(argument, ctx)
    else:
        condition, then, otherwise = parse_arguments("$cond", argument, ctx, 3, 3)
    if isinstance(condition, Constant):
        return then if truthy(condition.value) else otherwise
    return Cond(condition, then, otherwise)


def _cond_fields(argument: dict[str, Any], ctx: ParseContext) -> list[Expression]:
    for name in argument:
        if name not in COND_FIELDS:
            raise CommandError(17083, f"Unrecognized parameter to $cond: {name}")
    for name, code in COND_FIELDS.items():
        if name not in argument:
            raise CommandError(code, f"Missing '{name}' parameter to $cond")
    return [parse_expression(argument[name], ctx) for name in COND_FIELDS]


@operator_parser("$ifNull")
def parse_if_null(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$ifNull` and drop the operands that can never be the result.

    Null constants are dropped, and so are all operands after the first constant that is not null.

    Raises:
        CommandError: 1257300 for fewer than two arguments.
    """
    specs = argument if type(argument) is list else [argument]
    if len(specs) < 2:
        raise CommandError(1257300, f"$ifNull needs at least two arguments, had: {len(specs)}")
    operands = [parse_expression(spec, ctx) for spec in specs]
    kept: list[Expression] = []
    for operand in operands[:-1]:
        if isinstance(operand, Constant) and is_nullish(operand.value):
            continue
        kept.append(operand)
        if operand.is_constant:
            break
    else:
        kept.append(operands[-1])
    return kept[0] if len(kept) == 1 else IfNull(kept)


@operator_parser("$switch")
def parse_switch(argument: Any, ctx: ParseContext) -> Expression:
    """Parse `$switch: {branches: [{case, then}], default}`.

    Raises:
        CommandError: 40060 to 40068 for a malformed argument. 40069 if every case is a false constant and there is no default.
    """
    if type(argument) is not dict:
        raise CommandError(40060, f"$switch requires an object as an argument, found: {type_name(argument)}")
    branches: list[tuple[Expression, Expression]] = []
    for name, value in argument.items():
        if name == "branches":
            branches = _branches(value, ctx)
        elif name != "default":
            raise CommandError(40067, f"$switch found an unknown argument: {name}")
    if not argument.get("branches"):
        raise CommandError(40068, "$switch requires at least one branch.")
    otherwise = parse_expression(argument["default"], ctx) if "default" in argument else None
    if ctx.defers_constant_errors:
        return Switch([case for case, _ in branches], [then for _, then in branches], otherwise)
    return _prune(branches, otherwise)


def _branches(specs: Any, ctx: ParseContext) -> list[tuple[Expression, Expression]]:
    if type(specs) is not list:
        raise CommandError(40061, f"$switch expected an array for 'branches', found: {type_name(specs)}")
    return [_branch(spec, ctx) for spec in specs]


def _branch(spec: Any, ctx: ParseContext) -> tuple[Expression, Expression]:
    if type(spec) is not dict:
        raise CommandError(40062, f"$switch expected each branch to be an object, found: {type_name(spec)}")
    for name in spec:
        if name not in ("case", "then"):
            raise CommandError(40063, f"$switch found an unknown argument to a branch: {name}")
    if "case" not in spec:
        raise CommandError(40064, "$switch requires each branch have a 'case' expression")
    if "then" not in spec:
        raise CommandError(40065, "$switch requires each branch have a 'then' expression.")
    return _parse_lazily(spec["case"], ctx), _parse_lazily(spec["then"], ctx)


def _parse_lazily(spec: Any, ctx: ParseContext) -> Expression:
    try:
        return parse_expression(spec, ctx)
    except ConstantError as error:
        return Failing(error)


def _prune(branches: list[tuple[Expression, Expression]], otherwise: Expression | None) -> Expression:
    """Build the expression of a `$switch` without the branches that can never be selected.

    Dropped are the branches whose case is a false constant, and all branches after a case that is a true constant.
    """
    kept: list[tuple[Expression, Expression]] = []
    for case, then in branches:
        if isinstance(case, Constant) and not truthy(case.value):
            continue
        for expression in (case, then):
            if isinstance(expression, Failing):
                raise expression.error
        if isinstance(case, Constant):
            otherwise = then
            break
        kept.append((case, then))
    if kept:
        return Switch([case for case, _ in kept], [then for _, then in kept], otherwise)
    if otherwise is None:
        raise ConstantError(40069, "One cannot execute a switch statement where all the cases evaluate to false without a default.")
    return otherwise
