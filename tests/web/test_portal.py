"""The customer's rooms: the light question, amounts to the cent, paying, saying; and the hook that brings the money."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from amiable.casework.models import Dispute
from amiable.core import links
from amiable.core.models import AuditEntry
from amiable.ledger.accrue import accrue
from amiable.ledger.models import Credit, Customer, Document, Hold, Invoice
from amiable.outreach.models import Event, Message, OptOut
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt, Promise, ProviderEvent
from amiable.payments.providers import dummy
from amiable.scenario import respond
from amiable.web.dev import psp
from tests.payments.rows import credit, creditor, customer, invoice, word
from tests.web import desk_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    return customer(creditor(name="Éditions du Rivage"), number="K-77", postcode="75 011")


@pytest.fixture
def today() -> Any:
    return timezone.localdate()


@pytest.fixture
def late(anna: Customer, today: Any) -> Invoice:
    return invoice(anna, 10_000, today - timedelta(days=12), reference="F-LATE")


@pytest.fixture(autouse=True)
def _wire(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Carries the dummy provider's webhooks to the hook without a socket; the browser tests use a real one."""
    told: list[int] = []

    def tell(events: list[dict[str, Any]], *, now: Any) -> None:
        told.append(deliver(events, now=now).status_code)

    monkeypatch.setattr(dummy, "tell", tell)
    return told


def deliver(events: list[dict[str, Any]], *, now: Any = None, signature: str | None = None) -> Any:
    body = json.dumps({"events": events}).encode()
    signed = dummy.signature(body, now=now or timezone.now()) if signature is None else signature
    return Client(enforce_csrf_checks=True).post(
        "/hooks/psp/dummy/", body, content_type="application/json", headers={"Dummy-Signature": signed}
    )


def link(of: Customer, message: Message | None = None, days: int = 60) -> str:
    content = {"c": of.pk, "m": message.pk if message else 0}
    return links.sign("portal", content, expires=timezone.now() + timedelta(days=days))


def message_to(of: Customer) -> Message:
    return Message.objects.create(
        key=f"m{of.pk}",
        creditor=of.creditor,
        customer=of,
        currency="EUR",
        purpose="reminder_1",
        medium="email",
        address="anna@example.org",
        language="fr",
        tone="warm",
        as_of=timezone.localdate(),
        step="reminder_1",
        created_at=timezone.now(),
    )


def url(name: str, token: str, **more: Any) -> str:
    return reverse(f"portal:{name}", kwargs={"token": token} | more)


def entered(client: Client, of: Customer, message: Message | None = None) -> str:
    token = link(of, message)
    client.post(url("identify", token), {"answer": of.number})
    return token


def text(response: Any) -> str:
    """What a person reads, with plain spaces."""
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"[\s\u00a0\u202f]+", " ", bare)


def test_the_link_alone_shows_to_whom_and_how_much(client: Client, anna: Customer, late: Invoice) -> None:
    page = text(client.get(url("home", link(anna))))
    assert "Éditions du Rivage" in page
    assert "100,00 €" in page
    for secret in (anna.name, "F-LATE", anna.number, anna.postcode):
        assert secret not in page


@pytest.mark.parametrize("answer", ["k77", "K-77", " 75011 ", "75 011"])
def test_number_or_postcode_opens_the_details(client: Client, anna: Customer, late: Invoice, answer: str) -> None:
    token = link(anna)
    client.post(url("identify", token), {"answer": answer})
    assert "F-LATE" in text(client.get(url("home", token)))


def test_tries_end_and_no_new_browser_starts_them_again(anna: Customer, late: Invoice) -> None:
    token = link(anna)
    for _ in range(5):
        Client().post(url("identify", token), {"answer": "wrong"})
    visitor = Client()
    visitor.post(url("identify", token), {"answer": anna.number})
    page = text(visitor.get(url("home", token)))
    assert "F-LATE" not in page
    assert 'name="answer"' not in visitor.get(url("home", token)).content.decode()
    assert not AuditEntry.objects.filter(act="portal.entered").exists()
    assert AuditEntry.objects.filter(act="portal.refused", subject_ref=anna.pk).count() == 5


