"""The types of a report's data, in a module of their own because only type checkers need them."""

from __future__ import annotations

from typing import TypedDict


class TestPage(TypedDict):
    """The report data of one test: its id, outcome, duration, and commands, with the findings of the plan checks.

    A row is the JSON text of one command: its text, namespace, plan, keys, docs, returned, ms, source, and error.
    """

    id: str
    outcome: str
    seconds: float
    commands: int
    ms: float
    keys: int
    docs: int
    rows: list[str]
    findings: tuple[str, ...]


class Shape(TypedDict):
    """The statistics of all commands that have the same shape, that is, differ only in their constants."""

    namespace: str
    shape: str
    count: int
    ms: float
    max_ms: float
    keys: int
    docs: int
    returned: int
    plans: list[str]
    places: list[str]


class Advice(TypedDict):
    """A finding of a plan check, merged over all tests."""

    check: str
    namespace: str
    shape: str
    remedy: str
    count: int
    docs: int
    places: list[str]
    tests: list[str]


class IndexRow(TypedDict):
    """An index, and how often query plans have read it."""

    namespace: str
    name: str
    key: str
    uses: int
    serves_otherwise: bool


class Report(TypedDict):
    """The report data of one process or of the whole run. Entries with equal dictionary keys are merged when reports are combined."""

    tests: dict[str, TestPage]
    shapes: dict[str, Shape]
    advice: dict[str, Advice]
    indexes: dict[str, IndexRow]
    other_commands: int
    other_ms: float
