"""The certificate by which a server is known: the user's, or one that it makes for itself."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from pbt.disk.whole import PRIVATE, make_once
from pbt.errors import SettingsError

OWN = "tls.pem"
_YEARS = 20


class Certificate(NamedTuple):
    """A certificate with its private key, both PEM; `key` is None where both are in one file."""

    file: Path
    key: Path | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as a URL pins it."""
        import ssl

        text = self.file.read_text()
        begin = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", begin) + len("-----END CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begin:end])).hexdigest()


def certificate_for(
    folder: Path, file: Path | None, key: Path | None, own: bool, names: Iterable[str] = ()
) -> Certificate | None:
    """The certificate of a server on `folder`, if it is to speak TLS.

    Args:
        file: the user's own, with `key` or with the key in the same file.
        own: make one, in ``FOLDER/tls.pem``, unless it is there already.
        names: by which the server is called.

    Raises:
        SettingsError: the files can not be used, or the options contradict each other.
    """
    if own and (file or key):
        raise SettingsError("--tls makes a certificate, --cert brings one: give one of the two")
    if key and not file:
        raise SettingsError(
            "--key is the private key of a certificate: name that with --cert (the secret is --key-file)"
        )
    if file is None and not own:
        return None
    found = Certificate(folder / OWN) if file is None else Certificate(file, key)
    if own and not found.file.exists():
        _make(found.file, names)
    _try(found, own)
    return found


def _try(certificate: Certificate, own: bool) -> None:
    import ssl

    def ask() -> str:
        raise SettingsError(f"{certificate.key or certificate.file} is locked by a passphrase: give one that is not")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate.file, certificate.key, ask)
        certificate.fingerprint  # noqa: B018
    except (OSError, ValueError) as error:
        where = f"{certificate.file}" + (f" and {certificate.key}" if certificate.key else "")
        what = (
            f"delete {certificate.file}, and the next start makes another"
            if own
            else ("give --cert FILE --key FILE, or --tls")
        )
        raise SettingsError(f"{where}: no certificate with its private key, in PEM ({error}): {what}") from None


def _make(file: Path, names: Iterable[str]) -> None:
    """Make a self-signed certificate with its key, readable by its owner alone."""
    text = _signed({"localhost", socket.gethostname(), *names, "127.0.0.1", "::1"})
    make_once(file, text, PRIVATE)  # if another server was quicker, its certificate is as good


def _signed(names: Iterable[str]) -> bytes:
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise SettingsError(
            "--tls needs a package to make a certificate: pip install 'pbtrain[tls]', or bring one with --cert"
        ) from None
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pbt serve")])
    public, now = key.public_key(), datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret + made.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