def test_who_is_known_to_one_customer_is_not_known_to_another(client: Client, anna: Customer, late: Invoice) -> None:
    boris = customer(anna.creditor)
    foreign = invoice(boris, 500, reference="F-BORIS")
    token = entered(client, anna)
    assert "F-BORIS" not in text(client.get(url("home", link(boris))))
    for name in ("dispute", "copy"):
        assert client.get(url(name, token, invoice=foreign.pk)).status_code == 404
    client.post(url("claim", token), {"invoice": foreign.pk})
    client.post(url("pay", token), {"invoice": foreign.pk})
    client.post(url("dispute", token, invoice=foreign.pk), {"reason": "amount"})
    assert not Hold.objects.exists()
    assert not Attempt.objects.exists()


def test_every_room_asks_first(client: Client, anna: Customer, late: Invoice) -> None:
    token = link(anna)
    rooms = [
        client.get(url("statement", token)),
        client.get(url("copy", token, invoice=late.pk)),
        client.get(url("dispute", token, invoice=late.pk)),
        client.get(url("paid", token, attempt="x")),
        client.get(url("paid_state", token, attempt="x")),
        client.post(url("pay", token), {"invoice": late.pk}),
        client.post(url("claim", token), {"invoice": late.pk}),
        client.post(url("promise", token), {"invoice": late.pk}),
        client.post(url("dispute", token, invoice=late.pk), {"reason": "amount"}),
    ]
    assert [room.status_code for room in rooms] == [302] * len(rooms)
    assert all(room["Location"] == url("home", token) for room in rooms)
    assert not Hold.objects.exists()


def test_a_broken_or_expired_link_is_told_kindly(client: Client, anna: Customer) -> None:
    assert client.get(url("home", link(anna)[:-2] + "xx")).status_code == 404
    assert client.get(url("home", link(anna, days=-1))).status_code == 410
    wrong = links.sign("unsubscribe", {"c": anna.pk, "m": 0}, expires=timezone.now() + timedelta(days=1))
    assert client.get(url("home", wrong)).status_code == 404


def test_opening_changes_nothing_but_that_it_was_opened(client: Client, anna: Customer, late: Invoice) -> None:
    message = message_to(anna)
    for _ in range(3):
        client.get(url("home", link(anna, message)))
    assert list(Event.objects.values_list("kind", "message")) == [("opened", message.pk)]
    token = entered(client, anna, message)
    for name in ("pay", "claim", "promise", "identify", "language"):
        assert client.get(url(name, token)).status_code == 405
    client.get(url("home", token)), client.get(url("dispute", token, invoice=late.pk))
    assert not Hold.objects.exists()
    assert not Attempt.objects.exists()


def test_credits_are_counted_to_the_cent(client: Client, anna: Customer, late: Invoice, today: Any) -> None:
    invoice(anna, 5_001, today + timedelta(days=9))
    credit(anna, 2_500, today - timedelta(days=1), kind="credit_note")
    page = text(client.get(url("home", entered(client, anna))))
    assert "125,01 €" in page
    assert "Payer 75,00 €" in page or "Pay 75,00 €" in page


def test_paying_what_is_due_with_a_credit_deducted(client: Client, anna: Customer, late: Invoice, today: Any) -> None:
    message = message_to(anna)
    credit(anna, 2_500, today - timedelta(days=1), kind="credit_note")
    token = entered(client, anna, message)
    leads = client.post(url("pay", token), {"invoice": late.pk})
    attempt = Attempt.objects.get()
    assert (attempt.amount_minor, attempt.journey, attempt.step) == (7_500, "email_link", "reminder_1")
    assert attempt.message_ref == message.pk
    assert leads["Location"].startswith(f"{django_settings.BASE_URL}/dev/psp/")
    back = url("paid", token, attempt=attempt.token)
    assert client.get(url("paid_state", token, attempt=attempt.token)).json() == {"state": "waiting"}

    page = leads["Location"].removeprefix(django_settings.BASE_URL)
    assert client.get(page).status_code == 200
    done = client.post(page, {"act": "pay"})
    assert done["Location"].endswith(back)
    assert client.get(url("paid_state", token, attempt=attempt.token)).json() == {"state": "succeeded"}
    assert "75,00 €" in text(client.get(back))
    late.refresh_from_db()
    assert late.open_minor == 0
    assert not Credit.objects.filter(open_minor__gt=0).exists()
    client.post(page, {"act": "pay"})
    assert Credit.objects.filter(source="psp:dummy").count() == 1


