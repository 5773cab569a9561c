"""The secret from which the salts sent for unknown users are derived.

It is stored, because the salts of known users survive a restart too. No client can read it, and archives without users do not have it.
"""

from __future__ import annotations

from random import Random

from secantus_server.storage import LOGIN_SECRET, META, Engine
from secantus_server.system._threads import Lock

_BYTES = 32


class LoginSecret:
    """The secret of a store, made at the first login.

    Threads: `_lock` guards the making.
    """

    def __init__(self, engine: Engine, random: Random) -> None:
        self._engine = engine
        self._random = random
        self._lock = Lock()
        self._secret = b""

    def get(self) -> bytes:
        """Return the secret. The caller has no transaction."""
        with self._lock:
            self._secret = self._secret or self._stored()
        return self._secret

    def _stored(self) -> bytes:
        made = self._random.getrandbits(8 * _BYTES).to_bytes(_BYTES, "big")
        if self._engine.in_memory:
            return made
        with self._engine.transaction() as unit:
            secret = unit.get(META, LOGIN_SECRET)
            if secret is None:
                secret = made
                unit.put(META, LOGIN_SECRET, secret)
        return secret
