"""Rubbish for every parser of outside data: nothing but our own errors may come out, and what is read stays readable.

All of them in turn, coverage-guided: ``python -m tests.chaos.fuzz --minutes 10``. One alone: ``--only entries``.
Needs the package atheris, which exists for Linux.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Target = Callable[[bytes], None]
_FORMATS = Path(__file__).parent.parent / "formats" / "1"


def _folder() -> Path:
    """For files that are written a thousand times a second; `main` sees to it that they go away."""
    return Path(tempfile.mkdtemp(prefix="pbt-fuzz-"))


def entries() -> Target:
    """A line of the journal."""
    from pbt.errors import PBTError
    from pbt.population.entries import decode, encode

    def target(data: bytes) -> None:
        try:
            entry = decode(data)
        except PBTError:
            return
        again = encode(entry)
        assert encode(decode(again)) == again

    return target


def bodies() -> Target:
    """The body of every request, as the application reads it; the first byte chooses which."""
    import msgspec

    from pbt.errors import UNREADABLE
    from pbt.server.routes import ROUTES

    decoders = [msgspec.json.Decoder(route.asked) for route in ROUTES if route.asked not in (None, bytes)]

    def target(data: bytes) -> None:
        if not data:
            return
        decoder = decoders[data[0] % len(decoders)]
        try:
            said = decoder.decode(data[1:])
        except UNREADABLE:
            return
        again = msgspec.json.encode(said)
        assert msgspec.json.encode(decoder.decode(again)) == again

    return target


def cookies() -> Target:
    """The cookie of a page: nobody gets in with one that the server did not seal."""
    from pbt.server.keys import Access, Key
    from pbt.server.sessions import begin, cookie, find

    key, host = Key("the key", reading="the other key"), {b"host": b"h:7"}
    good = {cookie(begin(key, access), host, False).partition(b";")[0] for access in (Access.READ, Access.WRITE)}

    def target(data: bytes) -> None:
        assert find(key, {**host, b"cookie": data}) is None
        for own in good:
            assert find(key, {**host, b"cookie": own + b"; x=" + data.replace(b";", b"")}) is not None

    return target


def settings() -> Target:
    """What somebody asks for, made into the settings of a population, and back."""
    import msgspec

    from pbt.errors import UNREADABLE, PBTError
    from pbt.population.entries import Created, Entry, decode, encode
    from pbt.settings import Wanted, compare, resolve

    decoder = msgspec.json.Decoder(Wanted)

    def target(data: bytes) -> None:
        try:
            found = resolve(decoder.decode(data))
        except (PBTError, *UNREADABLE):
            return
        body = encode(Entry(0.0, Created(found)))
        assert encode(decode(body)) == body
        compare(found, Wanted())

    return target


def _space(suffix: str) -> Target:
    import msgspec

    from pbt.errors import SpaceError
    from pbt.space.reading import read_space
    from pbt.space.space import Space

    file = _folder() / f"space{suffix}"

    def target(data: bytes) -> None:
        file.write_bytes(data)
        try:
            space = read_space(file)
        except SpaceError:
            return
        body = msgspec.json.encode(space)
        assert msgspec.json.encode(msgspec.json.decode(body, type=Space)) == body
        for u in (0.0, 0.5, 1.0 - 2**-53):
            values = space.sample(lambda name, u=u: u)  # type: ignore[misc]
            assert values in space or not space.holds(values)
            for name, domain in space.domains.items():
                assert domain.perturb(values[name], u, (0.8, 1.25))[0] in domain

    return target


def toml() -> Target:
    """A space in TOML."""
    return _space(".toml")


def csv() -> Target:
    """A space in CSV."""
    return _space(".csv")


def keys() -> Target:
    """A header against a key, and any key as it stands in a header."""
    from pbt.server.keys import Access, Key
    from pbt.wire.keys import wire_form

    key = Key("the key", reading="the other key")

    def target(data: bytes) -> None:
        opened = key.access(data)
        assert (opened is Access.WRITE) == (data == b"Bearer the key")
        form = wire_form(data)
        assert form.decode("ascii").isprintable() and wire_form(form) in (form, b"hex:" + form.hex().encode())
        if data:
            assert Key(data).access(b"Bearer " + form) is Access.WRITE

    return target


def manifests() -> Target:
    """``pbt.json`` of a checkpoint."""
    from pbt.checkpoints.folder import FolderStore
    from pbt.errors import CheckpointError

    root = _folder()
    folder = root / "checkpoints" / "0" / "1-1"
    folder.mkdir(parents=True)
    store = FolderStore(root)

    def target(data: bytes) -> None:
        (folder / "pbt.json").write_bytes(data)
        try:
            assert store.fetch("0/1-1") == folder
        except CheckpointError:
            return

    return target


def marks() -> Target:
    """``population.json``."""
    from pbt.errors import JournalError
    from pbt.opening.folder import read_mark

    root = _folder()

    def target(data: bytes) -> None:
        (root / "population.json").write_bytes(data)
        try:
            assert read_mark(root).journal == "sqlite"
        except JournalError:
            return

    return target


def orders() -> Target:
    """What a launcher says in the environment."""
    from pbt.errors import SettingsError
    from pbt.worker.orders import ORDERS_ENV, Orders

    def target(data: bytes) -> None:
        os.environ[ORDERS_ENV] = data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
        try:
            given = Orders.given()
        except SettingsError:
            return
        finally:
            del os.environ[ORDERS_ENV]
        assert given is None or given.where is not None

    return target


def notes() -> Target:
    """The note of a server's key."""
    from pbt.wire.noted import note_key, note_path, noted_key

    os.environ["XDG_STATE_HOME"] = str(_folder())
    note_key("secret", "127.0.0.1", 7777)
    note = note_path("127.0.0.1", 7777)

    def target(data: bytes) -> None:
        note.write_bytes(data)
        noted_key("127.0.0.1", 7777)

    return target