@pytest.mark.parametrize(
    ("acts", "state", "errors"),
    [
        (["challenge", "confirm"], "succeeded", 0),
        (["challenge", "refuse"], "failed", 0),
        (["mistype", "mistype", "pay"], "succeeded", 2),
        (["mistype", "decline"], "failed", 1),
        (["abandon"], "abandoned", 0),
        (["abandon", "pay"], "succeeded", 0),
    ],
)
def test_every_end_of_the_payment_page(
    client: Client, anna: Customer, late: Invoice, acts: list[str], state: str, errors: int
) -> None:
    token = entered(client, anna)
    page = client.post(url("pay", token), {"invoice": late.pk})["Location"].removeprefix(django_settings.BASE_URL)
    for act in acts:
        client.post(page, {"act": act})
    attempt = Attempt.objects.get()
    assert (attempt.state, attempt.input_errors) == (state, errors)
    assert client.get(url("paid", token, attempt=attempt.token)).status_code == 200
    late.refresh_from_db()
    assert late.open_minor == (0 if state == "succeeded" else 10_000)
    body = client.get(page).content.decode()
    assert not re.search(r'<input[^>]+type="?(text|tel|number|password)', body)


@pytest.mark.parametrize(("typed", "amount"), [("40", 4_000), ("40,5", 4_050), ("40.50", 4_050), ("100", 10_000)])
def test_paying_a_part(client: Client, anna: Customer, late: Invoice, typed: str, amount: int) -> None:
    client.post(url("pay", entered(client, anna)), {"invoice": late.pk, "amount": typed})
    assert Attempt.objects.get().amount_minor == amount


@pytest.mark.parametrize("typed", ["100,01", "0", "-5", "forty", "1,234"])
def test_amounts_that_cannot_be_paid(client: Client, anna: Customer, late: Invoice, typed: str) -> None:
    token = entered(client, anna)
    answer = client.post(url("pay", token), {"invoice": late.pk, "amount": typed}, follow=True)
    assert not Attempt.objects.exists()
    page = answer.content.decode()
    assert 'role="alert"' in page
    assert f'name="amount" type="text" inputmode="decimal" maxlength="20" autocomplete="off" value="{typed}"' in page


def test_a_part_without_an_amount_is_not_all_of_it_and_ticks_outlive_a_slip(
    client: Client, anna: Customer, late: Invoice, today: Any
) -> None:
    early = invoice(anna, 500, today + timedelta(days=20))
    where = url("pay", entered(client, anna))
    slip = client.post(where, {"invoice": early.pk, "amount": "", "typed": "1"}, follow=True).content.decode()
    assert not Attempt.objects.exists()
    assert [re.search(rf'value="{each.pk}"[^>]* checked', slip) is None for each in (early, late)] == [False, True]
    told = client.post(where, {"invoice": early.pk, "amount": "6", "typed": "1"}, follow=True).content.decode()
    assert "5,00" in re.search(r'role="alert">(.*?)<', told).group(1)  # type: ignore[union-attr]


def test_i_have_already_paid(client: Client, anna: Customer, late: Invoice, today: Any) -> None:
    other = invoice(anna, 500, today - timedelta(days=3))
    token = entered(client, anna)
    client.post(url("claim", token), {"invoice": late.pk})
    hold = Hold.objects.get()
    assert (hold.invoice, hold.kind, hold.until) == (late, "claimed", today + timedelta(days=7))
    client.post(url("claim", token), {})
    assert Hold.objects.count() == 1
    page = client.get(url("home", token)).content.decode()
    assert re.search(rf'value="{other.pk}"[^>]* checked', page)
    assert not re.search(rf'value="{late.pk}"[^>]* checked', page)
    invoice(anna, 700, today + timedelta(days=9))
    client.post(url("claim", token), {"invoice": other.pk})
    assert not re.search(r'name="invoice"[^>]* checked', client.get(url("home", token)).content.decode())


