"""Two sshfs mounts of one folder: what two machines see that share it."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

OPTIONS = "StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,LogLevel=ERROR,BatchMode=yes,dir_cache=no"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host
AuthorizedKeysFile {home}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""


def lacking() -> str | None:
    """What this machine lacks for it."""
    for program in ("sshfs", "ssh-keygen"):
        if shutil.which(program) is None:
            return f"no {program} here"
    if _sshd() is None:
        return "no sshd here"
    if _unmount() is None:
        return "no fusermount here"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no /dev/fuse here"
    return None


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _unmount() -> str | None:
    return shutil.which("fusermount3") or shutil.which("fusermount")


@contextlib.contextmanager
def two_mounts(home: Path) -> Iterator[tuple[Path, Path, Path]]:
    """The folder itself, and two mounts of it, through an sshd of our own on loopback."""
    real, mounts = home / "real", [home / "one", home / "two"]
    for folder in (real, *mounts):
        folder.mkdir()
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key], check=True)
    port = _free_port()
    (home / "config").write_text(CONFIG.format(port=port, home=home))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it drops privileges
    sshd = _sshd()
    assert sshd is not None
    server = subprocess.Popen([sshd, "-D", "-f", home / "config", "-E", home / "log"])
    mounted: list[Path] = []
    try:
        _wait_for(port)
        for mount in mounts:
            source = f"{getpass.getuser()}@127.0.0.1:{real}"
            options = f"IdentityFile={home}/user,{OPTIONS}"
            done = subprocess.run(
                ["sshfs", "-p", str(port), "-o", options, source, mount], capture_output=True, text=True, timeout=30
            )
            assert done.returncode == 0, done.stderr + (home / "log").read_text()
            mounted.append(mount)
        yield real, mounts[0], mounts[1]
    finally:
        for mount in mounted:
            subprocess.run([str(_unmount()), "-u", "-z", mount], check=False)
        server.terminate()
        server.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
