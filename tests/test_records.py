"""Records behave like dataclasses in everything that the server uses."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field
from typing import Any

import pytest

from secantus_server.records import fields, record, replace


def _declared() -> Any:
    class Point:
        """A point."""

        x: int
        y: int = 0
        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False, repr=False)
        total: int = field(init=False)
        seen: dict[str, int] = field(init=False, default_factory=dict)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.x + self.y)

    return Point


@pytest.mark.parametrize("options", [{}, {"slots": True}, {"frozen": True}, {"eq": False}, {"eq": False, "slots": True}])
def test_a_record_does_what_a_dataclass_does(options: dict[str, bool]) -> None:
    mine, theirs = record(**options)(_declared()), dataclass(**options)(_declared())
    for given, named in (((1,), {}), ((1, 2, ["a"]), {}), ((), {"x": 3, "note": "n"})):
        one, other = mine(*given, **named), theirs(*given, **named)
        assert repr(one) == repr(other)
        assert [getattr(one, name.name) for name in fields(one)] == [getattr(other, name.name) for name in fields(one)]
        assert (one == mine(*given, **named), one != theirs(*given, **named)) == (other == theirs(*given, **named), True)
        assert repr(replace(one, y=9)) == repr(mine(x=one.x, tags=one.tags, y=9))
        assert hasattr(one, "__dict__") == (not options.get("slots"))
    assert mine.__match_args__ == theirs.__match_args__
    assert (mine.__name__, mine.__qualname__, mine.__doc__, mine.__module__) == (
        theirs.__name__, theirs.__qualname__, theirs.__doc__, theirs.__module__,
    )  # fmt: skip
    assert mine(1).tags is not mine(1).tags
    assert mine(1, note="a") != mine(1, note="b") if options.get("eq") is False else mine(1, note="a") == mine(1, note="b")
    for wrong in ((), (1, 2, [], "", 5)):
        with pytest.raises(TypeError):
            mine(*wrong)


@record(frozen=True)
class Frozen:
    """A record with a hash."""

    name: str
    number: int = 1


@record(slots=True)
class Slotted:
    """A record with slots and without a hash."""

    name: str
    number: int = 1


def test_hashes() -> None:
    assert len({Frozen("a"), Frozen("a"), Frozen("b")}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(Slotted("a"))


def test_unknown_attributes_of_slots() -> None:
    with pytest.raises(AttributeError):
        Slotted("a").other = 1  # type: ignore[attr-defined]
    assert not hasattr(Slotted, "other")


@pytest.mark.parametrize("of_record", [True, False])
def test_assignments_to_a_frozen_record(of_record: bool) -> None:
    one = Frozen("a") if of_record else dataclass(frozen=True)(_declared())(1)
    with pytest.raises(FrozenInstanceError):
        one.number = 2
    with pytest.raises(FrozenInstanceError):
        del one.number
    with pytest.raises(FrozenInstanceError):
        one.other = 2


@pytest.mark.parametrize("kind", [Frozen, Slotted])
def test_copies(kind: type[Any]) -> None:
    one = kind("a", 2)
    assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one
