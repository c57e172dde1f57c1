"""localstripe, a Stripe that keeps state, as a real peer on the loopback: a process of its own, on a free port.

It covers: customers, payment methods, SetupIntents, PaymentIntents (made, confirmed, authenticated, declined, off-session,
SEPA debits that answer later), refunds, and signed webhooks of payment_intent.succeeded and .payment_failed. Not covered,
and so told by samples: confirmation tokens, MOTO, setup_future_usage, disputes, webhooks of refunds and of debits under way,
the list of events that were not delivered, idempotency keys.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# Its own command listens on every address of the machine and keeps its state in a common folder; here it does neither.
START = """
import sys
from aiohttp import web
from localstripe import resources, server
resources.store.dump_to_disk = lambda: None
web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
"""
PATIENCE = 30


@dataclass
class LocalStripe:
    url: str

    def post(self, path: str, **values: Any) -> dict[str, Any]:
        """What the browser, or Stripe's own dashboard, would do."""
        return self._call(path, json.dumps(values).encode())

    def get(self, path: str) -> dict[str, Any]:
        return self._call(path, None)

    def _call(self, path: str, body: bytes | None) -> dict[str, Any]:
        headers = {"Authorization": "Bearer sk_test_51Amiable", "Content-Type": "application/json"}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{self.url}{path}", body, headers), timeout=10
            ) as answer:
                text = answer.read()
                return json.loads(text) if text else {}
        except urllib.error.HTTPError as error:
            return json.loads(error.read())


@contextmanager
def localstripe() -> Iterator[LocalStripe]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", START, str(port)])
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield LocalStripe(url)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "localstripe has ended."
        try:
            urllib.request.urlopen(f"{url}/js.stripe.com/v3/", timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("localstripe does not answer.")
