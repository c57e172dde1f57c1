"""Twilio on the loopback: it rings and is rung, presses keys, types a card, and signs every call that it makes."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as Xml

from django.test import Client

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import route
from amiable.payments import acquire
from amiable.web.ui import clock
from tests.outreach.peers import Twilio

LINE, PERSON = Twilio.senders[0], "+33400000002"
FORM = "application/x-www-form-urlencoded"
CARD = ("payment-card-number", "expiration-date", "security-code", "payment-processing")


def set_up(owner: Creditor, far: Twilio, *, by: User) -> None:
    """A payment line with a person behind it, and the way to the gateway."""
    line = far.config(sender=LINE) | {"person": PERSON}
    route.keep(creditor=owner, key="ivr_twilio", values=line, now=clock.now(), by=by)
    pay = {"account_sid": far.sid, "auth_token": far.token, "connector": "Default"}
    acquire.keep(creditor=owner, key="twilio_pay", values=pay, now=clock.now(), by=by)


@dataclass
class Phone:
    """One call, from Twilio's side: `heard` are the last words, `next` what it is to do."""

    owner: Creditor
    token: str = Twilio.token
    call: str = "CA" + "0123456789abcdef" * 2
    caller: str = "+33612345678"
    client: Client = field(default_factory=Client)
    next: Xml.Element = field(default_factory=lambda: Xml.Element("Response"))
    status: int = 0
    last: str = ""

    @property
    def heard(self) -> str:
        return " ".join(said.text or "" for said in self.next.iter("Say"))

    def ring(self, url: str = "", **said: str) -> str:
        return self.ask(url or f"http://127.0.0.1:8000/voice/{self.owner.pk}/", **said)

    def press(self, keys: str) -> str:
        asked = self.next.find("Gather")
        assert asked is not None, self.heard
        self.last = asked.attrib["action"]
        return self.ask(self.last, Digits=keys)

    def press_again(self, keys: str) -> str:
        """The last turn is told once more, as after a silence of ours."""
        return self.ask(self.last, Digits=keys)

    def ask(self, url: str, **said: str) -> str:
        answer = self.post(url, **said)
        self.status = answer.status_code
        if self.status == 200:
            self.next = Xml.fromstring(answer.content.decode())
        return self.heard

    def post(self, url: str, *, token: str = "", **said: str) -> Any:
        """What Twilio posts there, signed."""
        values = {"AccountSid": Twilio.sid, "CallSid": self.call, "From": self.caller, "To": LINE, **said}
        headers = Twilio.signed(token or self.token, url, values)
        place = urlsplit(url)
        path = f"{place.path}?{place.query}" if place.query else place.path
        return self.client.post(path, urlencode(values), content_type=FORM, headers=headers)

    @property
    def pay(self) -> dict[str, str]:
        found = self.next.find("Pay")
        assert found is not None, self.heard
        return found.attrib

    def field(self, name: str, *, wrong: str = "", count: int = 1, **said: str) -> Any:
        """<Pay> asks for a field of the card."""
        error = {"ErrorType": wrong} if wrong else {}
        return self.post(self.pay["statusCallback"], For=name, Attempt=str(count), **error, **said)

    def typed(self, result: str = "success", **said: str) -> str:
        """The whole card is typed, and the gateway has answered: told at both addresses."""
        for place, name in enumerate(CARD):
            self.field(name, **({"PaymentCardNumber": "xxxxxxxxxxxx4242"} if place else {}))
        end = {"Result": result, "PaymentCardNumber": "xxxxxxxxxxxx4242", **said}
        if result == "success":
            end |= {"PaymentConfirmationCode": "ch_3Line"}
        pay = dict(self.pay)
        assert self.post(pay["statusCallback"], **end).status_code == 200
        return self.ask(pay["action"], **end)
