"""Creates the stored credentials for SCRAM-SHA-1 and SCRAM-SHA-256, from which the password cannot be derived.

https://datatracker.ietf.org/doc/html/rfc5802#section-3 and https://datatracker.ietf.org/doc/html/rfc7677. MongoDB's preparation of
passwords: https://github.com/mongodb/specifications/blob/master/source/auth/auth.md
"""

from __future__ import annotations

import hashlib
import hmac
import stringprep
import unicodedata
from base64 import b64encode
from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from secantus_server.errors import CommandError


class Mechanism(NamedTuple):
    """The parameters of a SCRAM mechanism: hash function, default iteration count, and length of the salt in bytes."""

    algorithm: str
    iterations: int
    salt_bytes: int


MECHANISMS = {"SCRAM-SHA-1": Mechanism("sha1", 10_000, 16), "SCRAM-SHA-256": Mechanism("sha256", 15_000, 28)}


def make_credentials(
    user: str, password: str, mechanisms: list[str], random: Random, *, digested: bool = False, iterations: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return new credentials for a user, as a dict whose keys are mechanism names.

    Arguments:
        mechanisms: names from `MECHANISMS`.
        random: the source of the salt.
        digested: whether `password` is already the MD5 digest that SCRAM-SHA-1 uses.
        iterations: the iteration count of each mechanism; the defaults are in `MECHANISMS`.

    Raises:
        CommandError: 50687 or 50692 for a password that SASLprep rejects.
    """
    credentials = {}
    for name in mechanisms:
        digest = password if digested else _digest(user, password)
        secret = prepare_password(password) if name == "SCRAM-SHA-256" else digest
        mechanism = MECHANISMS[name]
        if iterations is not None:
            mechanism = mechanism._replace(iterations=iterations[name])
        credentials[name] = _credentials(mechanism, secret.encode("utf-8", "surrogateescape"), random)
    return credentials


def _digest(user: str, password: str) -> str:
    """Return the MD5 digest that SCRAM-SHA-1 uses as the password."""
    text = f"{user}:mongo:{password}".encode("utf-8", "surrogateescape")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _credentials(mechanism: Mechanism, secret: bytes, random: Random) -> dict[str, Any]:
    salt = random.getrandbits(8 * mechanism.salt_bytes).to_bytes(mechanism.salt_bytes, "big")
    salted = hashlib.pbkdf2_hmac(mechanism.algorithm, secret, salt, mechanism.iterations)
    client_key = hmac.digest(salted, b"Client Key", mechanism.algorithm)
    server_key = hmac.digest(salted, b"Server Key", mechanism.algorithm)
    stored_key = hashlib.new(mechanism.algorithm, client_key).digest()
    return {
        "iterationCount": mechanism.iterations,
        "salt": _base64(salt),
        "storedKey": _base64(stored_key),
        "serverKey": _base64(server_key),
    }


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def prepare_password(password: str) -> str:
    """Normalize a password with SASLprep, by the rules for stored strings. https://datatracker.ietf.org/doc/html/rfc4013

    Raises:
        CommandError: 50687 if the normalized password is empty; 50692 for a prohibited or unassigned character, or for a prohibited mix
            of left-to-right and right-to-left characters.
    """
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    prepared = unicodedata.normalize("NFKC", mapped)
    if not prepared:
        raise CommandError(50687, "Error preflighting UTF-8 conversion: U_STRING_NOT_TERMINATED_WARNING")
    if any(table(c) for c in prepared for table in _PROHIBITED):
        raise CommandError(50692, "Error preparing the password: it has a character that SASLprep prohibits")
    if any(map(stringprep.in_table_d1, prepared)) and not _is_right_to_left(prepared):
        raise CommandError(50692, "Error preparing the password: SASLprep prohibits its mix of directions")
    return prepared


_PROHIBITED = (
    stringprep.in_table_a1, stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9,
)  # fmt: skip


def _is_right_to_left(text: str) -> bool:
    """Return whether a text begins and ends with right-to-left characters and has no left-to-right character."""
    return stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1]) and not any(map(stringprep.in_table_d2, text))
