"""The operators `$regexMatch`, `$regexFind` and `$regexFindAll`.

https://www.mongodb.com/docs/manual/reference/operator/aggregation/regexMatch/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from secantus_server.bson.values import Regex
from secantus_server.errors import CommandError
from secantus_server.mql.context import ParseContext
from secantus_server.mql.expressions._nodes import Constant, Expression
from secantus_server.mql.expressions.named_arguments import Signature
from secantus_server.mql.expressions.nullish import is_nullish
from secantus_server.mql.expressions.parser import call
from secantus_server.mql.expressions.registry import operator_parser
from secantus_server.mql.regex import Pattern, compile_pattern

INVALID_PATTERN = 51091
Answer = Callable[[Pattern | None, "str | None"], Any]


def _matches(pattern: Pattern | None, text: str | None) -> bool:
    return pattern is not None and text is not None and pattern.matches(text)


def _first(pattern: Pattern | None, text: str | None) -> dict[str, Any] | None:
    return None if pattern is None or text is None else pattern.find(text)


def _all(pattern: Pattern | None, text: str | None) -> list[dict[str, Any]]:
    return [] if pattern is None or text is None else pattern.find_all(text)


def _regex_parser(name: str, answer: Answer) -> Callable[[Any, ParseContext], Expression]:
    """Return the parser for an operator that applies a regular expression to a string.

    Arguments:
        name: the operator's name, with its `$`.
        answer: computes the operator's result from the compiled pattern and the string. Either can be None, which represents null.
    """
    signature = Signature(
        not_object=(51103, f"{name} expects an object of named arguments but found: {{found}}"),
        unknown=(31024, f"{name} found an unknown argument: {{name}}"),
        required={
            "input": (31022, f"{name} requires 'input' parameter"),
            "regex": (31023, f"{name} requires 'regex' parameter"),
        },
        optional={"options": None},
    )
    function = partial(_evaluate, name, answer)

    def parse(argument: Any, ctx: ParseContext) -> Expression:
        text, regex, options = signature.parse(argument, ctx)
        if type(regex) is Constant and type(options) is Constant:
            _compile(name, regex.value, options.value)
        return call(function, [text, regex, options])

    return parse


def _evaluate(name: str, answer: Answer, text: Any, regex: Any, options: Any) -> Any:
    pattern = _compile(name, regex, options)
    if type(text) is not str and not is_nullish(text):
        raise CommandError(51104, f"{name} needs 'input' to be of type string")
    return answer(pattern, text if type(text) is str else None)


def _compile(name: str, regex: Any, options: Any) -> Pattern | None:
    """Compile a regular expression from its evaluated pattern and options. Return None for a null pattern.

    Raises:
        CommandError: 51105 to 51111 for an invalid pattern or invalid options.
    """
    pattern, flags = _pattern_and_flags(name, regex, options)
    if pattern is None:
        return None
    if "\0" in pattern:
        raise CommandError(51109, f"{name}: regular expression cannot contain an embedded null byte")
    if "\0" in flags:
        raise CommandError(51110, f"{name}: regular expression options cannot contain an embedded null byte")
    for flag in flags:
        if flag not in "imsxu":
            raise CommandError(51108, f"{name} invalid flag in regex options: {flag}")
    return _compile_checked(name, pattern, flags)


def _pattern_and_flags(name: str, regex: Any, options: Any) -> tuple[str | None, str]:
    if type(regex) is not str and type(regex) is not Regex and not is_nullish(regex):
        raise CommandError(51105, f"{name} needs 'regex' to be of type string or regex")
    if type(options) is not str and not is_nullish(options):
        raise CommandError(51106, f"{name} needs 'options' to be of type string")
    flags = options if type(options) is str else ""
    if type(regex) is not Regex:
        return (regex if type(regex) is str else None), flags
    if regex.options and type(options) is str:
        raise CommandError(51107, f"{name} found regex option(s) specified in both 'regex' and 'option' fields")
    return regex.pattern, regex.options or flags


def _compile_checked(name: str, pattern: str, flags: str) -> Pattern:
    try:
        return compile_pattern(pattern, flags)
    except CommandError as error:
        if error.code != INVALID_PATTERN:
            raise
        raise CommandError(51111, f"Invalid Regex in {name}: {error.message.removeprefix('Regular expression is invalid: ')}") from None


for _name, _answer in (("$regexMatch", _matches), ("$regexFind", _first), ("$regexFindAll", _all)):
    operator_parser(_name)(_regex_parser(_name, _answer))
