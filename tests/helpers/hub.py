"""A hub of one repository on this machine: the few answers of the hub's that a download asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """``repository`` serves the files of a folder; ``closed/model`` is gated, and every other one is not there.

    Attributes:
        url: for HF_ENDPOINT.
        fetched: paths whose content was asked for.
        asked: every request's path.
    """

    def __init__(self, folder: Path, repository: str = "lab/tiny") -> None:
        self.folder = folder
        self.repository = repository
        self.fetched: list[str] = []
        self.asked: list[str] = []
        self.url = ""

    def answer(self, path: str, *, head: bool) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        path = path.partition("?")[0].lstrip("/").removeprefix("api/models/")
        if path.startswith("closed/model"):
            return 403, {"X-Error-Code": "GatedRepo"}, b""
        if not path.startswith(f"{self.repository}/"):
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        what, _, rest = path.removeprefix(f"{self.repository}/").partition("/")
        revision, _, name = rest.partition("/")
        if revision not in ("main", COMMIT):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if what == "revision":
            return 200, {}, json.dumps({"id": self.repository, "sha": COMMIT, "siblings": []}).encode()
        if what == "tree":
            files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
            return 200, {}, json.dumps([self._described(file) for file in files]).encode()
        if not head:
            self.fetched.append(name)
        data = (self.folder / name).read_bytes()
        return 200, {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": COMMIT}, data

    def _described(self, file: Path) -> dict[str, object]:
        data = file.read_bytes()
        name = file.relative_to(self.folder).as_posix()
        return {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """The hub, answering while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(head=False)

        def do_HEAD(self) -> None:
            self._answer(head=True)

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def _answer(self, *, head: bool) -> None:
            status, headers, data = hub.answer(self.path, head=head)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if not head:
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def cached(folder: Path, cache: Path, repository: str = "lab/tiny", commit: str = COMMIT) -> Path:
    """A folder put where the hub's cache keeps the main branch of a repository; the snapshot."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    snapshot = place / "snapshots" / commit
    for file in (file for file in sorted(folder.rglob("*")) if file.is_file()):
        target = snapshot / file.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return snapshot


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
