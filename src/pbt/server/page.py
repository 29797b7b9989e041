"""The page that a browser gets. It holds nothing of any population, so it needs no key; what it shows will."""

from __future__ import annotations

import re

from starlette.responses import Response

from pbt.server.routes import NAME
from pbt.wire.addresses import API

_PAGE = re.compile(rf"/(?:{NAME})?")
_POLICY = {
    "default-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}
"""No script but the server's own files, no other page around it, and no address of it told elsewhere."""
_HTML = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pbt</title></head>
<body>
<h1>A pbt server</h1>
<p>It serves populations to workers. To see them, export the key that only reads as <code>PBT_KEY</code>, then:</p>
<pre>pbt status http://THIS-HOST:PORT/NAME
pbt plot http://THIS-HOST:PORT/NAME</pre>
<p>Programs find a description of everything at <a href="{API}/openapi.json">{API}/openapi.json</a>, with the key.</p>
</body>
</html>
"""
PAGE_ANSWER = Response(_HTML, media_type="text/html", headers=HEADERS)


def is_page(method: str, path: str) -> bool:
    """Whether a request asks for the page: at ``/``, or at the address of a population as a user writes it."""
    return method in ("GET", "HEAD") and _PAGE.fullmatch(path) is not None
