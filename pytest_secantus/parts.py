"""The parts of a test: the examples of Hypothesis, and the subtests of pytest 9 and unittest."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from types import MethodType
from typing import Any, Final
from unittest import TestCase

import pytest

#: The kinds of parts; the names are the values of the option `secantus_reset`.
EXAMPLES: Final = "examples"
SUBTESTS: Final = "subtests"

Begin = Callable[[str], None]


@contextmanager
def parts_noticed(item: pytest.Item, begin: Begin) -> Generator[None]:
    """Within the block, call `begin` at the start of each part of a test, with the kind of the part.

    A subtest inside another subtest does not count as a part.
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


@contextmanager
def method_noticed(item: pytest.Item, begin: Callable[[], None]) -> Generator[None]:
    """Call `begin` when the method of a unittest class begins. `setUp` has already run by then.

    This needs a separate wrapper, because pytest's test function also contains `setUp`.
    """
    function: Any = item
    instance = getattr(item, "instance", None)
    method = getattr(item, "obj", None)
    if not isinstance(instance, TestCase) or not isinstance(method, MethodType):
        yield
        return
    # This must remain a method: pytest 8 finds the instance through it.
    noticed = MethodType(before_each(method.__func__, lambda _kind: begin()), instance)
    # pytest calls `obj` in place of a synchronous method, but lets unittest call asynchronous ones.
    function.obj = noticed
    setattr(instance, item.name, noticed)
    try:
        yield
    finally:
        function.obj = method
        vars(instance).pop(item.name, None)


def notice_subtests(item: pytest.Item, begin: Begin) -> None:
    """Wrap the functions that create subtests so that they call `begin`.

    The functions are replaced on the fixture's value and on the test case, because both objects exist only during the test.
    """
    for owner, name in ((getattr(item, "funcargs", {}).get("subtests"), "test"), (getattr(item, "instance", None), "subTest")):
        if hasattr(owner, name):
            setattr(owner, name, within_each(getattr(owner, name), begin))


def before_each(function: Callable[..., Any], begin: Begin) -> Callable[..., Any]:
    """Wrap the test function of a Hypothesis test so that `begin` is called before each example."""
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
    """Wrap a function that creates subtests so that `begin` is called at the start of each outermost subtest."""
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
