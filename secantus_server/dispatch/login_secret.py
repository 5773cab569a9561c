"""The secret from which the salts for unknown users are derived.

During a login, the server sends an unknown user such a salt, so that a client cannot find out which users exist. The secret is stored, so
that these salts survive a restart like the salts of existing users. Clients cannot read the secret, and backup archives without users do
not contain it.
"""

from __future__ import annotations

from random import Random

from secantus_server.storage import LOGIN_SECRET, META, Engine
from secantus_server.system._threads import Lock

_BYTES = 32


class LoginSecret:
    """The secret from which the salts for unknown users are derived. It is created at the first login.

    Threads: `_lock` guards the creation.
    """

    def __init__(self, engine: Engine, random: Random) -> None:
        self._engine = engine
        self._random = random
        self._lock = Lock()
        self._secret = b""

    def get(self) -> bytes:
        """Return the secret, and create it on first use. The caller must not have an open transaction."""
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
