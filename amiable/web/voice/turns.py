"""The conversation on the payment line, turn by turn: what was pressed comes in, what is said next goes out.

Each turn is one short function. What a caller decides goes through the same doors as on the portal and the desk.
Never: a word of a debt before the light check; a card heard by us; a caller left without a way to a person.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from amiable.core import money
from amiable.core.errors import AmiableError, Unavailable
from amiable.ledger.models import Customer, Medium
from amiable.outreach import dial, express
from amiable.outreach.channels.ivr_twilio import OURS, by_machine
from amiable.payments import acquire, keypad
from amiable.payments.attempt import LIVE, known_as, local_day, open_attempt
from amiable.payments.chain import wanted
from amiable.payments.models import Attempt, Journey
from amiable.payments.providers import WordKind, twilio_pay
from amiable.scenario import respond
from amiable.web.portal import gate
from amiable.web.portal.journey import last_day_to_promise
from amiable.web.voice import line, link
from amiable.web.voice.line import Scene
from amiable.web.voice.owed import Owed, owed, said
from amiable.web.voice.twiml import Voice

log = logging.getLogger(__name__)
PAY = twilio_pay.TwilioPay.key
ORIGIN = "ivr"
SOON = timedelta(days=7)
TRIES = 3  # of a card within one call


# -- who is there ---------------------------------------------------------------------------------------------------------


def ring(scene: Scene) -> Voice:
    """Somebody rings our line, or has picked up when we rang."""
    if OURS in scene.about:
        return _picked_up(scene)
    hello = _("Welcome to the payment line of %(name)s.") % {"name": scene.owner.name}
    return _ask_number(scene, hello)


def _picked_up(scene: Scene) -> Voice:
    if by_machine(scene.request.POST.get("AnsweredBy", "")):
        return scene.voice().hang_up()
    told = {"name": scene.owner.name}
    if scene.message is None:
        return scene.voice().say(_("This is a test of the payment line of %(name)s. Goodbye.") % told).hang_up()
    hello = _("Hello, this is the automatic line of %(name)s, with a word for you.") % told
    return _ask_postcode(scene, hello, called=True)


def _ask_number(scene: Scene, *before: str) -> Voice:
    ask = _("Please type your customer number, or the number of an invoice, then the hash key.")
    code = _("If a colleague gave you a code, type that code. To speak to a person, type 0, then the hash key.")
    return scene.voice().ask(scene.to("number", wrong=scene.wrong), *before, ask, code)


def _ask_postcode(scene: Scene, *before: str, called: bool = False, typed: str = "") -> Voice:
    ask = _("So that nobody but you hears the details, please type your postcode, then the hash key.")
    no_more = [_("To get no more automatic calls, type 9, then the hash key.")] if called else []
    return scene.voice().ask(scene.to("check", wrong=scene.wrong, typed=typed), *before, ask, *no_more)


def number(scene: Scene) -> Voice:
    """A customer's number, an invoice's, a colleague's code, or 0."""
    if scene.digits == "0":
        return person(scene)
    if not scene.digits:
        return _again(scene)
    if not line.patient(scene):
        return person(scene)
    prepared = keypad.claim(creditor_id=scene.owner.pk, code=scene.digits, call=scene.call, now=scene.now)
    if prepared is not None:
        return _prepared(scene, prepared)
    # Whether the number is somebody's is not told before the postcode.
    return _ask_postcode(scene, typed=scene.digits) if line.may_go_on(scene) else person(scene)


def check(scene: Scene) -> Voice:
    """The postcode: the light check."""
    if scene.message is not None:
        if scene.digits == "9":
            return _no_more(scene, scene.message.customer)
        found = line.confirm(scene, scene.digits)
    else:
        found = line.recognise(scene, typed=scene.about.get("typed", ""), postcode=scene.digits)
    return _at_home(scene, found) if found else _again(scene)


def _again(scene: Scene) -> Voice:
    """Not recognised: once more, then a kind way out."""
    sorry, wrong = _("We could not find you by that."), scene.wrong + 1
    if wrong >= line.WRONG:
        return person(scene, sorry)
    if scene.message is not None:
        return scene.voice().ask(
            scene.to("check", wrong=wrong), sorry, _("Please type your postcode, then the hash key.")
        )
    ask = _("Please type your customer number, or the number of an invoice, then the hash key.")
    return scene.voice().ask(scene.to("number", wrong=wrong), sorry, ask)


