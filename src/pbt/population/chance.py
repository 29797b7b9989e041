"""All chance in the package: a pure function of (seed, member, decisions, purpose).

Nothing here has state. A restart, another member or one more hyperparameter shifts no other draws,
because every draw names its purpose.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring


@dataclass(frozen=True, slots=True)
class Chance:
    """The draws of one member at one count of its decisions."""

    seed: int
    member: int
    decisions: int

    def integer(self, purpose: str) -> int:
        """53 random bits for `purpose`, such as ``"parent"`` or ``"explore/lr"``.

        The first 8 bytes, big-endian, of the SHA-256 of the UTF-8 text ``[seed,member,decisions,"purpose"]``
        (compact JSON without ASCII escapes), of which the upper 53 bits are kept.
        """
        text = f"[{self.seed},{self.member},{self.decisions},{encode_basestring(purpose)}]"
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 11

    def uniform(self, purpose: str) -> float:
        """A number in [0, 1), the same for the same purpose."""
        return self.integer(purpose) / 9007199254740992.0

    def index(self, purpose: str, n: int) -> int:
        """An index in 0 … n-1."""
        return int(self.uniform(purpose) * n)

    def generator(self, purpose: str) -> random.Random:
        """A generator, where many draws are needed."""
        return random.Random(self.integer(purpose))
