"""The payment line: a caller is recognised, hears what is owed, pays, promises, asks for a person, or is rung by us."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from amiable.casework.models import Task, TaskKind
from amiable.core.models import AuditEntry, User
from amiable.ledger import hold
from amiable.ledger.models import Contact, ContactPoint, Credit, Customer, Hold, HoldKind, Invoice, Medium
from amiable.outreach import route
from amiable.outreach.channel import Parcel
from amiable.outreach.channels.ivr_twilio import IvrTwilio
from amiable.outreach.express import hook_url, talk_url
from amiable.outreach.models import Delivery, Event, Message, OptOut
from amiable.payments import acquire
from amiable.payments.models import Attempt, KeypadCode, Promise, ProviderEvent
from amiable.web.portal import journey
from amiable.web.portal.gate import Visit
from amiable.web.ui import clock
from amiable.web.voice import line as line_of
from tests.outreach.peers import Twilio
from tests.web import desk_rows as rows
from tests.web.voice_line import LINE, PERSON, Phone, set_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


@pytest.fixture
def far() -> Iterator[Twilio]:
    with Twilio() as peer:
        yield peer


@pytest.fixture
def anna(far: Twilio) -> Customer:
    owner = rows.creditor("ours", language="en")
    set_up(owner, far, by=User.objects.create(username="vera"))
    found = rows.customer(owner, "Anna", number="K-00421", postcode="75011", language="en")
    rows.invoice(found, 12_345, late=40)
    rows.invoice(found, 5_000, late=10)
    rows.invoice(found, 9_900, late=-10)
    return found


@pytest.fixture
def phone(anna: Customer) -> Phone:
    return Phone(anna.creditor)


@pytest.fixture
def in_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_of, "open_at", lambda *_given: True)


@pytest.fixture
def after_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_of, "open_at", lambda *_given: False)


def at_home(phone: Phone) -> str:
    phone.ring()
    phone.press("00421")
    return phone.press("75011")


def test_a_caller_pays_all_that_is_overdue_with_a_typing_error_on_the_way(phone: Phone, anna: Customer) -> None:
    assert "payment line of Ours" in phone.ring()
    assert "postcode" in phone.press("00421")
    assert "173.45" not in phone.heard
    assert "2 invoices are past their due date: €173.45" in phone.press("75011")
    phone.press("1")
    tried = Attempt.objects.get()
    assert (phone.pay["chargeAmount"], phone.pay["currency"], phone.pay["paymentConnector"]) == (
        "173.45",
        "eur",
        "Default",
    )
    assert (tried.state, tried.journey, tried.amount_minor) == ("started", "ivr", 17_345)
    assert Hold.objects.filter(kind=HoldKind.PAYMENT, customer=anna).count() == 2  # no reminder meanwhile
    phone.field("payment-card-number")
    for _again in range(3):  # told again, it is one error
        phone.field("payment-card-number", wrong="invalid-card-number", count=2)
    assert "€173.45 is paid" in phone.typed()
    tried.refresh_from_db()
    assert (tried.state, tried.input_errors) == ("succeeded", 1)
    [credit] = Credit.objects.filter(customer=anna)
    assert (credit.external_id, credit.amount_minor, credit.open_minor) == ("ch_3Line", 17_345, 0)
    assert sorted(anna.invoices.values_list("open_minor", flat=True)) == [0, 0, 9_900]
    kept = " ".join(str(raw) for raw in ProviderEvent.objects.values_list("raw", flat=True))
    assert "4242" in kept
    assert "xxxx" not in kept


def test_a_refusal_takes_nothing_and_may_be_tried_again(phone: Phone, anna: Customer) -> None:
    at_home(phone)
    phone.press("2")
    assert phone.pay["chargeAmount"] == "123.45"  # the oldest alone
    first = dict(phone.pay)
    assert "did not go through" in phone.typed("payment-connector-error", PayErrorCode="64011")
    assert "123.45" in phone.press("2")
    assert Attempt.objects.count() == 2
    assert phone.typed().startswith("Thank you")
    assert [(row.state, row.decline_code) for row in Attempt.objects.order_by("pk")] == [
        ("failed", "64011"),
        ("succeeded", ""),
    ]
    # A call about the first that comes late, and the end of it told again, change nothing.
    phone.post(first["statusCallback"], For="security-code", Attempt="1")
    phone.post(first["statusCallback"], Result="payment-connector-error", PayErrorCode="64011")
    assert [row.state for row in Attempt.objects.order_by("pk")] == ["failed", "succeeded"]
    assert Credit.objects.filter(customer=anna).count() == 1


def test_who_hangs_up_in_the_middle_has_paid_nothing(phone: Phone, anna: Customer) -> None:
    at_home(phone)
    phone.press("1")
    phone.field("payment-card-number")
    phone.post(phone.pay["statusCallback"], Result="caller-hung-up")
    assert Attempt.objects.get().state == "abandoned"
    assert not Credit.objects.exists()
    phone.press_again("1")
    assert phone.next.find("Pay") is None  # a try that has ended is not asked for again
    assert not Hold.objects.filter(kind=HoldKind.PAYMENT, until__gt=clock.today()).exists()


def test_the_same_turn_asked_twice_is_one_try(phone: Phone) -> None:
    at_home(phone)
    address = phone.next.find("Gather").attrib["action"]  # type: ignore[union-attr]
    phone.ask(address, Digits="1")
    phone.ask(address, Digits="1")
    assert Attempt.objects.count() == 1


def test_a_day_is_a_promise_and_a_call_back_a_task(phone: Phone, anna: Customer, after_hours: None) -> None:
    at_home(phone)
    phone.press("3")
    assert "Noted: €173.45" in phone.press("1")
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.promised_for, promise.origin) == (
        17_345,
        clock.today() + timedelta(days=7),
        "ivr",
    )
    other = Phone(anna.creditor, call="CA" + "f" * 32)
    at_home(other)
    assert "call you back" in other.press("0")
    assert Task.objects.get(kind=TaskKind.CALL).customer == anna


def test_a_person_is_rung_in_the_hours_of_calls(phone: Phone, in_hours: None) -> None:
    at_home(phone)
    phone.press("0")
    dialled = phone.next.find("Dial")
    assert dialled is not None
    assert (dialled.text, dialled.attrib["callerId"]) == (PERSON, LINE)
    phone.ask(dialled.attrib["action"], DialCallStatus="no-answer")
    assert Task.objects.filter(kind=TaskKind.CALL).count() == 1


def test_nine_ends_the_automatic_calls(phone: Phone, anna: Customer) -> None:
    at_home(phone)
    phone.press("9")
    assert OptOut.objects.get(customer=anna).medium == Medium.IVR


def test_wrong_keys_twice_lead_to_a_link(phone: Phone, anna: Customer) -> None:
    person = Contact.objects.create(customer=anna, name="Anna", created_at=clock.now())
    ContactPoint.objects.create(contact=person, medium=Medium.SMS, value="+33612345678")
    at_home(phone)
    phone.press("7")
    assert "… 7 8" in phone.press("7")
    offered = phone.next.find("Gather")
    assert offered is not None
    for _twice in range(2):
        phone.ask(offered.attrib["action"], Digits="1")
    message = Message.objects.get(purpose="payment_link")
    assert (message.medium, message.context["pay"]["currency"]) == ("sms", "EUR")
    for by, why in (
        ("", "You asked for this link on our payment line."),
        ("Vera", "A colleague sent you this link to pay."),
    ):
        message.context["by"] = by
        message.save()
        with override("en"):
            told = journey.contacted(Visit("", anna, message.pk, clock.now()))
        assert told is not None
        assert told.because == why


def test_a_number_is_found_by_its_digits_however_it_is_written(anna: Customer, after_hours: None) -> None:
    rows.invoice(anna, 700, late=3, reference="FA-2026/001")
    for n in (1, 2):  # of another customer it may end alike, and of another creditor it may be the same
        rows.invoice(rows.customer(anna.creditor, "Boris", postcode="75011"), 900, late=3, reference=f"FA-202{n}/001")
    rows.invoice(rows.customer(rows.creditor("theirs"), "Eve", postcode="75011"), 900, late=3, reference="FA-2026/001")
    for n, typed in enumerate(("2026001", "322026001", "00421", "500421")):
        caller = Phone(anna.creditor, call=f"CA{n:032x}")
        caller.ring()
        caller.press(typed)
        assert "past their due date" in caller.press("75011"), typed
    rows.invoice(rows.customer(anna.creditor, "Clara", postcode="75011"), 900, late=3, reference="FB 2026 001")
    assert line_of.named(anna.creditor, "2026001") is None  # whose of the two cannot be told


def test_what_is_contested_is_not_asked_for_and_not_told_to_fall_due_later(phone: Phone, anna: Customer) -> None:
    hold.place(kind=HoldKind.DISPUTE, source_ref="d", customer=anna, since=clock.today(), now=clock.now())
    told = at_home(phone)
    assert "Nothing has to be paid just now" in told
    assert "fall due" not in told


def test_the_light_check_is_not_tried_without_end(anna: Customer, after_hours: None) -> None:
    for n in range(5):
        caller = Phone(anna.creditor, call=f"CA{n:032x}")
        caller.ring()
        caller.press("00421")
        assert "could not find" in caller.press("75012")
    assert "173.45" not in at_home(Phone(anna.creditor, call="CA" + "e" * 32))
    assert AuditEntry.objects.filter(act="voice.refused", subject_ref=anna.pk).count() == 5


def test_only_twilio_is_believed_and_only_about_its_own_creditor(phone: Phone, anna: Customer) -> None:
    address = f"http://127.0.0.1:8000/voice/{anna.creditor_id}/choose/?customer={anna.pk}"
    assert phone.post(address, token="another", Digits="1").status_code == 400
    assert phone.client.post(address.removeprefix("http://127.0.0.1:8000"), {"Digits": "1"}).status_code == 400
    stranger = rows.customer(rows.creditor("theirs"), "Eve", postcode="75011")
    rows.invoice(stranger, 99_999, late=5)
    theirs = address.replace(f"customer={anna.pk}", f"customer={stranger.pk}")
    assert "999.99" not in phone.ask(theirs, Digits="1")
    assert phone.post(f"http://127.0.0.1:8000/voice/{stranger.creditor_id}/", Digits="").status_code == 404
    at_home(phone)
    phone.press("1")
    cheaper = phone.pay["statusCallback"].replace("amount=17345", "amount=1")
    values = {"AccountSid": Twilio.sid, "Result": "success"}
    signed = Twilio.signed(Twilio.token, phone.pay["statusCallback"], values)
    assert phone.client.post(cheaper.removeprefix("http://127.0.0.1:8000"), values, headers=signed).status_code == 400
    assert not Credit.objects.exists()


def test_we_ring_and_a_machine_hears_nothing(far: Twilio, anna: Customer, phone: Phone) -> None:
    message = rows.message(anna)
    text = "We are calling about your invoices."
    Message.objects.filter(pk=message.pk).update(
        medium=Medium.IVR, language="en", currency="EUR", campaign_ref=7, text=text
    )
    channel = route.route(anna.creditor, "ivr_twilio").channel()
    assert isinstance(channel, IvrTwilio)
    parcel = _parcel(anna)
    with channel:
        Delivery.objects.create(message=message, channel=channel.key, external_id=channel.send(parcel).external_id,
                                started_at=clock.now())  # fmt: skip
    [placed] = far.calls
    assert (placed["To"], placed["From"], placed["MachineDetection"]) == ("+33612345678", LINE, "Enable")
    assert phone.ring(placed["Url"], AnsweredBy="machine_end_beep") == ""
    assert phone.next.find("Hangup") is not None
    hello = phone.ring(placed["Url"], AnsweredBy="human")
    assert "Ours" in hello
    assert "Anna" not in hello
    assert phone.press("75011").startswith(f"{text} 2 invoices are past their due date: €173.45")
    phone.press("1")
    assert phone.typed().startswith("Thank you")
    assert (Attempt.objects.get().journey, Attempt.objects.get().message_ref) == ("campaign", message.pk)
    told = phone.post(placed["StatusCallback"], CallStatus="completed", AnsweredBy="human")
    assert (told.status_code, Event.objects.get().kind) == (200, "delivered")


def _parcel(anna: Customer) -> Parcel:
    return Parcel(
        key="step:1", recipient="06 12 34 56 78", recipient_name="Anna", sender_name="Ours", reply_to="", language="en",
        subject="", text="", html="", unsubscribe_url="", at=clock.now(), country="FR",
        report_url=hook_url(anna.creditor, "ivr_twilio"), talk_url=talk_url(anna.creditor),
    )  # fmt: skip


# -- with a colleague -------------------------------------------------------------------------------------------------------


def prepared(anna: Customer) -> tuple[Client, KeypadCode, str]:
    """The desk of a colleague who has prepared a payment of the oldest invoice."""
    vera = rows.colleague("camille", anna.creditor)
    vera.phone = "+33155000009"
    vera.save()
    desk = rows.desk(vera)
    oldest: Invoice = anna.invoices.earliest("due_on")
    desk.post(reverse("desk:act", args=[anna.pk, "keypad"]), {"token": "t", "invoices": [oldest.pk]})
    return desk, KeypadCode.objects.get(), reverse("desk:keypad", args=[Attempt.objects.get().token])


def test_a_colleague_watches_and_never_sees_the_card(anna: Customer, phone: Phone) -> None:
    desk, code, page = prepared(anna)
    assert f"{code.code[:3]} {code.code[3:]}" in desk.get(page).content.decode()
    stranger = Phone(rows.creditor("theirs"))
    set_up(stranger.owner, Twilio(), by=User.objects.get(username="vera"))
    stranger.ring()
    assert "123.45" not in stranger.press(code.code)  # a code is good on its own creditor's line alone
    phone.ring()
    assert "123.45" in phone.press(code.code)
    other = Phone(anna.creditor, call="CA" + "d" * 32)
    other.ring()
    assert "123.45" not in other.press(code.code)  # and once
    phone.field("payment-card-number")
    phone.field("payment-card-number", wrong="invalid-card-number", count=2)
    shown = desk.get(page).content.decode()
    assert "is being typed" in shown
    assert "1 typing error" in shown
    assert "Take the call back" in shown
    assert "€123.45 is paid" in phone.typed()
    back = phone.next.find("Dial")
    assert back is not None
    assert back.text == "+33155000009"
    shown = desk.get(page).content.decode()
    assert "ch_3Line" in shown
    assert "•••• 4242" in shown
    assert "Take the call back" not in shown
    tried = Attempt.objects.get()
    assert (tried.journey, tried.state, tried.by.username) == ("ivr_agent", "succeeded", "camille")  # type: ignore[union-attr]


def test_the_call_is_taken_back_and_goes_on_by_link(anna: Customer, phone: Phone, far: Twilio) -> None:
    desk, code, page = prepared(anna)
    phone.ring()
    phone.press(code.code)
    phone.field("payment-card-number")
    for _twice in range(2):
        desk.post(f"{page}back/")
    assert "+33155000009" in far.turned[phone.call]
    assert Attempt.objects.get().state == "abandoned"
    assert "You have taken the call back" in desk.get(page).content.decode()
    # What the customer had typed by then may still have been charged: money counts, whenever it is told.
    phone.post(phone.pay["statusCallback"], Result="success", PaymentConfirmationCode="ch_late")
    assert Attempt.objects.get().state == "succeeded"


def test_a_code_is_good_for_minutes(anna: Customer, phone: Phone) -> None:
    desk, code, page = prepared(anna)
    KeypadCode.objects.filter(pk=code.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    phone.ring()
    assert "123.45" not in phone.press(code.code)
    assert "no longer good" in desk.get(page).content.decode()
    code.delete()  # to make room for another one
    assert "no longer good" in desk.get(page, follow=True).content.decode()


def test_it_stands_beside_the_provider_of_the_pay_page(anna: Customer) -> None:
    with pytest.raises(acquire.UnableToAcquire, match="telephones only"):
        acquire.use(creditor=anna.creditor, key="twilio_pay", now=clock.now(), by=User.objects.get(username="vera"))
