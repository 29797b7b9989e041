"""Values of the setting `checkpoints`: "own", "foreign", or the URL of an object store."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from pbt.errors import SettingsError
from pbt.population.recorded import FOREIGN, OWN

SCHEMES = ("s3", "gs", "az", "file")


def names_server(checkpoints: str) -> bool:
    """Whether it names an object store."""
    return "://" in checkpoints


def check_setting(checkpoints: str) -> None:
    """Make sure that the setting can be recorded, where every reader of the journal sees it.

    Raises:
        SettingsError: it can not be understood, or carries a password.
    """
    if checkpoints in (OWN, FOREIGN):
        return
    try:
        parts = urlsplit(checkpoints)
        secret = parts.username is not None or parts.password is not None or parts.query or parts.fragment
    except ValueError as error:
        raise SettingsError(f"checkpoints: the URL can not be understood: {error}") from None
    if secret:
        raise SettingsError(
            f"checkpoints={parts.scheme}://…: credentials do not belong into the URL, which is recorded; "
            "give them to every worker in its environment (AWS_ACCESS_KEY_ID and the like)"
        )
    if parts.scheme in ("http", "https"):
        raise SettingsError(
            f"checkpoints={checkpoints!r}: give s3://bucket/prefix, and a server of your own in $AWS_ENDPOINT_URL"
        )
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.path.strip("/")) or not checkpoints.isprintable():
        raise SettingsError(
            f"checkpoints is {checkpoints!r}: 'own', 'foreign', or the URL of an object store such as s3://bucket/prefix"
        )


def place_below(checkpoints: str) -> str:
    """The URL that a new population records: a place of its own below the given one, which others may be given too."""
    return f"{checkpoints.rstrip('/')}/{secrets.token_hex(6)}" if names_server(checkpoints) else checkpoints


def same_place(have: str, want: str) -> bool:
    """Whether the recorded URL matches the one asked for: the URL as it was given, or the population's own."""
    want = want.rstrip("/")
    return have == want or (names_server(have) and have.rpartition("/")[0] == want)
