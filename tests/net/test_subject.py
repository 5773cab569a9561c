"""The subject of a certificate as a text, compared with OpenSSL's."""

from __future__ import annotations

import datetime
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from secantus_server.net.subject import subject_text

ALL = [
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.STATE_OR_PROVINCE_NAME, "New York"),
    (NameOID.LOCALITY_NAME, "Zürich"),
    (NameOID.STREET_ADDRESS, "1 Main St."),
    (NameOID.ORGANIZATION_NAME, 'A, "B" + C; <D> \\ E'),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "#one"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, " two "),
    (NameOID.DOMAIN_COMPONENT, "example"),
    (NameOID.USER_ID, "jo"),
    (NameOID.TITLE, "Dr"),
    (NameOID.SURNAME, "Doe"),
    (NameOID.GIVEN_NAME, "Jo"),
    (NameOID.SERIAL_NUMBER, "17"),
    (NameOID.EMAIL_ADDRESS, "jo@example.com"),
    (NameOID.COMMON_NAME, "a=b/c"),
]
SEVERAL = [[(NameOID.ORGANIZATION_NAME, "O")], [(NameOID.COMMON_NAME, "c"), (NameOID.USER_ID, "u"), (NameOID.TITLE, "t")]]


def certificate(parts: list[list[tuple[x509.ObjectIdentifier, str]]], path: Path) -> None:
    """Write a certificate with the given subject."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(*one) for one in part]) for part in parts])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(1))
    # `ssl` lists only the certificates of authorities.
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize("parts", [[[one] for one in ALL], SEVERAL, [[(NameOID.COMMON_NAME, " ")]], [[(NameOID.COMMON_NAME, "#")]]])
def test_the_text_is_that_of_openssl(parts: list[list[tuple[x509.ObjectIdentifier, str]]], tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path / "cert.pem"
    certificate(parts, path)
    line = ["openssl", "x509", "-in", str(path), "-noout", "-subject", "-nameopt", "RFC2253"]
    expected = subprocess.run(line, capture_output=True, text=True, check=True).stdout.removeprefix("subject=").removesuffix("\n")
    context = ssl.create_default_context(cafile=str(path))
    assert subject_text(context.get_ca_certs()[0]["subject"]) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (((("countryName", "US"),), (("stateOrProvinceName", "New York"),), (("commonName", "client"),)), "CN=client,ST=New York,C=US"),
        (((("commonName", "a,b"),),), "CN=a\\,b"),
        (((("commonName", "x "),),), "CN=x\\ "),
        (((("1.2.3.4", "x"),),), "1.2.3.4=x"),
        ((), ""),
    ],
)
def test_texts(name: tuple[tuple[tuple[str, str], ...], ...], text: str) -> None:
    assert subject_text(name) == text
