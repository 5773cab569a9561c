"""Authentication restrictions."""

from __future__ import annotations

from typing import Any

import pytest

from secantus_server.auth.restrictions import are_met, check_restrictions, is_loopback
from secantus_server.errors import CommandError


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([], True),
        ([[]], True),
        ([[{"clientSource": ["10.0.0.5"]}]], True),
        ([[{"clientSource": ["10.0.0.0/24"]}]], True),
        ([[{"clientSource": ["10.0.1.0/24"]}]], False),
        ([[{"clientSource": ["10.0.1.0/24", "10.0.0.5"]}]], True),
        ([[{"clientSource": ["10.0.1.0/24"]}, {"serverAddress": ["::1"]}]], True),
        ([[{"clientSource": ["10.0.0.5"], "serverAddress": ["10.0.0.1"]}]], False),
        # The restrictions of each role must be met.
        ([[{"clientSource": ["10.0.0.5"]}], [{"clientSource": ["10.0.0.6"]}]], False),
        ([[{"other": ["10.0.0.5"]}]], False),
    ],
    ids=str,
)
def test_restrictions(sets: list[Any], expected: bool) -> None:
    assert are_met(sets, "10.0.0.5", "::1") == expected


def test_an_ipv4_address_in_ipv6_form() -> None:
    assert are_met([[{"clientSource": ["10.0.0.0/8"]}]], "::ffff:10.1.2.3", "")
    assert not are_met([[{"clientSource": ["10.0.0.0/8"]}]], "a name", "")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "::2", "localhost", ""])
def test_not_loopback(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize(
    "restrictions",
    [
        [1],
        [{"x": []}],
        [{"clientSource": "10.0.0.1"}],
        [{"clientSource": [1]}],
        [{"clientSource": ["10.0.0"]}],
        [{"serverAddress": ["10.0.0.1/33"]}],
    ],
    ids=str,
)
def test_restrictions_that_cannot_be(restrictions: list[Any]) -> None:
    with pytest.raises(CommandError) as caught:
        check_restrictions(restrictions)
    assert caught.value.code == 2
