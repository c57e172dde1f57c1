"""Where carriers call: believed when signed, counted once, kept as it came; out of order, of strangers, too long, senseless."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from amiable.core.models import User
from amiable.ledger.models import ContactPoint, Creditor
from amiable.outreach import route
from amiable.outreach.models import Delivery, Event, Message, OptOut, Reply
from tests.contracts import anymail_samples as samples
from tests.contracts.samples import Call
from tests.outreach.rows import NOW, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    house = a_creditor()
    by = User.objects.create(username="vera")
    for key in ("mailgun", "postmark"):
        route.keep(creditor=house, key=key, values=samples.samples()[key].config, now=NOW, by=by)
    return house


@pytest.fixture
def message(ours: Creditor) -> Message:
    customer = a_customer(ours)
    message = a_message(customer, "reminder_1", [an_invoice(customer, "F-1", 100, days_late=9)])
    # Written before the provider is called: so its words find it, whenever they come.
    Delivery.objects.create(message=message, channel="mailgun", external_id=f"<{samples.MARK}>", started_at=NOW)
    return message


def call(house: Creditor, key: str, told: Call, *, signed: bool = True, **more: Any) -> Any:
    path = f"/hooks/channel/{house.pk}/{key}/{'?answers' if told.heard else ''}"
    body, headers = samples.samples()[key].sign(told, path) if signed else (told.body, told.headers)
    if key == "postmark" and signed:
        password = route.known(house, key)["hook_password"]  # type: ignore[index]
        import base64

        headers = {"Authorization": "Basic " + base64.b64encode(f"amiable:{password}".encode()).decode()}
    return Client(enforce_csrf_checks=True).post(
        path, body, content_type=told.content_type, headers={**headers, **more}
    )


def one(key: str, kind: str, permanent: bool = False) -> Call:
    return next(each for each in samples.samples()[key].calls if (kind, permanent) in each.says)


def test_a_bounce_for_good_closes_the_address_and_its_raw_words_are_kept(ours: Creditor, message: Message) -> None:
    answer = call(ours, "mailgun", one("mailgun", "bounced", permanent=True))
    assert (answer.status_code, answer.json()) == (200, {"new": 1, "replayed": 0, "unknown": 0})
    event = Event.objects.get()
    assert (event.message, event.kind, event.source) == (message, "bounced", f"mailgun:{ours.pk}")
    assert event.raw["event-data"]["severity"] == "permanent"
    assert ContactPoint.objects.get().failed_at is not None


def test_a_call_twice_counts_once_even_when_it_is_signed_anew(ours: Creditor, message: Message) -> None:
    first = one("mailgun", "delivered")
    again = Call(first.body + b" ", first.says)  # the sample's mark, and so its token, come from the body
    answers = [call(ours, "mailgun", each).json() for each in (first, again, first)]
    assert [(each["new"], each["replayed"]) for each in answers] == [(1, 0), (0, 1), (0, 1)]
    assert Event.objects.count() == 1


def test_words_out_of_order_all_count(ours: Creditor, message: Message) -> None:
    for kind in ("clicked", "opened", "delivered", "complained"):
        assert call(ours, "mailgun", one("mailgun", kind)).status_code == 200
    assert set(Event.objects.values_list("kind", flat=True)) == {"clicked", "opened", "delivered", "complained"}
    assert OptOut.objects.get().customer == message.customer


def test_a_wrong_signature_changes_nothing(ours: Creditor, message: Message) -> None:
    told = one("mailgun", "bounced", permanent=True)
    forged = json.loads(told.body) | {"signature": {"timestamp": "1", "token": "t", "signature": "0" * 64}}
    answer = call(ours, "mailgun", Call(json.dumps(forged).encode()), signed=False)
    assert answer.status_code == 400
    assert answer.content.decode().endswith(".")
    assert not Event.objects.exists()
    assert ContactPoint.objects.get().failed_at is None


def test_without_the_password_it_is_asked_for(ours: Creditor, message: Message) -> None:
    answer = call(ours, "postmark", one("postmark", "delivered"), signed=False)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Basic realm="Amiable"')
    wrong = call(ours, "postmark", one("postmark", "delivered"), signed=False, Authorization="Basic YTpi")
    assert wrong.status_code == 400
    assert call(ours, "postmark", one("postmark", "delivered")).status_code == 200
    assert Event.objects.get().message == message


def test_words_about_what_is_not_ours_are_kept_and_told_apart(ours: Creditor) -> None:
    answer = call(ours, "mailgun", one("mailgun", "bounced", permanent=True))
    assert (answer.status_code, answer.json()["unknown"]) == (202, 1)
    assert Event.objects.get().message is None


def test_one_creditors_channel_cannot_speak_of_anothers_messages(ours: Creditor, message: Message) -> None:
    theirs = a_creditor(key="theirs", name="Theirs")
    route.keep(
        creditor=theirs, key="mailgun", values=samples.samples()["mailgun"].config, now=NOW, by=User.objects.get()
    )
    assert call(theirs, "mailgun", one("mailgun", "bounced", permanent=True)).status_code == 202
    assert ContactPoint.objects.get().failed_at is None
    assert (
        call(ours, "mailgun", one("mailgun", "bounced", permanent=True)).status_code == 200
    )  # not taken for told before


def test_an_answer_is_heard_once_and_finds_its_customer(ours: Creditor, message: Message) -> None:
    answer = next(each for each in samples.samples()["mailgun"].calls if each.heard)
    assert [call(ours, "mailgun", answer).status_code for _again in range(2)] == [200, 200]
    reply = Reply.objects.get()
    assert (reply.customer, reply.sender, reply.source) == (
        message.customer, "anna@martin.example", f"mailgun:{ours.pk}",
    )  # fmt: skip
    assert samples.ANSWER in reply.text


@pytest.mark.parametrize("key", ["nobody", "scaleway", "brevo", "email"])
def test_a_channel_that_is_not_set_up_is_not_there(ours: Creditor, key: str) -> None:
    assert Client().post(f"/hooks/channel/{ours.pk}/{key}/", b"{}", content_type="application/json").status_code == 404


def test_a_creditor_who_does_not_exist_is_not_there(ours: Creditor) -> None:
    assert Client().post(f"/hooks/channel/{ours.pk + 99}/mailgun/").status_code == 404


def test_what_is_too_long_is_not_read(ours: Creditor, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    answer = call(ours, "mailgun", Call(b"{}" + b" " * 2_000), signed=False)
    assert answer.status_code == 413


def test_providers_that_look_for_the_address_find_it(ours: Creditor) -> None:
    path = f"/hooks/channel/{ours.pk}/mailgun/"
    assert (Client().head(path).status_code, Client().get(path).status_code) == (200, 200)


def test_settings_sealed_with_another_key_put_the_words_off(ours: Creditor, settings: Settings) -> None:
    settings.CREDENTIAL_KEY = "another key, which opens nothing that was sealed before it"
    assert call(ours, "mailgun", one("mailgun", "delivered")).status_code == 503
