"""What the bank takes back: the money is found by its references, its invoices are open again; else a person sees it."""

from datetime import timedelta

import pytest

from amiable.casework.models import Task
from amiable.ledger.models import Credit
from amiable.payments import trace
from amiable.payments.allocate import allocate
from amiable.payments.models import StatementLine
from amiable.scenario.bank import bank_told, return_found
from amiable.scenario.hear import UnableToRespond
from tests.payments import bank, rows
from tests.payments.bank import DAY, NOW, Move, camt, cfonb, mt940

pytestmark = pytest.mark.django_db
LATER = DAY + timedelta(days=4)


def told(content: bytes, owner, folder):
    path = folder / "file"
    path.write_bytes(content)
    return bank_told(path=path, creditors=[owner], now=NOW + timedelta(days=5))


def paid(owner, folder, move: Move):
    """Money that came by this movement, and paid an invoice."""
    told(camt([move]), owner, folder)
    who = rows.customer(owner)
    owed = rows.invoice(who, move.amount_minor)
    money = Credit.objects.get()
    money.customer = who
    money.save(update_fields=["customer"])
    allocate(credit=money, invoices=[owed.pk], as_of=DAY, now=NOW)
    owed.refresh_from_db()
    assert owed.open_minor == 0
    return owed, money


DEBIT = Move(50_00, "PRLV", end_to_end_id="DD-1", mandate_id="M-1", family="PMNT/IDDT/ESDD")
CHEQUE = Move(70_00, "REM CHQ", payer="", payer_iban="", cheque="0001234", family="PMNT/RCHQ/CCHQ")


@pytest.mark.parametrize(
    ("came", "went"),
    [
        (DEBIT, Move(-50_00, "PRLV IMPAYE", end_to_end_id="DD-1", reason="AM04", family="PMNT/IDDT/UPDD")),
        (DEBIT, Move(-50_00, "PRLV IMPAYE", mandate_id="M-1", reason="MD06", family="PMNT/IDDT/UPDD")),
        (DEBIT, Move(-52_50, "IMPAYE ET FRAIS", end_to_end_id="DD-1", reason="AC04", family="PMNT/IDDT/UPDD")),
        (CHEQUE, Move(-70_00, "CHQ IMPAYE", cheque="0001234", payer="", payer_iban="", family="PMNT/RCHQ/UPCQ")),
    ],
)
def test_a_return_opens_the_invoices_again(tmp_path, came, went):
    owner = bank.creditor()
    owed, money = paid(owner, tmp_path, came)
    went.booked_on = LATER
    found = told(camt([went], opening=came.amount_minor, first=LATER), owner, tmp_path)
    assert (found.taken_back, found.unknown) == (1, 0)
    owed.refresh_from_db()
    money.refresh_from_db()
    assert (owed.open_minor, money.open_minor) == (came.amount_minor, 0)
    assert StatementLine.objects.get(amount_minor__lt=0).credit == money
    assert Task.objects.get().customer == owed.customer


def test_told_again_by_another_format_it_is_taken_back_once(tmp_path):
    owner = bank.creditor()
    owed, _money = paid(owner, tmp_path, DEBIT)
    went = Move(-50_00, "PRLV IMPAYE", booked_on=LATER, end_to_end_id="DD-1", reason="AM04", family="PMNT/IDDT/UPDD")
    for content in (
        camt([went], kind="054", first=LATER),
        camt([went], opening=50_00, first=LATER),
        cfonb([went], opening=50_00, first=LATER, codes=["B3"]),
    ):
        told(content, owner, tmp_path)
    owed.refresh_from_db()
    assert owed.open_minor == 50_00
    assert StatementLine.objects.filter(amount_minor__lt=0, same_as=None).count() == 1
    assert trace.waiting([owner]).count() == 0


def test_a_return_without_a_sign_waits_for_a_person(tmp_path, django_user_model):
    owner = bank.creditor()
    owed, money = paid(owner, tmp_path, CHEQUE)
    went = Move(-70_00, "CHQ IMPAYE", booked_on=LATER, payer="", payer_iban="", family="PMNT/RCHQ/UPCQ")
    found = told(camt([went], opening=70_00, first=LATER), owner, tmp_path)
    assert (found.taken_back, found.unknown) == (0, 1)
    owed.refresh_from_db()
    assert owed.open_minor == 0
    [line] = trace.waiting([owner])
    assert list(trace.alike(line)) == [money]
    person = django_user_model.objects.create_user("anna")
    return_found(line=line, credit=money, now=NOW, by=person)
    owed.refresh_from_db()
    assert owed.open_minor == 70_00
    with pytest.raises(UnableToRespond):
        return_found(line=line, credit=money, now=NOW, by=person)


def test_a_return_that_comes_before_its_money_is_found_when_that_is_told(tmp_path):
    owner = bank.creditor()
    went = Move(-50_00, "PRLV IMPAYE", booked_on=LATER, end_to_end_id="DD-1", reason="AM04", family="PMNT/IDDT/UPDD")
    assert told(camt([went], opening=50_00, first=LATER), owner, tmp_path).unknown == 1
    assert told(camt([DEBIT]), owner, tmp_path).taken_back == 1
    assert Credit.objects.get().open_minor == 0


def test_german_and_swift_words_for_a_return_are_understood(tmp_path):
    owner = bank.creditor()
    owed, _money = paid(owner, tmp_path, DEBIT)
    text = mt940([Move(-50_00, "x", booked_on=LATER, end_to_end_id="DD-1")], opening=50_00, first=LATER).decode()
    told(text.replace("166?00GUTSCHRIFT", "109?00RUECKLASTSCHRIFT").encode(), owner, tmp_path)
    owed.refresh_from_db()
    assert owed.open_minor == 50_00
