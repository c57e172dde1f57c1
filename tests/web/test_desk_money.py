"""The page of money that is nobody's yet: what is shown to whom, what one word does, and how fast it is when much waits."""

import time
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import translation

from amiable.core.models import Role
from amiable.ledger.models import Credit, Creditor, Invoice
from amiable.payments.models import LineKind, Match, MatchState
from amiable.scenario import match_up
from amiable.web.desk import match_pages, match_words
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    return rows.creditor("ours", cash_authority="bank")


def money(of: Creditor, minor: int, words: str = "", **more: Any) -> Credit:
    number = f"b{Credit.objects.count()}"
    fields = {
        "creditor": of,
        "source": "bank:X",
        "external_id": number,
        "received_on": clock.today(),
        "currency": "EUR",
    }
    fields |= {"amount_minor": minor, "open_minor": minor, "known_at": clock.now(), "reference": words}
    return Credit.objects.create(**fields | more)


def looked_at(of: Creditor) -> None:
    match_up.match_money(creditor=of, as_of=clock.today(), now=clock.now())


def test_every_reason_of_the_engine_has_a_sentence() -> None:
    codes = {
        "reference": {"reference": "F1"}, "damaged": {"reference": "F1", "wrong": 1}, "tail": {"reference": "F1"},
        "amount": {}, "sum": {"count": 2}, "told": {}, "rest": {"amount_minor": 5}, "part": {"amount_minor": 5},
        "short": {"amount_minor": 5}, "fees": {"amount_minor": 5}, "discount": {"amount_minor": 5}, "together": {"count": 2},
        "credit_note": {"reference": "A1"}, "iban": {}, "known_name": {}, "name": {"percent": 91}, "number": {"number": "K1"},
        "rf": {"reference": "RF1"}, "mandate": {"reference": "M1"}, "person": {}, "bank": {}, "own_account": {},
        "provider": {"name": "STRIPE"}, "payments": {"count": 2, "fees_minor": 5},
    }  # fmt: skip
    with translation.override("en"):
        told = match_words.said(list(codes.items()), "EUR")
    assert len(told) == len(codes)
    assert "name alike (91 %)" in [each["words"] for each in told]
    assert all("%(" not in each["words"] for each in told)


def test_proposals_are_shown_with_reasons_and_confirmed(ours: Creditor) -> None:
    anna, boris = rows.customer(ours, "Anna"), rows.customer(ours, "Boris")
    one, two = (rows.invoice(who, 5_000, late=3) for who in (anna, boris))
    found = money(ours, 5_000, "merci")
    looked_at(ours)
    client = rows.desk(rows.colleague("vera", ours))
    page = client.get("/money/").content.decode()
    assert "€50.00" in page
    assert "exact amount" in page
    proposal = Match.objects.get(customer=boris)
    answer = client.post(f"/money/{found.pk}/confirm/", {"match": proposal.pk}, follow=True).content.decode()
    assert "Boris: matched with 1 invoice." in answer
    assert "All money has found its place" in answer
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (one, two)] == [5_000, 0]
    again = client.post(f"/money/{found.pk}/confirm/", {"match": proposal.pk}, follow=True).content.decode()
    assert "changed meanwhile" in again
    client.post(f"/money/{proposal.pk}/undo/")
    assert Invoice.objects.get(pk=two.pk).open_minor == 5_000
    assert Match.objects.get(pk=proposal.pk).state == MatchState.UNDONE
    assert "taken back" in client.get("/money/?show=done").content.decode()


def test_given_to_somebody_searched_for_and_split(ours: Creditor) -> None:
    anna = rows.customer(ours, "Anna Lefèvre")
    one, two = rows.invoice(anna, 3_000, late=9), rows.invoice(anna, 3_000, late=3)
    found = money(ours, 4_000, "?")
    looked_at(ours)
    client = rows.desk(rows.colleague("vera", ours))
    assert "Anna Lefèvre" in client.get(f"/money/{found.pk}/?who=lefèvre").content.decode()
    page = client.get(f"/money/{found.pk}/?customer={anna.pk}").content.decode()
    assert 'value="30.00"' in page
    assert 'value="10.00"' in page
    wrong = {"customer": anna.pk, f"invoice_{two.pk}": "ten"}
    assert "This is not an amount" in client.post(f"/money/{found.pk}/give/", wrong, follow=True).content.decode()
    client.post(
        f"/money/{found.pk}/give/", {"customer": anna.pk, f"invoice_{two.pk}": "12.50", f"invoice_{one.pk}": ""}
    )
    assert [Invoice.objects.get(pk=row.pk).open_minor for row in (one, two)] == [3_000, 1_750]
    assert Credit.objects.get(pk=found.pk).customer == anna


def test_set_aside_with_what_it_is(ours: Creditor) -> None:
    found = money(ours, 900, "intérêts créditeurs")
    client = rows.desk(rows.colleague("vera", ours))
    client.post(f"/money/{found.pk}/aside/", {"kind": LineKind.OTHER})
    assert match_pages.totals(rows.colleague("vic", ours)) == []
    assert client.post(f"/money/{found.pk}/aside/", {"kind": "nonsense"}).status_code == 302
    assert client.post(f"/money/{found.pk}/nothing/").status_code == 404


def test_nobody_sees_or_moves_the_money_of_another_creditor_or_of_a_part(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    found, stranger = money(ours, 900), money(theirs, 800)
    reader = rows.desk(rows.colleague("rita", ours, role=Role.AUDITOR))
    assert reader.get(f"/money/{found.pk}/").status_code == 200
    assert reader.post(f"/money/{found.pk}/aside/", {"kind": "other"}).status_code == 404
    client = rows.desk(rows.colleague("vera", ours))
    assert client.get(f"/money/{stranger.pk}/").status_code == 404
    assert client.post(f"/money/{stranger.pk}/aside/", {"kind": "other"}).status_code == 404
    assert "€8.00" not in client.get("/money/").content.decode()
    outsider = rows.customer(theirs, "Nadia")
    assert client.post(f"/money/{found.pk}/give/", {"customer": outsider.pk}).status_code == 404


@pytest.mark.long
def test_a_page_is_fast_while_a_hundred_thousand_payments_wait(ours: Creditor) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_credit (creditor_id, source, external_id, kind, reference, received_on, currency,"
            " amount_minor, open_minor, method, known_at) SELECT %s, 'bank:X', n, 'payment', 'text ' || n,"
            " current_date - (n %% 300), 'EUR', n, n, '', now() FROM generate_series(1, 100000) n",
            [ours.pk],
        )
        cursor.execute(
            "INSERT INTO payments_match (credit_id, kind, state, rank, parts, rest_minor, confidence, reasons, looked_at,"
            " netted, entries) SELECT id, 'customer', 'proposed', 0, '[]', 0, 0, '[]', now(), '{}', '{}' FROM ledger_credit"
        )
        cursor.execute("ANALYZE")
    client = rows.desk(rows.colleague("vera", ours))
    middle = Credit.objects.order_by("received_on", "pk")[50_000]
    for address in (reverse("desk:money"), reverse("desk:money_one", args=[middle.pk]), reverse("desk:home")):
        client.get(address)
        began = time.perf_counter()
        assert client.get(address).status_code == 200
        assert time.perf_counter() - began < 1, address