def test_i_contest_this(client: Client, anna: Customer, late: Invoice) -> None:
    token = entered(client, anna)
    where = url("dispute", token, invoice=late.pk)
    client.post(where, {"reason": "quality", "words": "Cassé", "amount": "25"})
    dispute = Dispute.objects.get()
    assert (dispute.reason, dispute.words, dispute.disputed_minor) == ("quality", "Cassé", 2_500)
    assert Hold.objects.get().kind == "dispute"
    assert 'role="alert"' in client.post(where, {"reason": "nonsense"}, follow=True).content.decode()
    for amount in ("a lot", "999"):
        slip = client.post(where, {"reason": "quality", "words": "Cassé & tordu", "amount": amount}).content.decode()
        assert all(
            kept in slip
            for kept in ('role="alert"', "Cassé &amp; tordu", f'value="{amount}"', 'value="quality" required checked')
        )
    assert Dispute.objects.count() == 1


def test_i_pay_later(client: Client, anna: Customer, late: Invoice, today: Any) -> None:
    token = entered(client, anna)
    for day in ("", "nonsense", "2026-13-40", str(today - timedelta(days=1)), str(today + timedelta(days=15))):
        client.post(url("promise", token), {"invoice": late.pk, "promised_for": day})
    assert not Promise.objects.exists()
    client.post(url("promise", token), {"invoice": late.pk, "promised_for": str(today + timedelta(days=10))})
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.origin, promise.invoices) == (10_000, "portal", [late.pk])


def test_papers(client: Client, anna: Customer, late: Invoice, tmp_path: Any, settings: Any) -> None:
    token = entered(client, anna)
    statement = client.get(url("statement", token))
    assert statement.content.startswith(b"%PDF")
    assert client.get(url("copy", token, invoice=late.pk)).status_code == 404
    settings.DOCUMENT_ROOT = tmp_path
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "abcd").write_bytes(b"%PDF-copy")
    Document.objects.create(
        creditor=anna.creditor, invoice=late, name="F-LATE.pdf", sha256="abcd", size=9, known_at=timezone.now()
    )
    answer = client.get(url("copy", token, invoice=late.pk))
    assert b"".join(answer) == b"%PDF-copy"  # type: ignore[arg-type]


def test_the_customers_language_and_the_other_one(client: Client, anna: Customer, late: Invoice) -> None:
    token = entered(client, anna)
    assert '<html lang="fr">' in client.get(url("home", token)).content.decode()
    client.post(url("language", token), {"language": "en"})
    page = client.get(url("home", token))
    assert '<html lang="en">' in page.content.decode()
    assert "€100.00" in text(page)
    client.post(url("language", token), {"language": "xx"})
    assert '<html lang="en">' in client.get(url("home", token)).content.decode()


def test_two_currencies_are_two_pages(client: Client, anna: Customer, late: Invoice) -> None:
    invoice(anna, 990, currency="USD", reference="F-USD")
    token = entered(client, anna)
    assert "F-USD" not in text(client.get(url("home", token)))
    page = text(client.get(url("home", token) + "?currency=USD"))
    assert "F-USD" in page
    assert "F-LATE" not in page


def test_pages_are_private_and_run_nothing_inline(client: Client, anna: Customer, late: Invoice) -> None:
    token = link(anna)
    pages = [client.get(url("home", token))]
    entered(client, anna)
    pages += [client.get(url("home", token)), client.get(url("dispute", token, invoice=late.pk))]
    for page in pages:
        body = page.content.decode()
        assert page["Cache-Control"] == "no-store"
        assert "'unsafe" not in page["Content-Security-Policy"]
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", body)


def test_one_click_and_a_page_with_a_button(anna: Customer) -> None:
    message = message_to(anna)
    token = links.sign("unsubscribe", {"m": message.pk}, expires=timezone.now() + timedelta(days=9))
    bare = Client(enforce_csrf_checks=True)
    assert "<button" in bare.get(f"/u/{token}/").content.decode()
    assert not OptOut.objects.exists()
    for _ in range(2):
        done = bare.post(f"/u/{token}/", {"List-Unsubscribe": "One-Click"})
        assert done.status_code == 200
    out = OptOut.objects.get()
    assert (out.medium, out.address, out.origin) == ("email", "anna@example.org", "one_click")
    assert bare.post("/u/nonsense/").status_code == 404


def event(attempt: str, kind: str = "succeeded") -> dict[str, Any]:
    return {
        "id": f"e_{kind}",
        "kind": kind,
        "attempt": attempt,
        "at": timezone.now().isoformat(),
        "payment": "P1",
        "amount_minor": 10_000,
        "currency": "EUR",
    }


