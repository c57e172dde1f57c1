"""Files on the desk: looked at before they are loaded, corrected, mended; and nobody else's."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from amiable.core.models import Role, Scope, User
from amiable.intake.models import Import, QuarantinedRow, Source
from amiable.ledger.models import Creditor, Hold, Invoice
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
TEXT = (
    "Code client;Nom;N° facture;Date facture;Échéance;Montant TTC\n"
    "C1;Un;F1;03/01/2024;02/02/2024;100,00\n"
    "C1;Un;F2;03/01/2024;02/02/2024;cent\n"
)


@pytest.fixture
def creditor() -> Creditor:
    return rows.creditor("ours")


def person(creditor: Creditor, role: str = Role.ACCOUNTANT) -> Client:
    user = User.objects.create(username=f"{role}-{creditor.key}", language="en")
    Scope.objects.create(user=user, role=role, creditor_ref=creditor.pk)
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    client.force_login(user)
    return client


def bring(client: Client, text: str = TEXT, name: str = "ventes.csv") -> str:
    answer = client.post(reverse("desk:import_bring"), {"file": SimpleUploadedFile(name, text.encode())})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_a_file_is_looked_at_then_loaded_then_mended(creditor: Creditor) -> None:
    client = person(creditor)
    look = bring(client)
    page = client.get(look).content.decode()
    assert "Échéance" in page
    assert "ventes.csv" in page
    assert "cent" in page
    assert not Import.objects.exists()
    assert not Source.objects.exists()
    answer = client.post(look, {"corrected": "1", "kind": "movements"}, follow=True)
    assert Invoice.objects.get().amount_minor == 10000
    page = answer.content.decode()
    row = QuarantinedRow.objects.get()
    assert row.reason[:10] in page
    name = re.search(r'name="(cell-\d+)" value="cent"', page)
    assert name
    client.post(reverse("desk:quarantine_mend", args=[row.pk]), {name[1]: "7,50"}, follow=True)
    assert Invoice.objects.get(reference="F2").amount_minor == 750
    assert client.get(reverse("desk:imports")).status_code == 200
    assert client.get(reverse("desk:quarantine")).status_code == 200


def test_a_correction_is_taken_and_remembered(creditor: Creditor) -> None:
    client = person(creditor)
    look = bring(client)
    fields = {
        "corrected": "1",
        "kind": "movements",
        "date_order": "mdy",
        "decimal": ",",
        "column-due_on": "Date facture",
        "column-issued_on": "",
    }
    assert client.get(look, fields).status_code == 200
    client.post(look, fields)
    assert str(Invoice.objects.get().due_on) == "2024-03-01"
    assert Source.objects.get().mapping["date_order"] == "mdy"


def test_what_cannot_be_read_is_said(creditor: Creditor) -> None:
    client = person(creditor)
    answer = client.get(bring(client, "%PDF-1.4", "a.pdf"), follow=True)
    assert "of no kind that can be imported" in answer.content.decode()
    answer = client.get(bring(client, "a;b\n1;2\n"))
    assert "were not found" in answer.content.decode()


def test_others_see_none_of_it(creditor: Creditor) -> None:
    client = person(creditor)
    look = bring(client)
    client.post(look, {"corrected": "1"})
    record, row = Import.objects.get(), QuarantinedRow.objects.get()
    stranger, auditor = person(rows.creditor("theirs")), person(creditor, Role.AUDITOR)
    assert stranger.get(bring(client)).status_code == 404
    assert stranger.get(reverse("desk:import", args=[record.pk])).status_code == 404
    assert "ventes" not in stranger.get(reverse("desk:imports")).content.decode()
    assert "cent" not in stranger.get(reverse("desk:quarantine")).content.decode()
    for other in (stranger, auditor):
        assert other.post(reverse("desk:quarantine_mend", args=[row.pk]), {"drop": "1"}).status_code == 404
    assert auditor.get(reverse("desk:import", args=[record.pk])).status_code == 200
    assert auditor.post(reverse("desk:import_bring"), {}).status_code == 404
    row.refresh_from_db()
    assert row.dropped_at is None


def test_what_left_the_open_items_is_answered(creditor: Creditor) -> None:
    client = person(creditor)
    head = "Code client;N° facture;Date facture;Échéance;Solde\n"
    client.post(bring(client, head + "C1;F1;13/01/2024;12/02/2024;10,00\nC1;F2;13/01/2024;12/02/2024;20,00\n"), {})
    client.post(bring(client, head + "C1;F2;13/01/2024;12/02/2024;20,00\n"), {})
    hold = Hold.objects.get()
    assert "F1" in client.get(reverse("desk:imports_missing")).content.decode()
    stranger = person(rows.creditor("theirs"))
    stranger.post(reverse("desk:imports_missing"), {"invoice": hold.invoice_id, "confirm": "1"})
    assert Invoice.objects.get(reference="F1").open_minor == 1000
    client.post(reverse("desk:imports_missing"), {"invoice": hold.invoice_id, "confirm": "1"})
    assert Invoice.objects.get(reference="F1").open_minor == 0
