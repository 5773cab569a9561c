"""TLS certificates of the server and the clients in one pytest process. Only this module imports trustme, which creates them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from trustme import LeafCert

ORGANIZATION = "Secantus"
UNIT = "tests"
MISSING = "secantus_tls needs trustme, which makes the certificates: pip install 'pytest-secantus[tls]'"


def is_available() -> bool:
    """Return whether trustme is installed."""
    return find_spec("trustme") is not None


class ClientCertificate(NamedTuple):
    """A client's certificate.

    Arguments:
        file: the certificate and its key, for the option tlsCertificateKeyFile.
        subject: the name of the user in `$external` that the certificate identifies.
    """

    file: str
    subject: str


class Certificates:
    """The TLS certificates of one process's server and clients.

    Arguments:
        directory: where to write the files; created if missing.
        mutual: whether the server requires client certificates.
    """

    def __init__(self, directory: Path, *, mutual: bool) -> None:
        from trustme import CA

        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._mutual = mutual
        self._authority = CA(organization_name=ORGANIZATION, organization_unit_name="certificate authority")
        self._clients: dict[str, ClientCertificate] = {}
        self.ca_file = str(directory / "ca.pem")
        self._authority.cert_pem.write_to_path(self.ca_file)
        server = self._authority.issue_cert("localhost", "127.0.0.1", "::1", organization_name=ORGANIZATION, organization_unit_name=UNIT)
        self._server_file = self._write("server", server)

    def client(self, name: str = "client") -> ClientCertificate:
        """Return the certificate of a client. The first call with a given name creates the certificate.

        Arguments:
            name: the common name, a part of the subject: `CN=client,OU=tests,O=Secantus`.

        Raises:
            TypeError: the name is not a string.
        """
        if not isinstance(name, str):
            raise TypeError(f"secantus_tls.client({name!r}): pass the client's name as a string")
        if name not in self._clients:
            from secantus_server.net.subject import subject_text

            leaf = self._authority.issue_cert(common_name=name, organization_name=ORGANIZATION, organization_unit_name=UNIT)
            parts = (("organizationName", ORGANIZATION), ("organizationalUnitName", UNIT), ("commonName", name))
            file = self._write(f"client-{len(self._clients)}", leaf)
            self._clients[name] = ClientCertificate(file, subject_text((part,) for part in parts))
        return self._clients[name]

    def settings(self) -> dict[str, Any]:
        """Return the server settings that enable TLS with these certificates."""
        return {"tls_cert_file": self._server_file, "tls_ca_file": self.ca_file, "tls_require_client_cert": self._mutual}

    def options(self) -> dict[str, Any]:
        """Return the TLS options with which pymongo's clients must connect to the server."""
        key = {"tlsCertificateKeyFile": self.client().file} if self._mutual else {}
        return {"tls": True, "tlsCAFile": self.ca_file, **key}

    def add_to(self, uri: str) -> str:
        """Return the server's connection string with the TLS options appended."""
        options = {name: value for name, value in self.options().items() if name != "tls"}
        return f"{uri}&{urlencode(options)}"

    def _write(self, name: str, leaf: LeafCert) -> str:
        path = self._directory / f"{name}.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(path)
        path.chmod(0o600)
        return str(path)
