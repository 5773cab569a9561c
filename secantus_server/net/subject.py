"""Converts the subject of a client certificate to text, which is the user name for X.509 authentication.

https://www.mongodb.com/docs/manual/core/security-x.509/ and https://datatracker.ietf.org/doc/html/rfc2253. The text equals the output of
`openssl x509 -noout -subject -nameopt RFC2253`, which MongoDB's manual tells users to use.
"""

from __future__ import annotations

from collections.abc import Iterable

# OpenSSL's short names of the attribute types that `ssl` reports by their long names. Each other type has only one name.
_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "givenName": "GN",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
    "streetAddress": "street",
    "surname": "SN",
    "userId": "UID",
}

#: A name: its parts from the most general one, each with one attribute or more, as `ssl` reports it.
Name = Iterable[Iterable[tuple[str, str]]]


def subject_text(name: Name) -> str:
    """Return a certificate's subject in the format of RFC 2253, which begins with the most specific part."""
    parts = ["+".join(f"{_SHORT.get(kind, kind)}={_escaped(value)}" for kind, value in reversed(list(part))) for part in name]
    return ",".join(reversed(parts))


def _escaped(value: str) -> str:
    """Return a value with its special characters and the UTF-8 bytes of its non-ASCII characters escaped."""
    text = "".join(_character(character) for character in value)
    # OpenSSL treats a single character as the last one: it does not escape "#" then.
    if value[:1] in ("#", " ") and len(value) > 1:
        text = "\\" + text
    if value.endswith(" "):
        text = text[:-1] + "\\ "
    return text


def _character(character: str) -> str:
    if character in ',+"\\<>;':
        return "\\" + character
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:02X}" for byte in character.encode())
