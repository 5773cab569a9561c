"""Certificates for the tests of TLS, made for each run."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import trustme


class Files:
    """An authority, and the files of the certificates that it signs, in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.authority = trustme.CA()
        self.ca = str(directory / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)
        self.server = self.issue("server", "127.0.0.1", "localhost")

    def issue(self, name: str, *identities: str, **options: Any) -> str:
        """Write a certificate and its key to a file; return its path."""
        path = self.directory / f"{name}.pem"
        self.authority.issue_cert(*identities, **options).private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)

    def client_context(self, certificate: str | None = None, **options: Any) -> ssl.SSLContext:
        """Return the context of a client that trusts the authority."""
        context = ssl.create_default_context(cafile=self.ca)
        if certificate is not None:
            context.load_cert_chain(certificate)
        for name, value in options.items():
            setattr(context, name, value)
        return context
