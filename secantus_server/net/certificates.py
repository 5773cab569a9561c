"""The server's TLS certificates. They are loaded into an `ssl` context for new connections, which can be replaced while the server runs.

https://www.mongodb.com/docs/manual/tutorial/configure-ssl/
"""

from __future__ import annotations

import os
import ssl
from typing import NoReturn

from secantus_server.errors import CommandError
from secantus_server.settings import Settings
from secantus_server.system._threads import Lock

INVALID_SSL_CONFIGURATION = 140

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class CertificateError(CommandError):
    """Raised if a certificate, key or list of certificate authorities cannot be used. The message contains the file name."""

    def __init__(self, message: str) -> None:
        super().__init__(INVALID_SSL_CONFIGURATION, message)


class Certificates:
    """The certificates of a server that accepts TLS connections.

    Threads: a reload replaces `context` as a whole, and each connection reads it once. `_lock` allows one reload at a time.

    Raises:
        CertificateError: a file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self.is_required = settings.requires_tls
        self.context = make_context(settings)

    def reload(self) -> None:
        """Read the certificate files again and use them for new connections.

        The new context has new keys for session tickets, so that clients cannot resume TLS sessions started under the old authorities.

        Raises:
            CertificateError: a file cannot be used. The old certificates remain in use.
        """
        with self._lock:
            self.context = make_context(self._settings)


def make_context(settings: Settings) -> ssl.SSLContext:
    """Return an `ssl` context with the certificates and options from the settings.

    Raises:
        CertificateError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.tls_min_version]
    # With renegotiation, a client could make the server compute endlessly.
    context.options |= ssl.OP_NO_RENEGOTIATION
    certificate, key = settings.tls_cert_file, settings.tls_key_file or settings.tls_cert_file
    _check_readable(tls_cert_file=certificate, tls_key_file=key)
    try:
        context.load_cert_chain(certificate, key, _refuse_encrypted_key)
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(f"Cannot use the certificate {certificate} with the key in {key}: {_reason(error)}.") from None
    if settings.tls_ca_file:
        _check_readable(tls_ca_file=settings.tls_ca_file)
        try:
            context.load_verify_locations(settings.tls_ca_file)
        except ssl.SSLError as error:
            raise CertificateError(f"Cannot use the authorities in {settings.tls_ca_file}: {_reason(error)}.") from None
        context.verify_mode = ssl.CERT_REQUIRED if settings.tls_require_client_cert else ssl.CERT_OPTIONAL
    return context


def _check_readable(**files: str) -> None:
    """Raise an error if a file cannot be opened. This check comes first because the errors of `ssl` do not contain the file name.

    Raises:
        CertificateError: a file cannot be read.
    """
    for setting, path in files.items():
        try:
            os.close(os.open(path, os.O_RDONLY))
        except OSError as error:
            raise CertificateError(f"Cannot read {setting} {path}: {error.strerror}.") from None


def _refuse_encrypted_key() -> NoReturn:
    """Raise an error when OpenSSL requests the password of an encrypted key.

    Without this callback, OpenSSL would prompt on the terminal and block the server.

    Raises:
        ValueError: always.
    """
    raise ValueError("the key is encrypted; decrypt it with openssl pkey")


def _reason(error: Exception) -> str:
    """Return the user-readable part of an `ssl` error's text."""
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "it is not in PEM form").lower().replace("_", " ")
        return {"key values mismatch": "they do not belong together", "no start line": "there is none in PEM form"}.get(reason, reason)
    return str(error)
