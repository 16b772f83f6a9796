"""Static files: read once, sent with a name that changes with what is in them."""

import gzip
import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_DIRECTORY = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {file.name: file.read_bytes() for file in sorted(_DIRECTORY.iterdir()) if file.is_file()}
_HASHES = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in _FILES.items()}
_SMALL = {name: gzip.compress(data, 9, mtime=0) for name, data in _FILES.items()}


def asset_url(name: str) -> str:
    """Give where a file is found."""
    return f"/static/{_HASHES[name]}/{name}"


async def static_file(request: Request) -> Response:
    """Give a file; kept by browsers for as long as they like."""
    name = request.path_params["name"]
    if _HASHES.get(name) != request.path_params["version"]:
        return PlainTextResponse("Not found.\n", 404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    body = _FILES[name]
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = _SMALL[name]
    return Response(body, media_type=_TYPES[Path(name).suffix], headers=headers)
