"""The operators `$regex` and `$options`. https://www.mongodb.com/docs/manual/reference/operator/query/regex/"""

from __future__ import annotations

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.match._nodes import MatchExpression
from secantus_server.mql.match._regex import RegexMatch
from secantus_server.mql.match.registry import Clause, field_operator
from secantus_server.mql.regex import compile_pattern


def regex_match(path: str, pattern: str, options: str) -> RegexMatch:
    """Return the node that matches the values at a path against a regular expression.

    Raises:
        CommandError: 2, 51091 or 51108 for an invalid pattern or options.
    """
    return RegexMatch(path, pattern, options, compile_pattern(pattern, options))


@field_operator("$regex")
def parse_regex(clause: Clause) -> MatchExpression:
    """Parse `$regex`, together with `$options` if it is specified next to `$regex`."""
    argument = clause.argument
    if type(argument) is Regex:
        pattern, options = argument
    elif type(argument) is str:
        pattern, options = argument, ""
    else:
        raise CommandError(2, "$regex has to be a string")
    if "$options" in clause.siblings:
        options = _parse_options(clause, options)
    return regex_match(clause.path, pattern, options)


def _parse_options(clause: Clause, options: str) -> str:
    given = clause.siblings["$options"]
    if type(given) is not str:
        raise CommandError(2, "$options has to be a string")
    if options:
        written_first = list(clause.siblings).index("$options") < list(clause.siblings).index("$regex")
        raise CommandError(51074 if written_first else 51075, "options set in both $regex and $options")
    return given


@field_operator("$options")
def parse_options(clause: Clause) -> MatchExpression | None:
    """Check that `$options` is specified next to `$regex`, whose parser handles the value."""
    if "$regex" not in clause.siblings:
        raise CommandError(2, "$options needs a $regex")
    return None
