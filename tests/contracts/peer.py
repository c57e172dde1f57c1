"""A provider's interface on the loopback: takes real HTTP, remembers it, answers as it was told to, or not at all."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """`hangs_up`: the request is read whole, and then the line goes dead."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False


@dataclass
class Peer:
    url: str
    answer: Answer
    at: dict[str, Answer] = field(default_factory=dict)  # what it answers at some paths, with their query or without
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def peer(answer: Answer) -> Iterator[Peer]:
    found = Peer("", answer)

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.asked.append(Asked(self.command, self.path, dict(self.headers.items()), body))
            said = found.at.get(self.path) or found.at.get(self.path.partition("?")[0], found.answer)
            if said.hangs_up:
                self.close_connection = True
                return
            content = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST

        def log_message(self, *told: object) -> None:
            """Tests say themselves what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    found.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
