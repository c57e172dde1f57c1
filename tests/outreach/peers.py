"""Far sides for SMS on loopback: HTTP servers that keep state and believe nobody, as OVHcloud and Twilio do."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Answer = tuple[int, Any]  # status, what is said in JSON; a status of 0 hangs up without a word
AHEAD = 3_600  # seconds by which their clock is ahead of ours


@dataclass
class Peer:
    """A server of one test; `behaves` may be set to answer otherwise than it would."""

    behaves: Callable[[str, str], Answer | None] = lambda _method, _path: None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_who: None  # type: ignore[method-assign]  # who hangs up on us is no news
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def answer(self, method: str, path: str, headers: Any, body: str) -> Answer:
        return 404, {"message": f"Nothing at {path}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                peer.asked.append((self.command, self.path))
                status, said = peer.behaves(self.command, self.path) or peer.answer(
                    self.command, self.path, self.headers, body
                )
                if not status:
                    self.close_connection = True
                    return
                content = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, format: str, *values: Any) -> None:
                """Tests say what they saw."""

        return Handler


@dataclass
class Ovh(Peer):
    """The SMS account sms-ab12345-1, with one approved sender."""

    application_key: str = "app-key"
    application_secret: str = "app-secret"
    consumer_key: str = "consumer-key"
    service: str = "sms-ab12345-1"
    senders: tuple[str, ...] = ("Lumen",)
    invalid: frozenset[str] = frozenset({"+33600000404"})
    line: str = ""  # what stands between the account and its texts, for a virtual number
    blacklisted: dict[str, str] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    outgoing: dict[int, dict[str, Any]] = field(default_factory=dict)
    incoming: dict[int, dict[str, Any]] = field(default_factory=dict)

    def config(self, **changes: Any) -> dict[str, Any]:
        return {
            "application_key": self.application_key, "application_secret": self.application_secret,
            "consumer_key": self.consumer_key, "service": self.service, "sender": "Lumen", "api_url": f"{self.root}/1.0",
            **changes,
        }  # fmt: skip

    def delivered(self, *, ptt: int = 4, receipt: int = 1) -> dict[str, str]:
        """The newest text has a new state; what OVHcloud's call would say in its query."""
        number = max(self.outgoing)
        self.outgoing[number] |= {"ptt": ptt, "deliveryReceipt": receipt}
        return {"id": str(number), "ptt": str(ptt), "date": "2025-11-20 10:31:00", "description": str(receipt)}

    def answered(self, text: str, *, sender: str = "", tag: str = "") -> None:
        number = 9_000 + len(self.incoming)
        job = self.jobs[-1] if self.jobs else {"receivers": [sender], "tag": tag}
        self.incoming[number] = {
            "id": number, "sender": sender or job["receivers"][0], "message": text, "credits": 1,
            "tag": tag or job["tag"], "creationDatetime": "2025-11-20T11:32:00+01:00",
        }  # fmt: skip

    def answer(self, method: str, path: str, headers: Any, body: str) -> Answer:
        if path == "/1.0/auth/time":
            return 200, int(time.time()) + AHEAD
        if refusal := self._distrusts(method, path, headers, body):
            return refusal
        place, root = urlsplit(path), f"/1.0/sms/{self.service}"
        if not place.path.startswith(root):
            return 404, {"class": "Client::NotFound", "message": "This service does not exist"}
        kind, _slash, name = place.path.removeprefix(root).removeprefix(self.line).strip("/").partition("/")
        if (method, kind) == ("POST", "jobs"):
            return self._job(json.loads(body))
        if kind == "incoming" and not name:
            return 200, sorted(self.incoming) if "creationDatetime.from" in parse_qs(place.query) else []
        rows: dict[str, dict[Any, Any]] = {"outgoing": self.outgoing, "incoming": self.incoming}
        if kind in rows and name.isdigit() and int(name) in rows[kind]:
            return 200, rows[kind][int(name)]
        if kind == "blacklists" and unquote(name) in self.blacklisted:
            return 200, {"number": unquote(name), "dateCreation": self.blacklisted[unquote(name)]}
        return 404, {"class": "Client::NotFound", "message": f"The requested object ({kind}) does not exist"}

    def _distrusts(self, method: str, path: str, headers: Any, body: str) -> Answer | None:
        stamp = headers.get("X-Ovh-Timestamp", "0")
        if abs(int(stamp) - time.time() - AHEAD) > 30:
            return 400, {"errorCode": "QUERY_TIME_OUT", "message": "Query out of time"}
        if headers.get("X-Ovh-Application") != self.application_key:
            return 403, {"errorCode": "INVALID_KEY", "message": "This application key is invalid"}
        if headers.get("X-Ovh-Consumer") != self.consumer_key:
            return 403, {"errorCode": "INVALID_CREDENTIAL", "message": "This credential does not exist"}
        parts = "+".join([self.application_secret, self.consumer_key, method, self.root + path, body, stamp])
        if headers.get("X-Ovh-Signature") != "$1$" + hashlib.sha1(parts.encode()).hexdigest():
            return 400, {"errorCode": "INVALID_SIGNATURE", "message": "Invalid signature"}
        return None

    def _job(self, job: dict[str, Any]) -> Answer:
        if job.get("sender") and job["sender"] not in self.senders:
            return 400, {"class": "Client::BadRequest", "message": f"Sender {job['sender']} does not exist"}
        [receiver] = job["receivers"]
        if receiver in self.invalid | self.blacklisted.keys():
            return 200, {"ids": [], "invalidReceivers": [receiver], "validReceivers": [], "totalCreditsRemoved": 0}
        number = 26_929_925 + len(self.outgoing)
        self.jobs.append(job)
        self.outgoing[number] = {
            "id": number, "tag": job["tag"], "receiver": receiver, "ptt": 0, "deliveryReceipt": 0, "message": job["message"],
            "sender": job.get("sender", ""), "credits": 1, "creationDatetime": "2025-11-20T10:30:00+01:00",
        }  # fmt: skip
        report = {"ids": [number], "invalidReceivers": [], "validReceivers": [receiver], "totalCreditsRemoved": 1}
        return 200, report | {"creditsLeft": 99}


