"""The page that a browser gets, and its files. They hold nothing of any population, so they need no key.

`make page` builds them into ``pbt/page``; wheels and source distributions have them there.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response

from pbt.server.routes import NAME
from pbt.views.built import FOLDER
from pbt.wire.addresses import API

_PAGE = re.compile(rf"/(?:{NAME})?")
_ASSETS = "/assets/"
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
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
_FOR_EVER = "public, max-age=31536000, immutable"
_UNBUILT = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>pbt</title></head>
<body>
<h1>A pbt server</h1>
<p>It serves populations to workers. The page that shows them is not built in this checkout: run <code>make page</code>
there, which needs Node, and start the server anew. What <code>pip install pbtrain</code> installs has it.</p>
<p>In a terminal, export the key that only reads as <code>PBT_KEY</code>, then:</p>
<pre>pbt status http://THIS-HOST:PORT/NAME
pbt plot http://THIS-HOST:PORT/NAME</pre>
<p>Programs find a description of everything at <a href="{API}/openapi.json">{API}/openapi.json</a>, with the key.</p>
</body>
</html>
"""


class File(NamedTuple):
    """A file of the page, plain and compressed."""

    media: str
    plain: bytes
    gzip: bytes | None


def is_page(method: str, path: str) -> bool:
    """Whether a request asks for the page: at ``/``, at the address of a population as a user writes it, or a file."""
    return method in ("GET", "HEAD") and (_PAGE.fullmatch(path) is not None or path.startswith(_ASSETS))


def page_answer(path: str, headers: dict[bytes, bytes], folder: Path = FOLDER) -> Response:
    """The page, or one of its files; never anything else of the machine's: only what was found in `folder` is given."""
    files = _files(folder, _stamp(folder))
    asset = path.startswith(_ASSETS)
    file = files.get(path.removeprefix("/") if asset else "index.html")
    if file is None:
        return (
            Response("not found", 404, HEADERS)
            if asset
            else Response(_UNBUILT, headers=HEADERS, media_type="text/html")
        )
    more = {**HEADERS, "vary": "accept-encoding"}
    if asset:
        more["cache-control"] = _FOR_EVER
    if file.gzip is not None and b"gzip" in headers.get(b"accept-encoding", b""):
        return Response(file.gzip, headers={**more, "content-encoding": "gzip"}, media_type=file.media)
    return Response(file.plain, headers=more, media_type=file.media)


def _stamp(folder: Path) -> int:
    """When the page was built, in nanoseconds since 1970: one that is built anew is read anew."""
    try:
        return (folder / "index.html").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=1)
def _files(folder: Path, stamp: int) -> dict[str, File]:
    """The files of a built page by their paths, some 200 kB; none where it is not built."""
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name: File(_MEDIA[path.suffix], path.read_bytes(), found[zipped].read_bytes() if zipped in found else None)
        for name, path in found.items()
        if path.suffix in _MEDIA and (zipped := f"{name}.gz")
    }
