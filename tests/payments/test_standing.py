"""Standing orders: what falls due after the customer's word is debited once, with its notice; nothing else ever is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from amiable.casework.models import Task
from amiable.core import links
from amiable.core.errors import Refused
from amiable.ledger import hold
from amiable.payments import acquire, standing
from amiable.payments.models import Attempt, Mandate, StandingOrder
from amiable.payments.standing import UnableToStand, collect, due, give
from tests.payments.rows import NOW, TODAY, creditor, customer, invoice
from tests.payments.test_charge import Carrier

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Iterator[Carrier]:
    made = Carrier()
    monkeypatch.setattr(acquire, "acquirer", lambda _creditor, _key: made)
    return made


@pytest.fixture
def mandate() -> Mandate:
    who = customer(creditor(released_at=NOW - 90 * DAY))
    return Mandate.objects.create(
        customer=who,
        provider="dummy",
        token="m",
        reference="pm_1",
        scheme="card",
        asked_at=NOW,
        signed_on=TODAY,
        label="Visa •••• 4242",
    )


def given(mandate: Mandate) -> StandingOrder:
    return give(mandate=mandate, currency="EUR", as_of=TODAY, now=NOW, origin="portal")


def run(days: int) -> tuple[int, int]:
    came = collect(as_of=TODAY + days * DAY, now=NOW + days * DAY)
    return came.asked, came.refused


def test_what_falls_due_is_debited_once_on_its_day(carrier: Carrier, mandate: Mandate) -> None:
    who = mandate.customer
    invoice(who, 1_000, TODAY - DAY)  # was due before the word
    first, second = invoice(who, 2_000, TODAY + 5 * DAY), invoice(who, 3_000, TODAY + 5 * DAY)
    given(mandate)
    assert [run(days) for days in (0, 4, 5, 5, 6)] == [(0, 0), (0, 0), (1, 0), (0, 0), (0, 0)]
    attempt = Attempt.objects.get()
    assert (attempt.amount_minor, attempt.invoices, attempt.journey) == (5_000, [first.pk, second.pk], "standing")


def test_a_debit_has_its_days_of_notice(carrier: Carrier, mandate: Mandate) -> None:
    Mandate.objects.update(scheme="sepa_debit")
    invoice(mandate.customer, 2_000, TODAY + 5 * DAY, issued_on=TODAY)
    given(mandate)
    assert [run(days) for days in (5, 13, 14)] == [(0, 0), (0, 0), (1, 0)]


def test_what_is_held_waits_and_what_has_ended_debits_nothing(carrier: Carrier, mandate: Mandate) -> None:
    row = invoice(mandate.customer, 2_000, TODAY + DAY)
    order = given(mandate)
    hold.place(
        kind="dispute", source_ref="t", customer=row.customer, invoice=row, since=TODAY, until=TODAY + 3 * DAY, now=NOW
    )
    assert due(order=order, as_of=TODAY + 2 * DAY) == []
    assert due(order=order, as_of=TODAY + 3 * DAY) == [row]
    standing.end(order=order, now=NOW, origin="portal")
    assert run(9) == (0, 0)
    row.creditor.stopped_at = NOW
    row.creditor.save()
    given(mandate)
    assert run(9) == (0, 0)


def test_a_refusal_is_a_task_and_is_not_tried_again_by_itself(carrier: Carrier, mandate: Mandate) -> None:
    invoice(mandate.customer, 2_000, TODAY + DAY)
    given(mandate)
    carrier.answer = Refused("no")
    assert [run(1), run(2)] == [(0, 1), (0, 0)]
    assert Task.objects.get().kind == "call"


def test_a_way_to_pay_that_has_run_out_ends_the_order_and_asks_once(carrier: Carrier, mandate: Mandate) -> None:
    invoice(mandate.customer, 2_000, TODAY + DAY)
    given(mandate)
    Mandate.objects.update(expires_on=TODAY)
    assert [run(1), run(2)] == [(0, 0), (0, 0)]
    assert "Visa •••• 4242" in Task.objects.get().title
    assert (carrier.asked, StandingOrder.objects.get().ended_at) == ([], NOW + DAY)


def test_a_new_word_takes_the_place_of_the_old_one(mandate: Mandate) -> None:
    first, second = given(mandate), given(mandate)
    first.refresh_from_db()
    assert (first.ended_at, list(standing.of(mandate.customer))) == (NOW, [second])
    Mandate.objects.update(ended_on=TODAY)
    with pytest.raises(UnableToStand):
        given(mandate)


def test_the_customer_gives_and_ends_it_on_the_portal(client: Client, mandate: Mandate) -> None:
    token = links.sign("portal", {"c": mandate.customer_id, "m": 0}, expires=timezone.now() + DAY)
    room: Any = f"/p/{token}/methods/{mandate.pk}/standing/"
    client.post(room)
    assert not StandingOrder.objects.exists()  # nobody has said who they are
    client.post(f"/p/{token}/identify/", {"answer": mandate.customer.number})
    client.post(room)
    assert StandingOrder.objects.get(ended_at=None).mandate == mandate
    assert 'value="end"' in client.get(f"/p/{token}/methods/").content.decode()
    client.post(room, {"act": "end"})
    assert not StandingOrder.objects.filter(ended_at=None).exists()
    stranger = Mandate.objects.create(
        customer=customer(mandate.customer.creditor),
        provider="dummy",
        token="x",
        reference="y",
        asked_at=NOW,
        signed_on=TODAY,
    )
    assert client.post(f"/p/{token}/methods/{stranger.pk}/standing/").status_code == 404
