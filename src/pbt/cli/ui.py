"""``pbt ui``: the page on populations of this machine, or of a server, in the browser."""

from __future__ import annotations

import http.client
import os
import re
import secrets
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import click

from pbt.disk import stdio
from pbt.errors import SettingsError, Unreachable
from pbt.opening.folder import marked, path_of
from pbt.opening.opening import names_server
from pbt.views.built import is_built
from pbt.wire.addresses import SESSION
from pbt.wire.keys import KEY_ENV, wire_form
from pbt.wire.noted import noted_key, own_peer

_HOST = "127.0.0.1"
_PATIENCE = 5.0
"""Seconds for which a server is waited for."""


@click.command("ui")
@click.argument("where", metavar="WHERE...", nargs=-1, required=True)
@click.option("--browser/--no-browser", default=True, help="Open the page, or only print its address.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on this machine.  [default: a free one]")
def command(where: tuple[str, ...], browser: bool, port: int) -> int:
    """Show populations in the browser: scores, hyperparameters, members, and the reason of every decision.

    WHERE is a population's folder, a folder of populations, or a server's URL; folders may be several. Folders are
    shown by a server of this command's own, on loopback, until Ctrl-C; it reads them, while they train too, and
    changes nothing unless you do so by hand on the page. The address that is opened signs in once, within two minutes.

    \b
    pbt ui runs/digits
    pbt ui runs other/runs --no-browser
    pbt ui http://host:7777/digits
    """  # noqa: D301
    stdio.forgive("stdout")
    servers = [one for one in where if names_server(one)]
    if servers and len(where) > 1:
        raise SettingsError(f"{servers[0]}: a server is shown alone, by its own page; folders may be several")
    if servers:
        _show(_signed_in(servers[0]), browser)
        return 0
    found = dict(_populations(where))
    _check_built()
    with ExitStack() as stack:
        root = _root(where, found, stack)
        renamed = [f"{name} is {path}" for name, path in found.items() if name != path.name]
        _serve(root, "" if len(found) != 1 else next(iter(found)), browser, port, renamed)
    return 0


def _check_built() -> None:
    """Raises: SettingsError: this is a checkout without the page."""
    if not is_built():
        raise SettingsError(
            "the page is not built in this checkout: make page does so, with Node; in the terminal, use pbt status"
        )


def _populations(where: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """The populations in folders, by names that are theirs alone on the page.

    Raises:
        SettingsError: there is none.
    """
    taken: set[str] = set()
    for given in where:
        folder = path_of(given)
        inside = sorted(path for path in folder.glob("*") if path.is_dir() and marked(path)) if folder.is_dir() else []
        found = [folder] if marked(folder) else inside
        if not found:
            raise SettingsError(f"{folder} holds no population: give a population's folder, or one of populations")
        for path in found:
            name = _free(path.resolve().name, taken)
            taken.add(name)
            yield name, path.resolve()


def _free(name: str, taken: set[str]) -> str:
    """A name as addresses have them, that is not taken."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:56] or "population"
    names = (plain, *(f"{plain}-{n}" for n in range(2, 10_000)))
    return next(one for one in names if one not in taken)


def _root(where: tuple[str, ...], found: dict[str, Path], stack: ExitStack) -> Path:
    """A folder with just these populations: the one that was given, so that new ones show, or one of links to them."""
    folder = path_of(where[0])
    if len(where) == 1 and not marked(folder) and all(name == path.name for name, path in found.items()):
        return folder
    links = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pbt-ui-")))
    for name, path in found.items():
        (links / name).symlink_to(path, target_is_directory=True)
    return links


def _serve(root: Path, name: str, browser: bool, port: int, said: list[str]) -> None:
    from pbt.server.access import RequestCheck
    from pbt.server.app import App
    from pbt.server.keys import Key
    from pbt.server.populations import Populations
    from pbt.server.running import bind, serve
    from pbt.settings import Wanted

    listening = bind(_HOST, port)
    app = App(Populations(root, Wanted()), RequestCheck(Key(secrets.token_hex(32)), (_HOST,)))
    address = f"http://{_HOST}:{listening.getsockname()[1]}/{name}#code={app.signing_in.codes.issue()}"

    def ready() -> None:
        _show(address, browser)
        for line in (*said, "Ctrl-C ends it."):
            click.echo(line)

    serve(app, listening, ready)


def _show(address: str, browser: bool) -> None:
    """Open an address, in a thread: a browser in the terminal would hold up the server that it asks."""
    click.echo(address)
    if browser:
        thread = threading.Thread(target=_open, args=(address,), daemon=True)
        thread.start()
        thread.join(_PATIENCE if "#code=" in address and not address.startswith(f"http://{_HOST}") else 0.5)


def _open(address: str) -> None:
    if not webbrowser.open(address):
        click.echo("No browser was found here: open the address above.")


def _signed_in(url: str) -> str:
    """A server's page; with a code that signs in, where its key is at hand: in $PBT_KEY, or noted on this machine.

    Raises:
        Unreachable: nobody listens there.
    """
    parts = urlsplit(url)
    plain = url.partition("#")[0]
    if parts.scheme != "http" or parts.hostname is None or "," in parts.netloc:
        return plain
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=_PATIENCE)
    try:
        connection.connect()
    except OSError as error:
        said = error.strerror or str(error)
        raise Unreachable(f"no pbt server answers at {plain} ({said}): is pbt serve running there?") from None
    with suppress(OSError, ValueError, http.client.HTTPException):
        peer = own_peer(connection.sock)
        key = os.environ.get(KEY_ENV) or (noted_key(peer, parts.port or 80) if peer is not None else None)
        if key is None:
            return plain
        headers: dict[str, str | bytes] = {
            "Authorization": b"Bearer " + wire_form(key.encode()),
            "Content-Type": "application/json",
        }
        connection.request("POST", f"{SESSION}/code", b"{}", headers)
        answer = connection.getresponse()
        if answer.status == 200:
            import msgspec

            return f"{plain}#code={msgspec.json.decode(answer.read())['code']}"
    connection.close()
    return plain
