"""A creditor's payment line: whose call it is, whether Twilio makes it, and whom the caller has shown to be.

In: a signed call. Out: a scene. Never: a name, an amount or an invoice before the light check; a check tried without end.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models.functions import Reverse
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from amiable.core import audit
from amiable.core.errors import NotConfigured, Refused
from amiable.core.models import AuditEntry
from amiable.core.seal import UnableToUnseal
from amiable.law.hours import open_at
from amiable.law.packs import law
from amiable.ledger.models import Creditor, Customer, Invoice
from amiable.outreach import route
from amiable.outreach.channels.ivr_twilio import OURS, IvrTwilio
from amiable.outreach.models import Delivery, Message
from amiable.web.portal import gate
from amiable.web.ui import clock
from amiable.web.voice.twiml import Voice

log = logging.getLogger(__name__)
KEY = IvrTwilio.key
WRONG = 2  # tries within one call
STRANGERS = 10  # wrong numbers typed from one telephone within an hour
PERIOD = timedelta(hours=1)
SHORTEST = 3  # digits of a number that is looked for
ENDS = 3  # its last digits, by which an index finds it, whatever sign parts them from the others
LOOKED_AT = 20_000
LETTERS = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")  # on the keys from 2 on
KEYS = {letter: str(key) for key, letters in enumerate(LETTERS, 2) for letter in letters}


@dataclass(frozen=True)
class Scene:
    """One turn of a call. `customer`: who the caller has shown to be; `message`: the call that we made."""

    owner: Creditor
    channel: IvrTwilio
    call: str  # Twilio's name of it
    caller: str  # the number of the other side
    digits: str
    about: Mapping[str, str]  # what our own address says, under the signature
    request: HttpRequest
    now: datetime
    customer: Customer | None = None
    message: Message | None = None

    @property
    def language(self) -> str:
        """Chosen for this call, else the customer's, else the creditor's."""
        wishes = (self.customer.language if self.customer else "", self.message.language if self.message else "")
        return gate.spoken(self.about.get("speaks", ""), *wishes, self.owner.language)

    @property
    def wrong(self) -> int:
        return self.number("wrong")

    def number(self, name: str) -> int:
        text = self.about.get(name, "")
        return int(text) if text.isdecimal() and len(text) < 16 else 0

    def to(self, step: str, **more: Any) -> str:
        """The address of the next turn; who is known, and by which call of ours, goes along."""
        known: dict[str, Any] = {"customer": self.customer.pk} if self.customer else {}
        known |= {name: self.about[name] for name in (OURS, "speaks", "n") if self.about.get(name)}
        query = urlencode(known | more)
        return settings.BASE_URL + reverse("voice:turn", args=[self.owner.pk, step]) + (f"?{query}" if query else "")

    def voice(self) -> Voice:
        return Voice(self.language)


Turn = Callable[[Scene], Voice]


def door(turns: Mapping[str, Turn]) -> Callable[..., HttpResponse]:
    """The one way in: 404 where the creditor has no line, 400 where the call is not Twilio's own."""

    @csrf_exempt
    @require_POST
    @wraps(door)
    def view(request: HttpRequest, creditor: int, step: str = "") -> HttpResponse:
        owner, turn = Creditor.objects.filter(pk=creditor).first(), turns.get(step)
        if owner is None or turn is None:
            return _plain("There is no such line.", 404)
        try:
            channel = cast(IvrTwilio, route.route(owner, KEY).channel())
            channel.believe(request)
        except NotConfigured:
            return _plain("This creditor has no payment line.", 404)
        except UnableToUnseal as error:
            log.error("A call on the line of %s cannot be checked: %s", owner, error)
            return _plain("The call cannot be checked now.", 503)
        except Refused as error:
            log.warning("A call on the line of %s was refused: %s", owner, error)
            return _plain(str(error), 400)
        scene = _scene(request, owner, channel)
        with translation.override(scene.language):
            return HttpResponse(str(turn(scene)), content_type="text/xml; charset=utf-8")

    return view


