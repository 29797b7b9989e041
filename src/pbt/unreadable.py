"""What reading somebody else's JSON may raise."""

from __future__ import annotations

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""It is malformed or of the wrong types; it is no UTF-8; it is nested too deeply."""