def urls() -> Target:
    """A server's URL, with its pin."""
    from pbt.client.remote import Remote
    from pbt.errors import SettingsError

    def target(data: bytes) -> None:
        url = "http" + data.decode("utf-8", "surrogateescape")
        try:
            Remote(url, "key")
        except SettingsError as error:
            if "secret@" in str(error):
                raise AssertionError(str(error)) from None

    return target


def failures() -> Target:
    """An error as a server says it."""
    import msgspec

    from pbt.errors import UNREADABLE, PBTError
    from pbt.wire.messages import Failure, raised

    def target(data: bytes) -> None:
        try:
            assert isinstance(raised(msgspec.json.decode(data, type=Failure)), PBTError)
        except UNREADABLE:
            return

    return target


def snapshots() -> Target:
    """A snapshot whose digest is right, whatever lies behind it."""
    import hashlib

    from pbt.coordinator.snapshot import load
    from pbt.errors import PBTError
    from pbt.strategies.registry import build

    def target(data: bytes) -> None:
        try:
            found = load(hashlib.sha256(data).digest() + data, build)
        except PBTError:
            return
        assert found is None or found.count >= 0

    return target


def frames() -> Target:
    """A file of a journal of files."""
    from pbt.errors import PBTError
    from pbt.journals.files.frames import unframed

    def target(data: bytes) -> None:
        try:
            found = unframed(data)
        except PBTError:
            return
        assert b"".join(frame.raw for frame in found) == data[: sum(len(frame.raw) for frame in found)]

    return target


def names() -> Target:
    """Names of checkpoints and of files in them."""
    from pathlib import PurePosixPath

    from pbt.checkpoints.ids import checked, parsed
    from pbt.errors import PBTError

    def target(data: bytes) -> None:
        text = data.decode("utf-8", "surrogateescape")
        for read in (checked, parsed):
            try:
                read(text)
            except PBTError:
                continue
            parts = PurePosixPath(text).parts
            assert ".." not in parts
            assert not text.startswith("/")

    return target


TARGETS: dict[str, Callable[[], Target]] = {
    made.__name__: made
    for made in (
        entries,
        bodies,
        cookies,
        settings,
        toml,
        csv,
        keys,
        manifests,
        marks,
        orders,
        notes,
        urls,
        failures,
        snapshots,
        frames,
        names,
    )
}


