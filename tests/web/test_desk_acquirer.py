"""Payments at the desk: a provider set up and tried, a payment taken on the phone, one given back; who may what."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from amiable.core.models import AuditEntry, Credential, Role
from amiable.ledger.models import Creditor, Invoice
from amiable.payments import acquire
from amiable.payments.models import Attempt
from amiable.payments.providers import WordKind, dummy, providers
from amiable.scenario import respond
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer, peer
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
LIST = {"object": "list", "data": [], "has_more": False}


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    with peer(Answer(200, LIST)) as found:
        monkeypatch.setattr(settings, "STRIPE_API", found.url.rstrip("/"))
        yield found


@pytest.fixture
def vera(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("vera", ours, Role.MANAGER))


@pytest.fixture
def row(ours: Creditor) -> Invoice:
    return rows.invoice(rows.customer(ours, "Anna"), 10_000, late=9)


def at(creditor: Creditor, key: str = "stripe") -> str:
    return reverse("desk:acquirer", args=[creditor.pk, key])


def press(client: Client, creditor: Creditor, name: str) -> str:
    answer = client.post(reverse("desk:acquirer_act", args=[creditor.pk, "stripe", name]), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_from_nothing_to_a_provider_in_use(vera: Client, ours: Creditor, far: Peer) -> None:
    assert at(ours) in vera.get(reverse("desk:channels")).content.decode()
    assert "look at its setting" in press(vera, ours, "test")
    assert vera.post(at(ours), says.CONFIG).status_code == 302
    assert "These keys are for tests" in press(vera, ours, "test")
    assert far.asked[0].headers["Authorization"] == f"Bearer {says.CONFIG['secret_key']}"
    assert "takes the payments" in press(vera, ours, "use")
    ours.refresh_from_db()
    assert acquire.in_use(ours) == "stripe"
    far.answer = Answer(401, {"error": {"message": "Invalid API Key provided: sk_test_***"}})
    assert "Invalid API Key" in press(vera, ours, "test")
    assert "are gone" in press(vera, ours, "forget")
    ours.refresh_from_db()
    assert acquire.in_use(ours) == "dummy"
    acts = list(AuditEntry.objects.filter(act__startswith="psp.").order_by("pk").values_list("act", "user__username"))
    assert [act for act, _who in acts] == [
        "psp.tried", "psp.kept", "psp.tried", "psp.used", "psp.tried", "psp.forgotten",
    ]  # fmt: skip
    assert {who for _act, who in acts} == {"vera"}


def test_secrets_are_sealed_and_never_shown_again_and_stay_when_left_empty(vera: Client, ours: Creditor) -> None:
    vera.post(at(ours), says.CONFIG)
    page = vera.get(at(ours)).content.decode()
    assert says.CONFIG["secret_key"] not in page
    assert says.CONFIG["webhook_secret"] not in page
    assert says.CONFIG["publishable_key"] in page
    assert f"/hooks/psp/{ours.pk}/stripe/" in page
    assert "2026-10-28.endive" in page
    assert "charge.dispute.created" in page
    assert says.CONFIG["secret_key"].encode() not in bytes(Credential.objects.get(port="psp").sealed)
    vera.post(at(ours), {"publishable_key": "pk_test_other", "moto": "on"})
    kept = acquire.known(ours, "stripe")
    assert kept
    assert (kept["publishable_key"], kept["secret_key"], kept["moto"]) == (
        "pk_test_other",
        says.CONFIG["secret_key"],
        True,
    )


@pytest.mark.parametrize("key", sorted(providers()))
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_provider_has_its_page_in_both_languages(vera: Client, ours: Creditor, key: str, language: str) -> None:
    vera.cookies["django_language"] = language
    assert vera.get(at(ours, key)).status_code == 200


def test_only_who_administers_the_whole_comes_there(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("carl", ours, Role.COLLECTOR))
    assert client.get(at(ours)).status_code == 404
    assert client.post(at(ours), says.CONFIG).status_code == 404
    assert acquire.known(ours, "stripe") is None


def taken(client: Client, row: Invoice, token: str = "t", **more: Any) -> Any:
    return client.post(
        reverse("desk:act", args=[row.customer_id, "take"]), {"token": token, "invoices": [row.pk], **more}
    )


def test_a_payment_is_taken_on_the_page_of_a_provider_that_has_one(vera: Client, row: Invoice) -> None:
    page = vera.get(reverse("desk:customer", args=[row.customer_id])).content.decode()
    assert "Take a payment" in page
    assert "Give a payment back" not in page
    answer = taken(vera, row, amount="40.50")
    tried = Attempt.objects.get()
    assert (tried.amount_minor, tried.journey, tried.by.username) == (4_050, "agent", "vera")  # type: ignore[union-attr]
    assert answer["Location"] == reverse("desk:phone", args=[tried.token])
    assert taken(vera, row, amount="40.50")["Location"] == reverse("desk:customer", args=[row.customer_id])
    assert Attempt.objects.count() == 1
    assert "/dev/psp/" in vera.get(answer["Location"]).content.decode()
    fragment = vera.post(
        reverse("desk:act", args=[row.customer_id, "take"]),
        {"token": "u", "invoices": [row.pk]},
        headers={"HX-Request": "true"},
    )
    assert fragment["HX-Redirect"].startswith("/payments/")


def test_what_is_typed_wrongly_opens_nothing(vera: Client, row: Invoice) -> None:
    for more in ({"amount": "0"}, {"amount": "-5"}, {"amount": "12.345"}, {"amount": "100.01"}, {"invoices": []}):
        page = taken(vera, row, **more)
        assert page.status_code == 200
    assert not Attempt.objects.exists()


def test_a_number_typed_where_a_token_belongs_is_refused_and_told_nobody(
    vera: Client, row: Invoice, far: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    vera.post(at(row.creditor), {**says.CONFIG, "moto": "on"})
    press(vera, row.creditor, "use")
    taken(vera, row)
    tried = Attempt.objects.get()
    far.asked.clear()
    answer = vera.post(reverse("desk:phone_pay", args=[tried.token]), {"token": "4242424242424242"}, follow=True)
    assert "Nothing was paid." in answer.content.decode()
    assert "4242424242424242" not in answer.content.decode() + caplog.text
    assert far.asked == []
    assert not AuditEntry.objects.filter(act="payment.taken").exists()


def test_where_the_provider_allows_no_phone_nothing_is_offered(vera: Client, row: Invoice) -> None:
    vera.post(at(row.creditor), says.CONFIG)
    press(vera, row.creditor, "use")
    assert "Take a payment" not in vera.get(reverse("desk:customer", args=[row.customer_id])).content.decode()


def paid(row: Invoice, amount: int) -> Attempt:
    tried = rows.on_the_phone(row.customer)
    event = dummy.event(tried.token, WordKind.SUCCEEDED, now=timezone.now(), money=(amount, "EUR"))
    respond.payment_arrived(provider="dummy", words=[dummy._word(event)], now=timezone.now())
    return tried


def test_a_payment_is_given_back_by_those_who_may(
    vera: Client, ours: Creditor, row: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = paid(row, 10_000)

    def tell(events: list[dict[str, Any]], *, now: Any) -> None:
        respond.payment_arrived(provider="dummy", words=[dummy._word(each) for each in events], now=now)

    monkeypatch.setattr(dummy, "tell", tell)
    address = reverse("desk:act", args=[row.customer_id, "refund"])
    wish = {"token": "w", "payment": tried.pk, "amount": "30"}
    carl = rows.desk(rows.colleague("carl", ours, Role.COLLECTOR))
    assert carl.post(address, wish).status_code == 404
    assert "Give a payment back" in vera.get(reverse("desk:customer", args=[row.customer_id])).content.decode()
    for _n in range(2):  # a double click is one refund
        assert vera.post(address, wish).status_code == 302
    row.refresh_from_db()
    assert row.open_minor == 3_000
    page = vera.post(address, {**wish, "token": "x", "amount": "70.01"}).content.decode()
    assert "does not hold that much" in page
    assert AuditEntry.objects.filter(act="refund.asked").count() == 1


def test_the_hook_of_a_creditor_believes_its_own_settings_only(vera: Client, ours: Creditor, row: Invoice) -> None:
    other = rows.creditor("other")
    vera.post(at(ours), says.CONFIG)
    now = timezone.now()
    body = says.event("payment_intent.succeeded", says.intent("nobody"), at=now)

    def call(creditor: int, key: str = "stripe", **more: Any) -> int:
        headers = says.sign(body, now)
        address = f"/hooks/psp/{creditor}/{key}/"
        return Client().post(address, body, content_type="application/json", headers=headers | more).status_code

    assert call(ours.pk) == 202
    assert call(ours.pk, **{"Stripe-Signature": "t=1,v1=00"}) == 400
    assert call(other.pk) == 404  # has no settings
    assert call(ours.pk, "nobody") == 404
    assert call(999_999) == 404
    assert Client().get(f"/hooks/psp/{ours.pk}/stripe/").status_code == 405
    assert Client().post("/hooks/psp/stripe/", body, content_type="application/json").status_code == 404
    Credential.objects.filter(port="psp").update(sealed=b"gAAAAA")
    assert call(ours.pk) == 503
