"""What an outside agency reads of a customer of whom something lies with it, line by line and file by file."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework import note
from amiable.casework.models import NoteFile
from amiable.core.models import Role
from amiable.ledger.models import Creditor, Document
from amiable.payments.models import Promise
from amiable.web.ui import clock
from tests.web import desk_rows as rows
from tests.web.test_desk_scope import addresses, agent, out_of_reach, placed
from tests.world import paid

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]


def saved(client: Client, address: str) -> int:
    """How it was answered, where that may be a file."""
    answer = client.get(address)
    answer.getvalue()  # read to its end, a file is closed
    return answer.status_code


def test_an_agency_reads_what_lies_with_it_its_own_notes_and_those_meant_for_it(ours: Creditor) -> None:
    mine, today = rows.full(ours, "Mine"), clock.today()
    row = placed(mine, "Recouvra")
    client = agent(ours, "Recouvra")
    bill = mine.invoices.get()
    # Of its customer three pages and the form of a note, and none that tells what was said with the house, or what else it knows.
    asked = addresses(mine)
    asked.pop("act_undone:note")
    for name in ("customer", "happened", "copy", "act:note"):
        assert saved(client, asked.pop(name)) == 200, name
    out_of_reach(client, asked | {"note_file": reverse("desk:note_file", args=[mine.notes.get().files.get().pk])})
    paid_before = rows.invoice(mine, 7_000, late=50)
    paid(paid_before, on=today - timedelta(days=2))
    to_come, dollars = rows.invoice(mine, 8_000, late=-20), rows.invoice(mine, 9_000, late=30, currency="USD")
    for each in (paid_before, to_come, dollars):
        rows.document(each)
    vera = rows.colleague("vera", ours, Role.MANAGER)
    write = {"customer": mine, "now": clock.now(), "by": vera}
    note.write(text="Meant for @agent: the son answers.", files=[note.File("son.txt", b"He does.")], **write)
    note.write(text="Kept among ourselves.", files=[note.File("own.txt", b"Ours.")], **write)
    rows.credit(mine, 123_00, days_ago=3)
    for invoices, minor in (([bill.pk], 1_111), ([bill.pk, to_come.pk], 2_222), ([], 3_333)):
        Promise.objects.create(
            customer=mine, currency="EUR", amount_minor=minor, promised_for=today, invoices=invoices, taken_at=clock.now(),
            origin="call",
        )  # fmt: skip
    act = reverse("desk:act", args=[mine.pk, "note"])
    assert client.post(act, {"token": "own-note", "text": "We rang at noon."}).status_code == 302
    for address in (reverse("desk:customer", args=[mine.pk]), reverse("desk:happened", args=[mine.pk])):
        page = client.get(address).content.decode()
        for words in (bill.reference, "11.11", "son answers", "son.txt", "rang at noon", "Dispute on"):
            assert words in page, (words, address)
        for words in (
            paid_before.reference, to_come.reference, dollars.reference, "22.22", "33.33", "123.00", "among ourselves",
            "note about Mine", "Votre facture", "call Mine", "Bonjour", "asked for time", "/disputes/", "/tasks/",
        ):  # fmt: skip
            assert words not in page, (words, address)
    assert "mine@example.org" in client.get(reverse("desk:customer", args=[mine.pk])).content.decode()
    for file in NoteFile.objects.filter(note__customer=mine):
        code = saved(client, reverse("desk:note_file", args=[file.pk]))
        assert code == (200 if file.name == "son.txt" else 404), file.name
    for document in Document.objects.all():
        code = saved(client, reverse("desk:copy", args=[document.pk]))
        assert code == (200 if document.invoice == bill else 404), document.invoice
    for words in ("mine", mine.number, bill.reference, "mine@example.org"):
        found = client.get(reverse("desk:search"), {"q": words}).content.decode()
        assert "Mine</a>" in found, words
    for words in (to_come.reference, paid_before.reference, "123.00"):
        assert "Mine</a>" not in client.get(reverse("desk:search"), {"q": words}).content.decode(), words
    paid(bill, on=today)
    page = client.get(reverse("desk:customer", args=[mine.pk])).content.decode()
    assert bill.reference in page  # paid while it was there
    row.recalled_at = clock.now()
    row.save()
    assert "Mine</a>" not in client.get(reverse("desk:search"), {"q": "mine"}).content.decode()
