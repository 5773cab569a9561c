"""The secret from which the salts sent for unknown users are derived.

It is stored, because the salts of known users survive a restart too. No client can read it, and archives without users do not have it.
"""

from __future__ import annotations

from random import Random

from secantus_server.storage import LOGIN_SECRET, META, Engine

_BYTES = 32


def stored_login_secret(engine: Engine, random: Random) -> bytes:
    """Return the secret of a store; make it first if there is none."""
    with engine.transaction() as unit:
        secret = unit.get(META, LOGIN_SECRET)
        if secret is None:
            secret = random.getrandbits(8 * _BYTES).to_bytes(_BYTES, "big")
            unit.put(META, LOGIN_SECRET, secret)
        return secret