# -- what is owed, and what may be done -------------------------------------------------------------------------------------


def _at_home(scene: Scene, customer: Customer) -> Voice:
    """Recognised: from here on the addresses know who it is, and the voice speaks their language."""
    here = replace(scene, customer=customer)
    with translation.override(here.language):
        return menu(here, *_matter(here))


def _matter(scene: Scene) -> list[str]:
    """What the text of our call says, as it was written down when we rang."""
    text = " ".join(scene.message.text.split()) if scene.message else ""
    return [text] if text else []


def _sum(scene: Scene) -> Owed:
    assert scene.customer is not None
    return owed(scene.customer, now=scene.now, currency=scene.message.currency if scene.message else None)


def menu(scene: Scene, *before: str) -> Voice:
    if scene.customer is None:
        return _again(scene)
    what, language = _sum(scene), scene.language
    keys = []
    if what.late and _can_pay(scene):
        keys.append(_("To pay all of it by card now, press 1."))
        if len(what.late) > 1:
            first = what.late[0]
            told = {"amount": said(first.to_pay_minor, what.currency, language), "invoice": first.reference}
            keys.append(_("To pay only the oldest invoice, %(invoice)s, %(amount)s, press 2.") % told)
    if what.late:
        keys.append(_("To name a day, or to be called back, press 3."))
    keys += [_("To speak to a person, press 0."), _("To get no more automatic calls, press 9.")]
    return scene.voice().ask(
        scene.to("choose", wrong=scene.wrong), *before, _balance(what, language), *keys, one_key=True
    )


def _balance(what: Owed, language: str) -> str:
    told = {"amount": said(what.late_minor, what.currency, language), "n": len(what.late)}
    if len(what.late) == 1:
        return _("One invoice is past its due date: %(amount)s.") % told
    if what.late:
        return _("%(n)s invoices are past their due date: %(amount)s together.") % told
    if what.rests:
        return _("Nothing has to be paid just now: what is past its due date is looked into, or agreed otherwise.")
    if what.to_come_minor:
        told = {"amount": said(what.to_come_minor, what.currency, language)}
        return _("Nothing is overdue. %(amount)s will fall due later.") % told
    return _("Nothing is open. Thank you.")


def choose(scene: Scene) -> Voice:
    """One key of the menu."""
    if scene.customer is None:
        return _again(scene)
    do: Callable[[Scene], Voice] | None = {"1": pay, "2": pay, "3": day, "0": person, "9": no_more}.get(scene.digits)
    if do is not None:
        return do(scene)
    wrong = scene.wrong + 1
    if wrong >= line.WRONG:
        return _way_out(scene)
    return menu(_with(scene, wrong=wrong), _("That key means nothing here."))


def _with(scene: Scene, **about: int | str) -> Scene:
    return replace(scene, about={**scene.about, **{name: str(value) for name, value in about.items()}})


# -- the card -----------------------------------------------------------------------------------------------------------------


def _can_pay(scene: Scene) -> bool:
    return PAY in acquire.kept_keys(scene.owner)


def pay(scene: Scene) -> Voice:
    """A try for all that is overdue, or for the oldest invoice; the same turn told twice is one try."""
    assert scene.customer is not None
    what = _sum(scene)
    rows = list(what.late[:1] if scene.digits == "2" else what.late)
    if not rows or not _can_pay(scene):
        return menu(scene)
    name = f"{scene.call}:{scene.number('n')}"
    tried = Attempt.objects.filter(provider=PAY, external_id=name, customer=scene.customer).first()
    if tried is None:
        try:
            tried = _open(scene, what, [row.id for row in rows], sum(row.to_pay_minor for row in rows), name)
        except AmiableError as error:
            return _way_out(scene, str(error))
    if tried.state not in LIVE:
        return menu(_with(scene, n=scene.number("n") + 1))
    return _card(scene, tried)


def _open(scene: Scene, what: Owed, invoices: list[int], amount_minor: int, name: str) -> Attempt:
    """The try that this turn opens; another telling of the same turn may be opening it just now."""
    message, customer = scene.message, scene.customer
    assert customer is not None
    came_by: dict[str, Any] = {"journey": Journey.IVR}
    if message is not None:
        came_by = {"message_ref": message.pk, "campaign_ref": message.campaign_ref, "step": message.step}
        came_by["journey"] = Journey.CAMPAIGN if message.campaign_ref else Journey.IVR
    try:
        with transaction.atomic():
            tried = open_attempt(
                customer=customer, amount_minor=amount_minor, currency=what.currency, invoices=invoices, provider=PAY,
                now=scene.now, **came_by,
            )  # fmt: skip
            known_as(tried, name)
    except IntegrityError:
        return Attempt.objects.get(provider=PAY, external_id=name, customer=customer)
    return tried


