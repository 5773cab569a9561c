"""Authentication restrictions: the client and server addresses from which and to which a user may connect.

https://www.mongodb.com/docs/manual/reference/command/createUser/#authentication-restrictions
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from secantus_server.errors import CommandError

_FIELDS = ("clientSource", "serverAddress")
Address = IPv4Address | IPv6Address


def check_restrictions(restrictions: list[Any] | None) -> None:
    """Validate the authentication restrictions of a user or role.

    Raises:
        CommandError: 2 BadValue.
    """
    for restriction in restrictions or []:
        if type(restriction) is not dict:
            raise CommandError(2, "authenticationRestrictions must be an array of documents")
        for field, addresses in restriction.items():
            if field not in _FIELDS:
                raise CommandError(2, f"Unknown authentication restriction '{field}'")
            if type(addresses) is not list or any(type(address) is not str for address in addresses):
                raise CommandError(2, f"The authentication restriction '{field}' must be an array of strings")
            for address in addresses:
                _check_network(field, address)


def _check_network(field: str, text: str) -> None:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise CommandError(2, f"The authentication restriction '{field}' has an invalid address or CIDR range: '{text}'") from None


def are_met(sets: Iterable[list[Mapping[str, Any]]], client: str, server: str) -> bool:
    """Return whether a connection meets the restrictions of a user and of all its roles.

    Arguments:
        sets: the restrictions of the user and of each role. The connection must meet at least one restriction of each set that is not
            empty.
        client, server: the addresses of both ends of the connection.
    """
    return all(not restrictions or any(_is_met(one, client, server) for one in restrictions) for restrictions in sets)


def _is_met(restriction: Mapping[str, Any], client: str, server: str) -> bool:
    addresses = {"clientSource": client, "serverAddress": server}
    return all(field in _FIELDS and _contains(networks, addresses[field]) for field, networks in restriction.items())


def _contains(networks: list[str], text: str) -> bool:
    address = parse_address(text)
    return address is not None and any(address in ip_network(network, strict=False) for network in networks)


def parse_address(text: str) -> Address | None:
    """Parse an IP address, or return None if the text is not one. Convert an IPv4-mapped IPv6 address to IPv4."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_loopback(text: str) -> bool:
    """Return whether an address is a loopback address."""
    address = parse_address(text)
    return address is not None and address.is_loopback