def may_go_on(scene: Scene) -> bool:
    """Counts a number that is nobody's; False where too many such were typed from this telephone within an hour."""
    if named(scene.owner, scene.digits) is None:
        audit.record(
            "voice.unknown", now=scene.now, actor="voice", creditor_ref=scene.owner.pk, subject="creditor",
            subject_ref=scene.owner.pk, caller=scene.caller,
        )  # fmt: skip
    return patient(scene)


def patient(scene: Scene) -> bool:
    """Whether this telephone may type another number."""
    wrong = AuditEntry.objects.filter(
        subject="creditor", subject_ref=scene.owner.pk, act="voice.unknown", at__gt=scene.now - PERIOD,
        detail__caller=scene.caller,
    )  # fmt: skip
    return wrong.count() < STRANGERS


def recognise(scene: Scene, *, typed: str, postcode: str) -> Customer | None:
    """Who answers to this number (theirs, or of an invoice) and postcode; a wrong answer is counted, whoever gave it."""
    found = named(scene.owner, typed)
    if found is None:
        return None
    right = bool(found.postcode) and _typed(found.postcode, postcode)
    return found if gate.admit(found, right=right, now=scene.now, by="voice") else None


def confirm(scene: Scene, postcode: str) -> Customer | None:
    """Whether the one whom we rang is on the line."""
    assert scene.message is not None
    customer = scene.message.customer.merged_into or scene.message.customer
    right = bool(customer.postcode) and _typed(customer.postcode, postcode)
    return customer if gate.admit(customer, right=right, now=scene.now, by="voice") else None


def staffed(scene: Scene) -> str:
    """The number of a person who may be reached now; empty outside the hours of calls."""
    number = scene.channel.config["person"] or ""
    here = scene.now.astimezone(ZoneInfo(scene.owner.time_zone))
    rules = law(scene.owner.country, here.date())
    return number if number and open_at(rules, scene.owner.policy, "call", [here]) else ""


def _scene(request: HttpRequest, owner: Creditor, channel: IvrTwilio) -> Scene:
    about, said = request.GET.dict(), request.POST.dict()
    ours = str(about.get(OURS, ""))
    sent = Delivery.objects.filter(external_id=ours, message__creditor=owner).exclude(external_id="")
    delivery = sent.select_related("message__customer__merged_into").order_by("-try_number").first()
    pk = str(about.get("customer", ""))
    known = Customer.objects.filter(pk=pk if pk.isdecimal() and len(pk) < 16 else 0, creditor=owner)
    return Scene(
        owner=owner, channel=channel, call=str(said.get("CallSid", ""))[:40], caller=str(said.get("From", ""))[:40],
        digits=str(said.get("Digits", ""))[:40], about={name: str(value) for name, value in about.items()},
        request=request, now=clock.now(),
        customer=known.select_related("creditor").first(), message=delivery.message if delivery else None,
    )  # fmt: skip


def named(owner: Creditor, typed: str) -> Customer | None:
    """The one customer whose number, or whose open invoice, reads like this on the keys; none where there are two."""
    if len(typed) < SHORTEST:
        return None
    theirs = Customer.objects.filter(creditor=owner, number__endswith=typed[-ENDS:])
    found = {pk for pk, number in theirs.values_list("pk", "number")[:LOOKED_AT] if _typed(number, typed)}
    if not found:
        bills = Invoice.objects.filter(creditor=owner, open_minor__gt=0).annotate(end=Reverse("reference"))
        ending = bills.filter(end__startswith=typed[-ENDS:][::-1]).values_list("customer_id", "reference")
        found = {pk for pk, reference in ending[:LOOKED_AT] if _typed(reference, typed)}
    rows = Customer.objects.filter(pk__in=found).select_related("creditor", "merged_into__creditor")
    whose = {(row.merged_into or row).pk: row.merged_into or row for row in rows}
    return next(iter(whose.values())) if len(whose) == 1 else None


def _typed(text: str, digits: str) -> bool:
    """Whether these keys spell the text: its digits alone, or its letters by the keys that they stand on."""
    signs = [sign for sign in text.casefold() if sign.isalnum()]
    alone = "".join(sign for sign in signs if sign.isdecimal())
    spelt = "".join(KEYS.get(sign, sign) for sign in signs)
    return bool(digits) and digits in ({alone, spelt} if len(alone) >= SHORTEST else {spelt})


def _plain(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
