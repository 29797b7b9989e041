"""Where the API lies on a server. A user's URL, ``http://host:7777/digits``, says nothing of it."""

from __future__ import annotations

API = "/api/v1"
"""Before every address for programs; a change that older clients would not understand counts it up."""
POPULATIONS = f"{API}/populations"
SESSION = f"{API}/session"