def _card(scene: Scene, tried: Attempt) -> Voice:
    """Hands the caller over to Twilio for the card; what is typed does not come by here."""
    try:
        connector = acquire.acquirer(scene.owner, PAY).config["connector"]
        words = [twilio_pay.begun(tried, call=scene.call, now=scene.now)]
        respond.payment_arrived(provider=PAY, words=words, now=scene.now, creditor=scene.owner)
    except Unavailable:
        return person(scene)
    tried.refresh_from_db()
    about = twilio_pay.about(tried)
    told = {"amount": said(tried.amount_minor, tried.currency, scene.language)}
    return scene.voice().say(_("You are paying %(amount)s.") % told).pay(
        amount=money.major(tried.amount_minor, tried.currency), currency=tried.currency, connector=connector,
        description=scene.owner.name, then=scene.to("paid", n=scene.number("n"), **about),
        tells=f"{settings.BASE_URL}{reverse('hooks:psp_of', args=[scene.owner.pk, PAY])}?{urlencode(about)}",
    )  # fmt: skip


def _prepared(scene: Scene, tried: Attempt) -> Voice:
    """What a colleague has prepared: the caller is not asked who they are, and learns nothing but the amount."""
    here = _with(scene, speaks=gate.spoken(tried.customer.language, scene.owner.language))
    left = sum(wanted(tried).values_list("open_minor", flat=True))
    with translation.override(here.language):
        if tried.state not in LIVE or left < tried.amount_minor:
            return _hand_back(here, tried, _("This payment has ended already."))
        return _card(here, tried)


def paid(scene: Scene) -> Voice:
    """How it ended, as Twilio tells it here; its own call about it may have come before, or comes after."""
    tried = Attempt.objects.filter(token=scene.about.get("attempt", ""), creditor=scene.owner, provider=PAY)
    found = tried.select_related("customer", "creditor", "by").first()
    if found is None:
        return person(scene)
    try:
        words = list(acquire.acquirer(scene.owner, PAY).events(scene.request, now=scene.now))
        respond.payment_arrived(provider=PAY, words=words, now=scene.now, creditor=scene.owner)
    except Unavailable:  # just now it is being told at the other address, or will be asked for
        words = []
    except AmiableError as error:
        log.warning("What Twilio said of the payment %s is not understood: %s", found.pk, error)
        return person(scene)
    succeeded = (
        any(word.kind == WordKind.SUCCEEDED for word in words) or scene.request.POST.get("Result") == twilio_pay.PAID
    )
    told = {"amount": said(found.amount_minor, found.currency, scene.language)}
    how = (
        _("Thank you: %(amount)s is paid.") % told
        if succeeded
        else _("The payment did not go through. Nothing was taken.")
    )
    if found.journey == Journey.IVR_AGENT:
        return _hand_back(scene, found, how)
    if succeeded:
        return scene.voice().say(how, _("Goodbye.")).hang_up()
    n = scene.number("n") + 1
    return _way_out(scene, how) if n >= TRIES else menu(_with(scene, n=n), how)


def _hand_back(scene: Scene, tried: Attempt, how: str) -> Voice:
    """After the card, the call goes back to the colleague by itself."""
    number = number_of(tried, scene.channel.config["person"])
    voice = scene.voice().say(how)
    if not number:
        return voice.say(_("Goodbye.")).hang_up()
    return voice.say(_("You are being put through.")).dial(number, shows=scene.channel.config["sender"])


def number_of(tried: Attempt, service: str) -> str:
    """Where a call goes back to: the colleague's own number, else that of the service."""
    own = dial.plain(tried.by.phone, country=tried.creditor.country) if tried.by and tried.by.phone else ""
    return own if own.startswith("+") else service


# -- a day, a person, no more -------------------------------------------------------------------------------------------------