def test_the_hook_answers_in_the_providers_terms(client: Client, anna: Customer, late: Invoice) -> None:
    client.post(url("pay", entered(client, anna)), {"invoice": late.pk})
    token = Attempt.objects.get().token
    refused = deliver([event(token)], signature="t=1,v1=0")
    assert (refused.status_code, refused.content.decode()[-1]) == (400, ".")
    assert not ProviderEvent.objects.exists()
    assert deliver([event(token, "refunded")]).status_code == 503
    assert [deliver([event(token)]).status_code for _ in range(10)] == [200] * 10
    assert Credit.objects.filter(source="psp:dummy").count() == 1
    unknown = event("nobody") | {"id": "e_unknown"}
    assert deliver([unknown]).status_code == 202
    assert ProviderEvent.objects.get(external_id="e_unknown").attempt is None
    assert Client().get("/hooks/psp/dummy/").status_code == 405
    assert Client().post("/hooks/psp/nobody/").status_code == 404
    assert deliver([event(token) | {"id": "x" * 300_000}]).status_code == 413


def test_the_payment_page_sends_the_customer_back_even_when_the_word_is_late(
    client: Client, anna: Customer, late: Invoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_ones: list[Any] = []
    monkeypatch.setattr(psp.threading, "Timer", lambda _s, act, args: Later(late_ones, act, args))
    token = entered(client, anna)
    page = client.post(url("pay", token), {"invoice": late.pk})["Location"].removeprefix(django_settings.BASE_URL)
    client.post(page, {"act": "pay", "late": "on"})
    attempt = Attempt.objects.get()
    assert 'data-state="waiting"' in client.get(url("paid", token, attempt=attempt.token)).content.decode()
    for act, args in late_ones:
        act(*args)
    assert 'data-state="succeeded"' in client.get(url("paid", token, attempt=attempt.token)).content.decode()


class Later:
    """A timer that is over when the test says so."""

    daemon = False

    def __init__(self, kept: list[Any], act: Any, args: Any) -> None:
        kept.append((act, args))

    def start(self) -> None:
        return


def test_interest_that_is_claimed_is_a_line_of_its_own_and_what_is_shown_is_not_asked_for(
    client: Client, anna: Customer, late: Invoice, today: Any
) -> None:
    house = anna.creditor
    choice = {
        "interest": "claim",
        "indemnity": "show",
        "fees": "waive",
        "percent": "15",
    }  # whatever the year's rates are
    house.policy = {"late_payment": [{"since": str(today - timedelta(days=90)), "business": choice, "wait_days": 0}]}
    house.save(update_fields=["policy"])
    boris = customer(house, number="K-78", kind="business")
    row = invoice(boris, 1_000_000, today - timedelta(days=70), reference="F-CHARGED")
    accrue(creditor=house, as_of=today, now=timezone.now())
    row.refresh_from_db()
    page = text(client.get(url("home", entered(client, boris))))
    assert f"dont intérêts de retard {row.charged_minor // 100}," in page
    assert "40,00 € d’intérêts et d’indemnités ont couru" in page
    assert "intérêts de retard" not in text(client.get(url("home", entered(client, anna))))


def test_a_payment_that_the_bank_returned_can_be_made_again(client: Client, anna: Customer, late: Invoice) -> None:
    Customer.objects.filter(pk=anna.pk).update(language="en")
    token, now = entered(client, anna), timezone.now()
    tried = open_attempt(
        customer=anna, amount_minor=late.open_minor, currency="EUR", invoices=[late.pk], journey="portal", now=now
    )
    respond.payment_arrived(provider="dummy", words=[word(tried, "succeeded")], now=now)
    assert "returned by your bank" not in text(client.get(url("home", token)))
    tried.refresh_from_db()
    respond.payment_returned(credit=tried.credit, amount_minor=late.open_minor, key="b:1", reason="AM04", now=now)
    seen = text(client.get(url("home", token)))
    assert "Your last payment was returned by your bank." in seen
    assert "Nothing was taken" not in seen
    assert client.post(url("again", token, attempt=tried.token)).status_code == 302
    again = Attempt.objects.exclude(pk=tried.pk).get()
    assert (again.chain, again.amount_minor) == (tried.chain, late.open_minor)
    julie = desk_rows.colleague("julie", anna.creditor)
    story = text(desk_rows.desk(julie).get(reverse("desk:stories", args=[anna.pk])))
    assert "of it left again" in story
