"""X.509 authentication: login with the certificate that the client presented in the TLS handshake.

https://www.mongodb.com/docs/manual/core/security-x.509/ and
https://github.com/mongodb/specifications/blob/master/source/auth/auth.md#mongodb-x509
"""

from __future__ import annotations

from secantus_server.auth.collections import EXTERNAL
from secantus_server.auth.conversation import AUTHENTICATION_FAILED
from secantus_server.errors import CommandError


def certified_name(subject: str | None, user: str | None, db: str) -> str:
    """Return the name of the user that a client's certificate identifies.

    Arguments:
        subject: the subject of the client's verified certificate, in the form of RFC 2253; None without a certificate.
        user: the user name in the command, or None. It must equal the subject.
        db: the database of the login.

    Raises:
        CommandError: 17 ProtocolError for a database other than `$external`; 18 AuthenticationFailed if the client presented no
            certificate, or if `user` differs from the subject.
    """
    if db != EXTERNAL:
        raise CommandError(17, f"X.509 authentication must always use the {EXTERNAL} database.")
    if subject is None:
        raise CommandError(AUTHENTICATION_FAILED, "No verified subject name available from client")
    if user and user != subject:
        raise CommandError(AUTHENTICATION_FAILED, "There is no x.509 client certificate matching the user.")
    return subject
