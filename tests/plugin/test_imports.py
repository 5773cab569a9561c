"""Actions that run once a package has been imported, and imports that signals do not interrupt."""

from __future__ import annotations

import gc
import importlib
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_secantus.imports import collections_held, rewriting_paused, signals_held, when_imported, with_stack


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package that no test has imported."""
    name = f"package_{tmp_path.name}".replace("-", "_")
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("READY = True")
    (tmp_path / name / "inner.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_it_happens_when_the_package_has_been_imported(package: str) -> None:
    seen: list[bool] = []
    with when_imported(package, lambda: seen.append(sys.modules[package].READY)):
        assert seen == []
        importlib.import_module(f"{package}.inner")
        assert seen == [True]
        importlib.import_module(package)
    assert seen == [True]


def test_it_happens_at_once_if_the_package_is_there(package: str) -> None:
    importlib.import_module(package)
    seen: list[int] = []
    with when_imported(package, lambda: seen.append(1)):
        assert seen == [1]


def test_it_does_not_happen_after_the_block(package: str) -> None:
    seen: list[int] = []
    before = list(sys.meta_path)
    with when_imported(package, lambda: seen.append(1)):
        assert sys.meta_path != before
    importlib.import_module(package)
    assert (seen, sys.meta_path) == ([], before)


def test_a_package_that_is_not_there() -> None:
    with when_imported("no_such_package", lambda: None), pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_package")


def test_a_signal_does_not_interrupt_an_import() -> None:
    def fail(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, fail)
    done = []
    try:
        with pytest.raises(TimeoutError), signals_held():
            signal.raise_signal(signal.SIGALRM)
            done.append("imported")
        assert done
        assert signal.getsignal(signal.SIGALRM) is fail
    finally:
        signal.signal(signal.SIGALRM, before)


def test_another_thread_imports_without_holding_signals() -> None:
    def work() -> str:
        with signals_held():
            return "imported"

    with ThreadPoolExecutor() as pool:
        assert pool.submit(work).result() == "imported"


def test_collections_are_delayed_and_resume() -> None:
    assert gc.isenabled()
    with pytest.raises(KeyError), collections_held():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_later_collections_of_younger_objects_skip_those_of_the_block() -> None:
    with collections_held():
        made: list[object] = [[]]
    assert any(one is made for one in gc.get_objects(generation=2))


def test_frozen_objects_stay_frozen() -> None:
    made: list[object] = [[]]
    gc.freeze()
    try:
        with collections_held():
            pass
        # The collector does not list frozen objects.
        assert not any(one is made for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_disabled_collections_stay_disabled() -> None:
    gc.disable()
    try:
        with collections_held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_rewriting_is_paused_within_the_block_only() -> None:
    before = list(sys.meta_path)
    with pytest.raises(KeyError), rewriting_paused():
        assert [type(finder).__name__ for finder in before if finder not in sys.meta_path] == ["AssertionRewritingHook"]
        raise KeyError
    assert sys.meta_path == before


def _repeated_calls() -> int:
    """Call a function many times, and return the number of memory pages that the process got meanwhile."""

    def nothing(_one: int, _two: int, _three: int) -> None: ...

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(200):
        nothing(1, 2, 3)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _at_depth(depth: int, call: Callable[[], int]) -> int:
    return call() if depth == 0 else _at_depth(depth - 1, call)


def test_repeated_calls_at_any_depth_of_the_stack_need_no_memory() -> None:
    """Otherwise, from Python 3.11 on, each call at an unlucky depth gets a block of memory and gives it back."""
    assert max(_at_depth(depth, lambda: with_stack(_repeated_calls)) for depth in range(200)) < 100


def test_a_call_with_a_stack_returns_and_raises_as_usual() -> None:
    assert with_stack(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        with_stack(lambda: 1 // 0)