def seeds(name: str) -> list[bytes]:
    """What is right, from which rubbish is made."""
    lines = [line.encode() for line in _JOURNAL.strip().splitlines()]
    space = (
        b'{"space":{"domains":{"lr":{"kind":"float","min":0.1,"max":1.0,"log":true},"n":{"kind":"int","min":1,"max":8}'
    )
    wanted = space + b'}},"members":2,"maximize":true,"strategy":{"name":"pbt","parameters":{"quantile":0.2}}}'
    report = (
        b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":[1.0,"nan"],"used":{"lr":0.1},"metrics":{"a":2}}]'
    )
    checkpoint = b'{"id":"0/1-1","member":0,"step":1,"score":1.0,"hyperparameters":{"lr":0.5}}'
    known: dict[str, list[bytes]] = {
        "entries": lines,
        "bodies": [b"\x00" + report, b'\x01{"nonce":"n","settings":' + wanted + b"}",
                   b'\x02{"event":{"kind":"released","member":0,"lease":1}}', b'\x03{"member":0,"lease":1}',
                   b"\x06" + wanted],
        "cookies": [b"a=1; pbt_session_7=99999999999.ab.cd; b", b"pbt_session_7=1.ab.", b"pbt_session_7=."],
        "settings": [wanted],
        "toml": [b'constraints = ["n <= 3 or lr < 0.01"]\n'
                 b'decay = 1e-4\n[lr]\nmin = 1e-4\nmax = 0.1\nlog = true\n[n]\ntype = "int"\nmin = 1\nmax = 4\n'
                 b'[batch]\nordinal = [32, 64]\n[act]\nchoice = ["relu", "tanh"]\n'],
        "csv": [b"name,min,max,scale\nlr,0.0001,0.1,log\nm,0,0.99,linear\n"],
        "keys": [b"Bearer the key", b"Bearer the other key", b"\xff"],
        "manifests": [b'{"checkpoint":' + checkpoint + b',"parent":null,"files":{"x":0},"format":1}'],
        "marks": [b'{"format":1,"journal":"sqlite","id":"0"}'],
        "orders": [b'{"where":"p","settings":{},"worker":"0","meeting":"","token":""}'],
        "notes": [b"secret\n"],
        "urls": [b"://host:7777/name", b"s://[::1]:7/n#sha256=" + b"0" * 64, b"://k:secret@host/"],
        "failures": [b'{"code":"lost","error":"x"}'],
        "snapshots": [_FORMATS.joinpath("asynchronous", "snapshot").read_bytes()[32:]],
        "frames": [_FORMATS.joinpath("files", "journal", "000000000001").read_bytes()],
        "names": [b"0/1-1", b"weights/model.pt", b"../x", b"a//b"],
    }  # fmt: skip
    return known[name]


_JOURNAL = """
{"time":1.0,"event":{"kind":"created","settings":{"space":{"domains":{"lr":{"kind":"float","min":0.1,"max":1.0}}},"maximize":true,"seed":7,"interval":1,"strategy":{"name":"pbt","parameters":{"quantile":0.2}},"members":2,"steps":9,"goal":null,"initial":[],"quorum":null,"synchronous":false,"barrier_timeout":600.0,"turn_steps":1,"checkpoints":"own"}},"decisions":[{"member":0,"ready":1,"start":"fresh","hyperparameters":{"lr":0.5}}]}
{"time":1.0,"event":{"kind":"leased","member":0,"number":1,"nonce":"n","sign":"here"}}
{"time":1.0,"event":{"kind":"reported","reports":[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":"nan","checkpoint":"0/1-1","metrics":{"a":1.0}}]},"decisions":[{"member":0,"ready":2,"why":{"rank":1,"of":2}}]}
{"time":1.0,"event":{"kind":"explored","entry":3,"values":{"0":{"lr":0.5}}}}
{"time":1.0,"event":{"kind":"lost","member":0,"lease":1,"checkpoint":"0/1-1"}}
{"time":1.0,"event":{"kind":"absent","members":[[0,1]]}}
{"time":1.0,"event":{"kind":"steered","change":{"steps":12},"by":"x"}}
"""


def one(name: str, seconds: int) -> None:
    """Run one target, in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["pbt", "tomllib", "csv"]):
        target = TARGETS[name]()
    corpus = tempfile.mkdtemp(prefix="pbt-fuzz-")
    for n, seed in enumerate(seeds(name)):
        Path(corpus, str(n)).write_bytes(seed)
    atheris.Setup(
        [sys.argv[0], corpus, f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048",
         "-print_final_stats=1", f"-artifact_prefix={corpus}-"],
        target,
    )  # fmt: skip
    atheris.Fuzz()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for all together")
    parser.add_argument("--only", choices=list(TARGETS))
    options = parser.parse_args()
    if options.only is not None:
        one(options.only, max(1, round(options.minutes * 60)))
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        failed = [name for name in TARGETS if not _in_turn(name, options.minutes / len(TARGETS), folder)]
    print(f"{len(TARGETS)} targets; failed: {', '.join(failed) or 'none'}")
    sys.exit(bool(failed))


def _in_turn(name: str, minutes: float, folder: str) -> bool:
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.chaos.fuzz", "--only", name, "--minutes", str(minutes)]
    done = subprocess.run(
        command, env={**os.environ, "TMPDIR": folder}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said = done.stdout.decode(errors="replace")
    ran = [line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line]
    fine = done.returncode == 0
    print(f"{name}: {ran[0] if ran else '?'} runs in {time.monotonic() - began:.0f} s, {'fine' if fine else 'FAILED'}")
    if not fine:
        print(said[-3000:])
    sys.stdout.flush()
    return fine


if __name__ == "__main__":
    main()
