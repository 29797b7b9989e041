"""How a server is reached: in clear, or over TLS with a certificate that is vouched for, or pinned by the URL.

``https://host:7777/digits#sha256=<hex>`` pins: no other certificate will do, and no authority needs to sign it. It
is compared right after the handshake, before a byte of a request, and so of the key, is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from pbt.errors import SettingsError, Untrusted

if TYPE_CHECKING:
    import ssl

CA_ENV = "PBT_CA"
"""Names a file of certificates that are trusted instead of the system's."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_PIN = re.compile(r"sha256=([0-9A-Fa-f]{64})")


class Connector:
    """From a URL's scheme and fragment to connections.

    Args:
        parts: the URL.

    Raises:
        SettingsError: it is no URL of a server, or carries what no URL may carry.
    """

    def __init__(self, parts: SplitResult) -> None:
        pin = _PIN.fullmatch(parts.fragment)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise SettingsError(f"{shown(parts)}: give a URL such as http://host:7777/name")
        if "@" in parts.netloc:
            raise SettingsError(f"{shown(parts)}: a URL carries no key, since it ends in logs: export PBT_KEY=…")
        if parts.fragment and (pin is None or parts.scheme != "https"):
            raise SettingsError(f"{shown(parts)}: after # only the pin of an https:// URL may stand, sha256=…")
        self._secure = parts.scheme == "https"
        self._pin = bytes.fromhex(pin[1]) if pin is not None else None
        self._context: ssl.SSLContext | None = None

    @property
    def hint(self) -> str:
        """A reason why no server may seem to answer."""
        return "" if self._secure else ", and not with --tls (then it is https://)"

    def connect(self, host: str, port: int, timeout: float, blocksize: int = 16384) -> http.client.HTTPConnection:
        """An open connection to the right server.

        Raises:
            Untrusted: it is another server, or its certificate is not trusted.
            OSError: no server answers.
        """
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout, blocksize=blocksize, context=self._trust())
            if self._secure
            else http.client.HTTPConnection(host, port, timeout=timeout, blocksize=blocksize)
        )
        try:
            connection.connect()
            self._check_pin(connection.sock, host, port)
        except BaseException as error:
            connection.close()
            refused = _refused(error, f"https://{host}:{port}")
            if refused is None:
                raise
            raise refused from None
        return connection

    def _trust(self) -> ssl.SSLContext:
        import ssl

        if self._context is None:
            file = os.environ.get(CA_ENV) or None
            try:
                self._context = ssl.create_default_context(cafile=None if self._pin else file)
            except OSError as error:
                raise SettingsError(f"${CA_ENV}={file}: no certificates in PEM there ({error})") from None
            if self._pin:
                self._context.check_hostname = False
                self._context.verify_mode = ssl.CERT_NONE
        return self._context

    def _check_pin(self, channel: Any, host: str, port: int) -> None:
        if self._pin is None:
            return
        shown = hashlib.sha256(channel.getpeercert(binary_form=True) or b"").digest()
        if not hmac.compare_digest(shown, self._pin):
            raise Untrusted(
                f"https://{host}:{port} shows another certificate (sha256={shown.hex()}) than the one that the URL "
                "pins: it is another server, or this one has a new certificate; ask its administrator"
            )


def _refused(error: BaseException, where: str) -> Untrusted | None:
    """The error where trying again is of no use."""
    name = type(error).__name__
    if name == "SSLCertVerificationError":
        return Untrusted(
            f"{where}: its certificate is not trusted ({getattr(error, 'verify_message', error)}): use the URL that "
            f"pbt serve printed, with #sha256=…, or name the file of its certificate authority in ${CA_ENV}"
        )
    if name == "SSLError" and getattr(error, "reason", "") in _NO_TLS:
        return Untrusted(f"{where} does not speak TLS: is it http://?")
    return None


def shown(parts: SplitResult) -> str:
    """The URL without what might be a secret, even where the URL is malformed."""
    return f"{parts.scheme or '?'}://{(parts.netloc + parts.path).rpartition('@')[2]}"


def split(url: str) -> SplitResult:
    """The parts of a URL.

    Raises:
        SettingsError: it has none.
    """
    try:
        return urlsplit(url)
    except ValueError:
        raise SettingsError("that is no URL: give one such as http://host:7777/name") from None
