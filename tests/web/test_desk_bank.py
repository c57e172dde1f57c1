"""The bank on the desk: looked at before it is booked, gaps and doubts in sight, decided by those who may."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from amiable.core.models import Role, Scope, User
from amiable.ledger.models import Credit, Creditor
from amiable.payments.models import Statement, StatementLine
from tests.payments import bank
from tests.payments.bank import DAY, IBAN, NOW, Move, camt, csv
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
MOVES = [
    Move(120_00, "FACTURE F-0001", end_to_end_id="E1"),
    Move(-30_00, "LOYER", payer="BAILLEUR", end_to_end_id="E2"),
]


@pytest.fixture
def creditor() -> Creditor:
    return rows.creditor("ours", iban=IBAN)


def person(creditor: Creditor, role: str = Role.ACCOUNTANT) -> Client:
    user = User.objects.create(username=f"{role}-{creditor.key}", language="en")
    Scope.objects.create(user=user, role=role, creditor_ref=creditor.pk)
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    client.force_login(user)
    return client


def bring(client: Client, content: bytes, name: str = "releve.xml") -> str:
    answer = client.post(reverse("desk:statement_bring"), {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_a_statement_is_looked_at_then_booked(creditor: Creditor) -> None:
    client = person(creditor)
    look = bring(client, camt(MOVES, opening=10_00))
    page = client.get(look).content.decode()
    for words in ("€10.00", "€120.00", "-€30.00", "€100.00", "DUPONT SA", "releve.xml", "Book it", IBAN):
        assert words in page, words
    assert not Statement.objects.exists()
    answer = client.post(look, follow=True)
    assert "“releve.xml” is booked." in answer.content.decode()
    assert Credit.objects.get().amount_minor == 120_00
    page = client.get(reverse("desk:statements")).content.decode()
    assert "without gaps" in page
    again = client.get(bring(client, camt(MOVES, opening=10_00))).content.decode()
    assert "it changes nothing" in again
    assert "Book it" not in again


def test_what_cannot_be_read_is_one_sentence(creditor: Creditor) -> None:
    client = person(creditor)
    for content in (b"", b"%PDF-1.7", camt(MOVES)[:900]):
        answer = client.get(bring(client, content), follow=True)
        assert answer.status_code == 200
    assert "ask the bank for the whole file" in answer.content.decode()
    assert client.post(reverse("desk:statement_bring"), follow=True).status_code == 200


def test_a_statement_in_question_is_seen_and_decided(creditor: Creditor) -> None:
    client = person(creditor)
    client.post(bring(client, camt(MOVES, closing=1)))
    row = Statement.objects.get()
    assert "until somebody decides" in client.get(reverse("desk:statements")).content.decode()
    assert "It counts" in client.get(reverse("desk:statement", args=[row.pk])).content.decode()
    reader = person(creditor, Role.SALES)
    assert "It counts" not in reader.get(reverse("desk:statement", args=[row.pk])).content.decode()
    assert reader.post(reverse("desk:statement_act", args=[row.pk, "accept"])).status_code == 404
    assert client.post(reverse("desk:statement_act", args=[row.pk, "nonsense"])).status_code == 404
    assert not Credit.objects.exists()
    client.post(reverse("desk:statement_act", args=[row.pk, "accept"]))
    assert Credit.objects.get().amount_minor == 120_00
    client.post(reverse("desk:statement_act", args=[row.pk, "drop"]))
    row.refresh_from_db()
    assert row.state == "counted"


def test_a_return_whose_payment_is_not_found_is_given_to_it_by_a_person(creditor: Creditor, tmp_path) -> None:
    client = person(creditor)
    came = Move(70_00, "REM CHQ", payer="", payer_iban="", cheque="1", family="PMNT/RCHQ/CCHQ")
    went = Move(-70_00, "CHQ IMPAYE", payer="", payer_iban="", family="PMNT/RCHQ/UPCQ")
    for content in (camt([came]), camt([went], opening=70_00, first=DAY.replace(day=20))):
        client.post(bring(client, content))
    money = Credit.objects.get()
    page = client.get(reverse("desk:statements")).content.decode()
    assert "Take this one back" in page
    line = StatementLine.objects.get(amount_minor=-70_00)
    client.post(reverse("desk:statement_return", args=[line.pk]), {"credit": money.pk})
    money.refresh_from_db()
    assert money.open_minor == 0
    assert "Take this one back" not in client.get(reverse("desk:statements")).content.decode()


def test_the_account_in_the_file_says_whose_it_is(creditor: Creditor) -> None:
    other = rows.creditor("other", iban="DE89370400440532013000")
    user = User.objects.create(username="both", language="en")
    for each in (other, creditor):
        Scope.objects.create(user=user, role=Role.ACCOUNTANT, creditor_ref=each.pk)
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    client.force_login(user)
    client.post(bring(client, camt(MOVES)))
    assert Statement.objects.get().creditor == creditor
    answer = client.get(bring(client, csv(MOVES).replace(IBAN.encode(), b"")), follow=True)
    assert "does not name its account" in answer.content.decode()


def test_nobody_sees_the_bank_of_another(creditor: Creditor, tmp_path) -> None:
    neighbour = bank.creditor()
    told = bank.booked(camt(MOVES, closing=1), neighbour, tmp_path, now=NOW)
    row = told.outcomes[0].statement
    client = person(creditor)
    assert IBAN not in client.get(reverse("desk:statements")).content.decode()
    assert client.get(reverse("desk:statement", args=[row.pk])).status_code == 404
    assert client.post(reverse("desk:statement_act", args=[row.pk, "accept"])).status_code == 404
    line = StatementLine.objects.first()
    assert line
    assert client.post(reverse("desk:statement_return", args=[line.pk]), {"credit": 1}).status_code == 404
    stolen = bring(person(creditor, Role.MANAGER), camt(MOVES))
    assert client.get(stolen).status_code == 404
