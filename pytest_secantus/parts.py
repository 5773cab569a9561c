"""The parts of a test: the examples of Hypothesis, and the subtests of pytest 9 and unittest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import Any, Final

import pytest

#: The kinds of parts, named as the values of the option `secantus_reset`.
EXAMPLES: Final = "examples"
SUBTESTS: Final = "subtests"

Begin = Callable[[str], None]


@contextmanager
def parts_noticed(item: pytest.Item, begin: Begin) -> Generator[None]:
    """Call `begin` with its kind whenever a part of a test begins, within the block.

    A subtest within another is not a part.
    """
    notice_subtests(item, begin)
    hypothesis: Any = getattr(getattr(item, "obj", None), "hypothesis", None)
    inner = getattr(hypothesis, "inner_test", None)
    if inner is None:
        yield
        return
    hypothesis.inner_test = before_each(inner, begin)
    try:
        yield
    finally:
        hypothesis.inner_test = inner


def notice_subtests(item: pytest.Item, begin: Begin) -> None:
    """Replace what makes subtests on the objects that live only as long as the test: the fixture's value and the test case."""
    for owner, name in ((getattr(item, "funcargs", {}).get("subtests"), "test"), (getattr(item, "instance", None), "subTest")):
        if hasattr(owner, name):
            setattr(owner, name, within_each(getattr(owner, name), begin))


def before_each(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """Return a function that calls `begin` before each call of `function`: an example."""
    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def example(*args: Any, **kwargs: Any) -> Any:
            begin(EXAMPLES)
            return await function(*args, **kwargs)

    else:

        @wraps(function)
        def example(*args: Any, **kwargs: Any) -> Any:
            begin(EXAMPLES)
            return function(*args, **kwargs)

    return example


def within_each(subtest: Callable[..., AbstractContextManager[Any]], begin: Begin) -> Callable[..., AbstractContextManager[Any]]:
    """Return a function that makes subtests and calls `begin` at the beginning of each outermost one."""
    nested = 0

    @wraps(subtest)
    @contextmanager
    def test(*args: Any, **kwargs: Any) -> Generator[Any]:
        nonlocal nested
        if not nested:
            begin(SUBTESTS)
        nested += 1
        try:
            with subtest(*args, **kwargs) as value:
                yield value
        finally:
            nested -= 1

    return test
