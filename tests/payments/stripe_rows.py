"""A creditor with Stripe, its invoices and tries to pay, and Stripe itself played on the loopback."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from django.test import RequestFactory, override_settings

from amiable.core.models import User
from amiable.ledger.models import Invoice
from amiable.payments import acquire
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Attempt, Mandate
from amiable.scenario import respond
from tests.contracts import stripe_samples as says
from tests.contracts.peer import Answer, Peer, peer
from tests.payments.rows import NOW, creditor, customer, invoice

RETURN = "https://pay.example.org/back"


@contextmanager
def far_side() -> Iterator[Peer]:
    """Answers that there is no such thing, until it is told more."""
    unknown = Answer(404, {"error": {"message": "No such thing"}})
    with peer(unknown) as found, override_settings(STRIPE_API=found.url.rstrip("/")):
        yield found


def owed() -> Invoice:
    """An invoice of a creditor who takes payments by Stripe, also on the phone."""
    owner = creditor(cash_authority="psp")
    by = User.objects.create(username="vera")
    acquire.keep(creditor=owner, key="stripe", values=says.CONFIG | {"moto": True}, now=NOW, by=by)
    acquire.use(creditor=owner, key="stripe", now=NOW, by=by)
    owner.refresh_from_db()
    return invoice(customer(owner, number="K-77"), 12_345, date(2026, 2, 1))


def attempt_on(row: Invoice, **more: Any) -> Attempt:
    wanted: dict[str, Any] = {
        "amount_minor": row.open_minor,
        "currency": "EUR",
        "invoices": [row.pk],
        "journey": "portal",
    }
    return open_attempt(customer=row.customer, provider="stripe", now=NOW, **wanted | more)


def known_there(row: Invoice, **more: Any) -> Attempt:
    tried = attempt_on(row, **more)
    tried.external_id = "pi_3Amiable"
    tried.save(update_fields=["external_id"])
    return tried


def told(row: Invoice, kind: str, thing: dict[str, Any], **more: Any) -> respond.Arrival:
    """An event through the hook's own path."""
    body = says.event(kind, thing, **more)
    request = RequestFactory().post("/", body, content_type="application/json", headers=says.sign(body, NOW))
    words = list(acquire.acquirer(row.creditor, "stripe").events(request, now=NOW))
    return respond.payment_arrived(provider="stripe", words=words, now=NOW, creditor=row.creditor)


def asked(far: Peer, n: int = -1) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(far.asked[n].body.decode()).items()}


def saved_card(row: Invoice, **more: Any) -> Mandate:
    fields: dict[str, Any] = {"scheme": "card", "label": "Visa •••• 4242"}
    return Mandate.objects.create(
        customer=row.customer, provider="stripe", token="t", reference="pm_1", payer="cus_1", asked_at=NOW,
        signed_on=NOW.date(), **fields | more,
    )  # fmt: skip
