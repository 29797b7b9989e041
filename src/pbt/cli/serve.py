"""``pbt serve``: populations over HTTP."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pbt.disk import stdio
from pbt.wire.keys import LOOPBACK

if TYPE_CHECKING:
    from pbt.server.backends import Backend


@click.command("serve")
@click.argument("folder", metavar="FOLDER")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7777,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="File that holds the key (the secret that requests carry).  [default: $PBT_KEY, else FOLDER/key]",
)
@click.option(
    "--read-key-file",
    type=click.Path(path_type=Path),
    help="File that holds the key that only reads.  [default: $PBT_READ_KEY, else FOLDER/key.read]",
)
@click.option("--no-key", is_flag=True, help="Let every user of this machine in; on loopback only.")
@click.option(
    "--host-name", "names", multiple=True, help="A name by which workers call this machine (repeat for more)."
)
@click.option("--tls", is_flag=True, help="Speak TLS, with a certificate made for this server and pinned by its URL.")
@click.option("--cert", type=click.Path(path_type=Path), help="Speak TLS, with your own certificate (PEM).")
@click.option(
    "--key",
    "cert_key",
    type=click.Path(path_type=Path),
    help="The private key of --cert (PEM); not what requests carry.",
)
@click.option("--maximize/--minimize", default=None, help="For new populations whose workers do not say it themselves.")
@click.option(
    "--strategy", "strategies", multiple=True, metavar="MODULE:CLASS", help="Your own, that workers may ask for."
)
@click.option(
    "--journal",
    envvar="PBT_JOURNAL_URL",
    metavar="URL",
    help="A PostgreSQL database that keeps the journals, postgresql://user@host/database, so that a second server "
    "can stand beside this one.  [default: $PBT_JOURNAL_URL, else SQLite in FOLDER]",
)
@click.option(
    "--largest-file",
    type=click.FloatRange(min=0, min_open=True),
    default=1024.0,
    show_default=True,
    metavar="GIB",
    help="Size of the largest file that workers may upload as part of a checkpoint.",
)
@click.option("--verbose", is_flag=True, help="Print a line for each new worker, report and exploit.")
def command(
    folder: str, host: str, port: int, key_file: Path | None, read_key_file: Path | None, no_key: bool,
    names: tuple[str, ...], tls: bool, cert: Path | None, cert_key: Path | None, maximize: bool | None,
    strategies: tuple[str, ...], journal: str | None, largest_file: float, verbose: bool,
) -> int:  # fmt: skip
    """Serve populations over HTTP to workers on other machines.

    Each population has a name and lives in its own folder below FOLDER; workers name it in the URL, as in
    http://host:7777/digits (without a name it is "default"). Checkpoints lie in the same folder: workers that
    see it under the same path read and write there, others through the server.

    Every request must carry the key: from $PBT_KEY or --key-file, else FOLDER/key, made at the first start.
    Workers of the same user on this machine find it by themselves. A second key, FOLDER/key.read, only reads:
    for pbt status, pbt journal and the like. Off this machine give --tls, unless the network is yours alone.
    Ctrl-C or SIGTERM ends the server in order; started again on the same folder it goes on where it stood.

    With --journal the populations' journals lie in PostgreSQL, and any number of servers with the same key may
    serve them; workers name all of these, as in http://a:7777,b:7777/digits. The password comes from
    $PGPASSWORD or ~/.pgpass.
    """
    stdio.forgive("stdout")
    from pbt.server.access import RequestCheck
    from pbt.server.app import App
    from pbt.server.keys import key_for
    from pbt.server.populations import Populations
    from pbt.server.running import bind, folder_for, serve
    from pbt.server.tls import certificate_for
    from pbt.server.verbose import Verbose
    from pbt.settings import Wanted

    where = folder_for(folder)
    key = key_for(where, host, key_file, no_key, read_key_file)
    certificate = certificate_for(where, cert, cert_key, tls, names)
    listening = bind(host, port)
    backing = None if journal is None else _in_postgres(where, journal)
    populations = Populations(where, Wanted(maximize=maximize), strategies, backing)
    app = App(
        populations, RequestCheck(key, (*names, host)), Verbose() if verbose else None, int(largest_file * 1024**3)
    )

    def ready() -> None:
        name = socket.gethostname() if host in ("0.0.0.0", "::") else host
        at = f"{f'[{name}]' if ':' in name else name}:{listening.getsockname()[1]}"
        click.echo(f"serving {where} (Ctrl-C ends it). In each worker's shell:")
        pin = f"#sha256={certificate.fingerprint}" if tls and certificate is not None else ""
        click.echo(f"  export PBT_URL={'http' if certificate is None else 'https'}://{at}/NAME{pin}")
        if not key.open:
            own = "   (not needed for your own workers on this machine)" if key.file is not None else ""
            click.echo(f"  export PBT_KEY={_source(key.file)}{own}")
            click.echo("To read only (pbt status, pbt journal):")
            click.echo(f"  export PBT_KEY={_source(key.read_file)}")
        if certificate is None and host not in LOOPBACK:
            click.echo("The wire is in clear: give --tls, or use it on networks you trust, or through an SSH tunnel.")

    serve(app, listening, ready, certificate=certificate)
    return 0


def _in_postgres(folder: Path, url: str) -> Backend:
    from pbt.journals.database import carries_password
    from pbt.server.postgres import PostgresBackend

    given = click.get_current_context().get_parameter_source("journal")
    if carries_password(url) and given == ParameterSource.COMMANDLINE:
        click.echo(
            "The password in --journal can be read in the list of processes: "
            "give it as $PGPASSWORD or in ~/.pgpass, or the URL as $PBT_JOURNAL_URL.",
            err=True,
        )
    return PostgresBackend(folder, url)


def _source(file: Path | None) -> str:
    return f"$(cat {shlex.quote(str(file))})" if file is not None else "…   (the one given to this server)"