@dataclass
class Twilio(Peer):
    """An account whose owner may send from one number; a recipient's last digits choose what goes wrong."""

    sid: str = "AC" + "0123456789abcdef" * 2
    token: str = "auth-token"
    senders: tuple[str, ...] = ("+33700000001", "Lumen", "MG" + "0123456789abcdef" * 2)
    errors: dict[str, tuple[int, int, str]] = field(
        default_factory=lambda: {
            "+33600021211": (400, 21211, "The 'To' number is not a valid phone number."),
            "+33600021614": (400, 21614, "'To' number is not a valid mobile number"),
            "+33600021610": (400, 21610, "Attempt to send to unsubscribed recipient"),
            "+33600021408": (400, 21408, "Permission to send an SMS has not been enabled for the region"),
            "+33600020429": (429, 20429, "Too many requests"),
        }
    )
    texts: list[dict[str, str]] = field(default_factory=list)
    calls: list[dict[str, str]] = field(default_factory=list)
    turned: dict[str, str] = field(default_factory=dict)  # calls that were told to go on otherwise, with the words

    def config(self, **changes: Any) -> dict[str, Any]:
        return {
            "account_sid": self.sid,
            "auth_token": self.token,
            "sender": self.senders[0],
            "api_url": self.root,
            **changes,
        }

    def call(self, url: str, values: dict[str, str]) -> dict[str, str]:
        """The headers with which it calls that address."""
        return self.signed(self.token, url, values)

    @staticmethod
    def signed(token: str, url: str, values: dict[str, str]) -> dict[str, str]:
        text = url + "".join(name + values[name] for name in sorted(values))
        digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
        return {"X-Twilio-Signature": base64.b64encode(digest).decode()}

    def told(self, state: str, *, code: int = 0) -> tuple[str, dict[str, str]]:
        """The address that it calls about the newest text, and what it says there."""
        text = self.texts[-1]
        said = {
            "MessageSid": text["sid"], "SmsSid": text["sid"], "MessageStatus": state, "SmsStatus": state, "To": text["To"],
            "AccountSid": self.sid, "ApiVersion": "2010-04-01", "From": text.get("From", ""),
        }  # fmt: skip
        return text["StatusCallback"], said | ({"ErrorCode": str(code)} if code else {})

    def answered(self, text: str, *, sender: str) -> dict[str, str]:
        return {
            "MessageSid": f"SM{hashlib.md5(f'{sender}{text}'.encode()).hexdigest()}", "SmsStatus": "received",
            "AccountSid": self.sid, "From": sender, "To": self.senders[0], "Body": text, "NumMedia": "0", "NumSegments": "1",
        }  # fmt: skip

    def answer(self, method: str, path: str, headers: Any, body: str) -> Answer:
        expected = "Basic " + base64.b64encode(f"{self.sid}:{self.token}".encode()).decode()
        if headers.get("Authorization") != expected:
            return 401, {"code": 20003, "message": "Authenticate", "status": 401}
        form = {name: values[0] for name, values in parse_qs(body).items()}
        what = path.removeprefix(f"/2010-04-01/Accounts/{self.sid}/").removesuffix(".json")
        if what.startswith("Calls/"):
            self.turned[what.removeprefix("Calls/")] = form["Twiml"]
            return 200, {"sid": what.removeprefix("Calls/"), "status": "in-progress"}
        if method != "POST" or what not in ("Messages", "Calls"):
            return 404, {"code": 20404, "message": "The requested resource was not found", "status": 404}
        if (form.get("From") or form.get("MessagingServiceSid")) not in self.senders:
            return 400, {"code": 21606, "message": "The 'From' phone number provided is not valid", "status": 400}
        if form["To"] in self.errors:
            status, code, said = self.errors[form["To"]]
            return status, {"code": code, "message": said, "status": status}
        if what == "Calls":
            sid = f"CA{len(self.calls):032x}"
            self.calls.append(form | {"sid": sid})
            return 201, {"sid": sid, "status": "queued"}
        sid = f"SM{len(self.texts):032x}"
        self.texts.append(form | {"sid": sid})
        return 201, {"sid": sid, "status": "queued", "num_segments": "1", "price": None, "price_unit": "EUR"}