def day(scene: Scene) -> Voice:
    """Which day, or a call back."""
    assert scene.customer is not None
    keys = []
    for key, on in _days(scene).items():
        told = {"day": express.day(on, scene.language), "key": key}
        keys.append(_("To pay on %(day)s, press %(key)s.") % told)
    return scene.voice().ask(scene.to("named"), *keys, _("To be called back, press 3."), one_key=True)


def _days(scene: Scene) -> dict[str, date]:
    """The days that the keys stand for: in a week, and the last that a customer may name alone."""
    assert scene.customer is not None
    today = local_day(scene.owner, scene.now)
    last = last_day_to_promise(scene.owner, today)
    return dict(zip("12", sorted({min(today + SOON, last), last}), strict=False))


def named(scene: Scene) -> Voice:
    """The day that was chosen is a promise; a call back is a task."""
    if scene.customer is None:
        return _again(scene)
    if scene.digits == "3":
        return _call_back(scene)
    on, what = _days(scene).get(scene.digits), _sum(scene)
    if on is None or not what.late:
        return _way_out(scene)
    saying = respond.Promises(
        amount_minor=what.late_minor, currency=what.currency, promised_for=on, invoices=[row.id for row in what.late]
    )
    told = {"amount": said(what.late_minor, what.currency, scene.language), "day": express.day(on, scene.language)}
    thanks = _("Noted: %(amount)s on %(day)s. We send no reminder for it until then. Goodbye.") % told
    return _say(scene, scene.customer, saying, thanks)


def person(scene: Scene, *before: str) -> Voice:
    """In the hours of calls somebody is rung; outside them whom we know is called back."""
    if number := line.staffed(scene):
        voice = scene.voice().say(*before, _("You are being put through."))
        return voice.dial(number, shows=scene.channel.config["sender"], then=scene.to("rung"))
    return _nobody(scene, *before)


def rung(scene: Scene) -> Voice:
    """After a person was rung: spoken to, or not there."""
    if scene.request.POST.get("DialCallStatus") in {"completed", "answered"}:
        return scene.voice().hang_up()
    return _nobody(scene)


def _nobody(scene: Scene, *before: str) -> Voice:
    if scene.customer is not None:
        return _call_back(scene, *before)
    return (
        scene.voice().say(*before, _("Nobody can be reached now. Please call again in our hours. Goodbye.")).hang_up()
    )


def _call_back(scene: Scene, *before: str) -> Voice:
    assert scene.customer is not None
    return _say(scene, scene.customer, respond.WantsPerson(), _("Somebody will call you back. Goodbye."), *before)


def no_more(scene: Scene) -> Voice:
    assert scene.customer is not None
    return _no_more(scene, scene.customer)


def _no_more(scene: Scene, customer: Customer) -> Voice:
    thanks = _("Noted: you will get no more automatic calls from us. Goodbye.")
    return _say(scene, customer, respond.OptsOut(Medium.IVR), thanks)


def _say(scene: Scene, customer: Customer, saying: respond.Saying, thanks: str, *before: str) -> Voice:
    try:
        respond.customer_said(customer=customer, saying=saying, now=scene.now, origin=ORIGIN)
    except AmiableError as error:
        return _way_out(scene, *before, str(error))
    return scene.voice().say(*before, thanks).hang_up()


# -- the way out --------------------------------------------------------------------------------------------------------------


def _way_out(scene: Scene, *before: str) -> Voice:
    """Whoever does not get on with the keys is offered a link, where they can be written to; then a person."""
    place = link.reachable(scene.customer, now=scene.now) if scene.customer and _sum(scene).late else None
    if place is None:
        return person(scene, *before)
    told = {"medium": Medium(place.medium).label, "address": link.veiled(place.value)}
    ask = _("To get a link to pay by %(medium)s at %(address)s, press 1. To speak to a person, press 0.") % told
    return scene.voice().ask(scene.to("link"), *before, ask, one_key=True)


def linked(scene: Scene) -> Voice:
    place = link.reachable(scene.customer, now=scene.now) if scene.customer else None
    what = _sum(scene) if place else None
    if scene.customer is None or place is None or what is None or not what.late or scene.digits != "1":
        return person(scene)
    link.give(scene.customer, what, place, call=scene.call, now=scene.now)
    return scene.voice().say(_("The link is on its way. Thank you, goodbye.")).hang_up()


TURNS: Mapping[str, Callable[[Scene], Voice]] = {
    "": ring, "number": number, "check": check, "choose": choose, "paid": paid, "named": named, "rung": rung, "link": linked,
}  # fmt: skip
