"""A web server on this machine that can be told to misbehave."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class LocalServer:
    """Serves `files` (path -> bytes) with Range and ETag. `moods[path]` is a list of what the next requests meet:

    ("cut", n)   n bytes of the answer, then the connection ends      ("status", code)   an error
    ("whole",)   Range is ignored                                     ("other",)         the file has changed meanwhile
    ("whole", n) both: Range is ignored, and cut after n bytes
    A path without moods left is served well. `requests` lists (path, Range header or None).
    """

    def __init__(self):
        self.files, self.first, self.moods, self.requests = {}, {}, defaultdict(list), []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self):
                server.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request) -> None:
        path, wanted = request.path, request.headers.get("Range")
        self.requests.append((path, wanted))
        mood = self.moods[path].pop(0) if self.moods[path] else ("well",)
        body = self.files.get(path)
        if mood[0] == "status" or body is None:
            request.send_error(mood[1] if mood[0] == "status" else 404)
            return
        tag = '"first"'
        if mood[0] == "other":
            self.files[path] = body = body[::-1]
        if self.files[path] != self.first.setdefault(path, body):
            tag = '"second"'
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        fresh = request.headers.get("If-Range") not in (None, tag)
        if start and start >= len(body) and not fresh:
            request.send_error(416)
            return
        partial = bool(start) and mood[0] != "whole" and not fresh
        part = body[start:] if partial else body
        request.send_response(206 if partial else 200)
        request.send_header("Content-Length", str(len(part)))
        request.send_header("ETag", tag)
        if partial:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        request.wfile.write(part[: mood[1]] if len(mood) > 1 else part)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@pytest.fixture
def server(monkeypatch):
    """A LocalServer; downloads are allowed, and do not pause between attempts."""
    from coursekit.data import downloads

    monkeypatch.setattr(downloads, "PAUSE", 0)
    monkeypatch.setenv("COURSEKIT_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    local = LocalServer()
    yield local
    local.http.shutdown()
    local.http.server_close()
