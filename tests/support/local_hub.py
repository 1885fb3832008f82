"""A small hub on this machine, with the parts of Hugging Face's that fetching a file needs, and a proxy in front of it.

A file's address redirects to another path of the same server, as the real hub's does to its storage; HEAD tells size
and checksum of what stands there (`X-Linked-Size`, `X-Linked-Etag`).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "c" * 40


@define
class Hub:
    """What the server has, what it does, and what it was asked."""

    files: dict[str, bytes] = field(factory=dict)
    """By `owner/repository/file`."""
    licence: str = "apache-2.0"
    gated: bool = False
    token: str = "let-me-in"  # noqa: S105 - nobody's
    """Opens a gated repository."""
    cut_after: int | None = None
    """Ends each answer after so many bytes of a file."""
    wrong_checksum: bool = False
    no_ranges: bool = False
    states_bytes: int | None = None
    """In place of a file's true length."""
    mirror: str = ""
    """Redirects everything there."""
    hold: threading.Event = field(factory=threading.Event)
    """Cleared: a file's second half is kept back until it is set."""
    requests: list[str] = field(factory=list)
    """Method and path of each."""
    sent: int = 0
    """Bytes of files."""
    url: str = ""

    def __attrs_post_init__(self) -> None:
        self.hold.set()

    def asked(self, beginning: str) -> list[str]:
        return [one for one in self.requests if one.startswith(beginning)]


@contextmanager
def local_hub() -> Iterator[Hub]:
    """Serve a hub until the block ends."""
    hub = Hub()

    class Handler(_Handler):
        served = hub

    with _serving(Handler) as url:
        hub.url = url
        yield hub
        hub.hold.set()


@contextmanager
def proxied_hub(host: str) -> Iterator[tuple[str, Hub]]:
    """Serve a hub that is reached through an HTTP proxy only, as `host`; yields the proxy's address, and the hub."""
    hub = Hub(url=f"http://{host}")

    class Handler(_Handler):
        served = hub

        def _route(self, *, body: bool) -> None:
            address = urlsplit(self.path)
            assert address.hostname == host, "a proxy is asked for whole addresses"
            self.path = address.path + (f"?{address.query}" if address.query else "")
            super()._route(body=body)

    with _serving(Handler) as url:
        yield url, hub


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_request: None  # type: ignore[method-assign] # a client that ends is what is tested
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Hub

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing on stderr."""

    def do_HEAD(self) -> None:
        self._route(body=False)

    def do_GET(self) -> None:
        self._route(body=True)

    def _route(self, *, body: bool) -> None:
        hub = self.served
        hub.requests.append(f"{self.command} {self.path}")
        if hub.mirror:
            self._answer(307, {"Location": hub.mirror + self.path})
            return
        api = re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(?:/revision/[^/?]+)?(?:\?.*)?", self.path)
        resolve = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", self.path)
        if api:
            self._model(api[1])
        elif resolve:
            self._resolve(resolve[1], resolve[3])
        elif self.path.startswith("/storage/"):
            self._file(self.path.removeprefix("/storage/"), body=body)
        else:
            self._answer(404, {})

    def _allowed(self) -> bool:
        return not self.served.gated or self.headers.get("Authorization") == f"Bearer {self.served.token}"

    def _model(self, repo: str) -> None:
        if not any(name.startswith(repo + "/") for name in self.served.files):
            self._answer(404, {"X-Error-Code": "RepoNotFound"})
            return
        said = {"id": repo, "sha": COMMIT, "cardData": {"license": self.served.licence}, "siblings": [], "tags": []}
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    def _resolve(self, repo: str, file: str) -> None:
        hub, name = self.served, f"{repo}/{file}"
        if not any(one.startswith(repo + "/") for one in hub.files):
            self._answer(401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        elif name not in hub.files:
            self._answer(404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        elif not self._allowed():
            self._answer(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"})
        else:
            content = hub.files[name]
            digest = hashlib.sha256(content[1:] if hub.wrong_checksum else content).hexdigest()
            headers = {
                "X-Repo-Commit": COMMIT,
                "X-Linked-Size": str(hub.states_bytes or len(content)),
                "X-Linked-Etag": f'"{digest}"',
            }
            # Another name of this machine: what stands at another host is not the hub any more.
            self._answer(302, {**headers, "Location": f"{hub.url.replace('127.0.0.1', 'localhost')}/storage/{name}"})

    def _file(self, name: str, *, body: bool) -> None:
        hub = self.served
        content = hub.files.get(name)
        if content is None:
            self._answer(404, {})
            return
        start, end, status = 0, len(content), 200
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and not hub.no_ranges:
            start, end, status = int(wanted[1]), min(end, int(wanted[2]) + 1 if wanted[2] else end), 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(end - start)}.items():
            self.send_header(key, value)
        self.end_headers()
        if not body:
            return
        part = content[start:end]
        if hub.cut_after is not None:
            part = part[: hub.cut_after]
            self.close_connection = True
        half = len(part) // 2
        for piece in (part[:half], part[half:]):
            self.wfile.write(piece)
            self.wfile.flush()
            hub.sent += len(piece)
            hub.hold.wait()

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
