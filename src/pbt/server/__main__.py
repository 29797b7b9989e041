"""``python -m pbt.server FD FOLDER``: the process that `PBTServer` starts, on a socket that it inherits."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from pbt.server.access import RequestCheck
from pbt.server.app import App
from pbt.server.keys import Key
from pbt.server.populations import Populations
from pbt.server.running import serve
from pbt.server.verbose import Verbose
from pbt.settings import Wanted
from pbt.strategies.registry import ORIGINAL, record
from pbt.wire.keys import KEY_ENV


def main(arguments: list[str]) -> None:
    """Serve until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listening = socket.socket(fileno=int(arguments[0]))
    defaults = Wanted(maximize="--maximize" in arguments, strategy=record(ORIGINAL))
    populations = Populations(Path(arguments[1]), defaults)
    request_check = RequestCheck(Key(os.environ.get(KEY_ENV) or None))
    app = App(populations, request_check, Verbose() if "--verbose" in arguments else None)
    serve(app, listening, lambda: None, until_closed=True)


if __name__ == "__main__":
    main(sys.argv[1:])
