"""The peers of the demo on the loopback: a web server with our own rooms, and a client that calls it as providers do.

Never: a port open to others, a connection to the database left behind.
"""

import http.client
import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from waitress import wasyncore
from waitress.server import create_server

from amiable.demo import letterbox
from amiable.web.dev import smtp

LAST_CALL = "/.last-call"  # closes the server thread's connection to the database

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class Caller:
    """One kept-alive connection to the web server of the demo."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        self._connection.request("POST", path, body=body, headers=headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def web() -> Iterator[Caller]:
    """Our rooms served on a free port of the loopback by one thread, and a caller to them."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # one thread: a call may wait for the one before
    application = get_wsgi_application()

    def rooms(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        if environ["PATH_INFO"] == LAST_CALL:
            connections.close_all()
            start_response("204 No Content", [])
            return []
        answer: Iterable[bytes] = application(environ, start_response)
        return answer

    channels: dict[int, Any] = {}
    server: Any = create_server(
        rooms, map=channels, host="127.0.0.1", port=0, threads=1, clear_untrusted_proxy_headers=True
    )
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            wasyncore.loop(timeout=0.1, map=channels, count=1)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(
            channels, ignore_all=True
        )  # the listener, its trigger, and callers that are still connected

    thread = threading.Thread(target=serve, name="demo-web", daemon=True)
    thread.start()
    caller = Caller(server.effective_port)
    try:
        yield caller
    finally:
        caller.post(LAST_CALL, b"", {})
        caller.close()
        ended.set()
        thread.join(timeout=10)


@contextmanager
def mailbox(*, emptied: bool = False) -> Iterator[None]:
    """Our own SMTP server as the one by which e-mails leave, in a process beside us; with an empty outbox if wished."""
    if emptied:
        shutil.rmtree(smtp.outbox(), ignore_errors=True)
    before = (settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS)
    server = subprocess.Popen(
        [sys.executable, "-m", letterbox.__name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = "127.0.0.1", int(server.stdout.readline()), "none"
        yield
    finally:
        settings.SMTP_HOST, settings.SMTP_PORT, settings.SMTP_TLS = before
        server.communicate(timeout=10)
