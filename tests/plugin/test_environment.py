"""Environment variables are set within a block."""

from __future__ import annotations

from pytest_secantus.environment import variables_set


def test_variables_are_set_and_put_back() -> None:
    environ = {"OLD": "before", "OTHER": "x"}
    with variables_set(("OLD", "NEW"), "uri", environ):
        assert environ == {"OLD": "uri", "NEW": "uri", "OTHER": "x"}
    assert environ == {"OLD": "before", "OTHER": "x"}


def test_a_variable_deleted_meanwhile_is_no_trouble() -> None:
    environ: dict[str, str] = {}
    with variables_set(("NEW",), "uri", environ):
        del environ["NEW"]
    assert environ == {}
