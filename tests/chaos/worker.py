"""The script that chaos runs: it trains in turns, checks every checkpoint that it loads, and writes down every answer.

    python worker.py WHERE NOTES

The training state is a chain of digests, so that a state of another step, or half of one, is known for what it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pbt
import pbt.client.remote

pbt.client.remote.BEAT_EVERY = 0.5  # type: ignore[attr-defined]
SPACE = {"lr": pbt.Float(1e-3, 1, log=True), "layers": pbt.Int(1, 8), "act": pbt.Choice(["a", "b"])}
BIG = 30_000
"""Bytes of ballast in each checkpoint, so that a saving takes a moment in which to be killed."""


def main(where: str, notes: Path) -> None:
    settings: dict[str, Any] = json.loads(os.environ["CHAOS"])
    pause = settings.pop("pause")
    fd = os.open(notes / f"{os.getpid()}-{time.time_ns()}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(**what: Any) -> None:
        os.write(fd, json.dumps(what).encode() + b"\n")

    for member in pbt.turns(where, space=SPACE, **settings):
        digest, x = "", 0.0
        if member.checkpoint:
            digest, x = load(member.checkpoint, member.step)
            note(loaded=member.checkpoint_id, digest=digest)
        for step in member.steps():
            digest = hashlib.sha256(f"{digest} {member.id} {step} {member['lr']!r}".encode()).hexdigest()
            x += float(member["lr"]) * (int(digest[:8], 16) / 2**32)  # type: ignore[arg-type]
            time.sleep(pause)
            told, state = member.reported, (step, digest, x)
            member.report(x, save=lambda folder, state=state: save(folder, *state))  # type: ignore[misc]
            if member.reported > told:
                note(acknowledged=[member.id, step, x])
            if member.lost:
                note(lost=member.id)


def save(folder: Path, step: int, digest: str, x: float) -> None:
    ballast = (digest * (BIG // 64)).encode()
    (folder / "ballast").write_bytes(ballast)
    (folder / "state.json").write_text(json.dumps([step, digest, x, hashlib.sha256(ballast).hexdigest()]))


def load(folder: Path, step: int) -> tuple[str, float]:
    saved, digest, x, of_ballast = json.loads((folder / "state.json").read_text())
    if saved != step or hashlib.sha256((folder / "ballast").read_bytes()).hexdigest() != of_ballast:
        print(f"CHAOS: {folder} holds step {saved}, not {step}, or half of it", flush=True)
        os._exit(66)
    return digest, x


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
