"""The real `amiable serve` on the database of the tests, and a reader of its streams."""

import contextlib
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from django.conf import settings
from django.db import connection
from django.test import Client

from amiable.core.models import User

Event = tuple[str, dict[str, Any]]


@dataclass
class Served:
    url: str
    process: "subprocess.Popen[bytes]"

    def end(self) -> int:
        """Asked to end as a server is; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = connection.settings_dict
    parts = {name: str(own[key]) for name, key in (("host", "HOST"), ("port", "PORT")) if own[key]}
    address = f"postgresql://{quote(own['USER'])}:{quote(own['PASSWORD'])}@/{own['NAME']}?" + "&".join(
        f"{name}={quote(value, safe='')}" for name, value in parts.items()
    )
    told = {**os.environ, "DATABASE_URL": address, "AMIABLE_DEV_ROOMS": "1", **environment}
    told["AMIABLE_BASE_URL"] = url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("amiable")), "serve", "--port", str(port), *arguments], env=told
    )
    try:
        _wait(url, process)
        yield Served(url, process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=20)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    patience = time.monotonic() + 30
    while time.monotonic() < patience:
        assert process.poll() is None, "The server has ended."
        try:
            if requests.get(f"{url}/login/", timeout=20).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError("The server does not answer.")


def logged_in(user: User) -> dict[str, str]:
    """The cookie of somebody who is logged in."""
    client = Client()
    client.force_login(user)
    return {settings.SESSION_COOKIE_NAME: client.cookies[settings.SESSION_COOKIE_NAME].value}


@dataclass
class Stream:
    """An open stream, read in a thread as a browser reads it."""

    response: http.client.HTTPResponse
    events: "queue.Queue[Event | None]" = field(default_factory=queue.Queue)
    last: str = ""

    def read(self) -> None:
        name, data = "", "{}"
        try:
            while line := self.response.readline():
                key, _colon, value = line.decode().rstrip("\n").partition(": ")
                if key == "id":
                    self.last = value
                elif key == "event":
                    name = value
                elif key == "data":
                    data = value
                elif not key and name:
                    self.events.put((name, json.loads(data)))
                    name = ""
        except (OSError, http.client.HTTPException):
            pass  # cut, by the server or by us
        self.events.put(None)

    def next(self, *, but: tuple[str, ...] = ("bell", "again")) -> Event | None:
        """The next event that is none of these; None when the stream has ended."""
        while True:
            told = self.events.get(timeout=10)
            if told is None or told[0] not in but:
                return told


@contextmanager
def stream(
    served: Served, user: User, *, query: str = "", last: str = "", cookies: dict[str, str] | None = None
) -> Iterator[Stream]:
    """The stream of a page, open and heard: it begins with the bell."""
    cookie = "; ".join(f"{name}={value}" for name, value in (cookies or logged_in(user)).items())
    line = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=60)
    line.request("GET", f"/live/?{query}", headers={"Cookie": cookie} | ({"Last-Event-ID": last} if last else {}))
    response = line.getresponse()
    assert response.status == 200, response.status
    found = Stream(response)
    reader = threading.Thread(target=found.read, daemon=True)
    wire = line.sock
    reader.start()
    first = found.next(but=())
    assert first is not None
    assert first[0] == "bell"
    yield found
    with contextlib.suppress(OSError):  # the server may have closed it
        wire.shutdown(socket.SHUT_RDWR)
    reader.join(timeout=5)
    line.close()
