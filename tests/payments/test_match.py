"""Money on the bank finds customers and invoices: applied where sure, proposed where not, taken back whole."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from amiable.core.models import User
from amiable.ledger.models import Allocation, CashAuthority, Credit, CreditKind, Creditor, Customer, Entry, Invoice
from amiable.ledger.reference import payment_reference
from amiable.payments.accept import UnableToMatch
from amiable.payments.allocate import allocate, allocate_open
from amiable.payments.arrange import promise
from amiable.payments.match import match
from amiable.payments.models import LineKind, Match, MatchState, Statement, StatementLine
from amiable.payments.reconcile import reconcile
from amiable.scenario import match_up
from tests.payments.rows import NOW, TODAY, credit, creditor, customer, invoice

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
IBAN = "FR7630006000011234567890189"


@pytest.fixture
def house() -> Creditor:
    return creditor(cash_authority=CashAuthority.BANK)


@pytest.fixture
def vera() -> User:
    return User.objects.create(username="vera")


def told(owner: Creditor, amount_minor: int, *, day: date = TODAY, provisional: bool = False, **said: Any) -> Credit:
    """A line of the bank with its credit, as payments/book.py would have made them."""
    n = Credit.objects.count() + 1
    money = Credit.objects.create(
        creditor=owner, source=f"bank:{IBAN}", external_id=f"l{n}", received_on=day, currency=said.get("currency", "EUR"),
        amount_minor=amount_minor, open_minor=amount_minor, provisional=provisional, known_at=NOW,
    )  # fmt: skip
    statement, _new = Statement.objects.get_or_create(
        creditor=owner, source=f"bank:{IBAN}", external_id="s",
        defaults={"iban": IBAN, "currency": "EUR", "format": "t", "opened_on": day, "closed_on": day, "known_at": NOW},
    )  # fmt: skip
    StatementLine.objects.create(
        statement=statement, external_id=f"l{n}", booked_on=day, value_on=day, amount_minor=amount_minor, credit=money,
        **{"currency": "EUR"} | said,
    )  # fmt: skip
    return money


def run(owner: Creditor) -> Any:
    return match_up.match_money(creditor=owner, as_of=TODAY, now=NOW)


def opens(*rows: Invoice | Credit) -> list[int]:
    return [type(row).objects.get(pk=row.pk).open_minor for row in rows]


def whose(money: Credit) -> Customer | None:
    return Credit.objects.get(pk=money.pk).customer


def test_an_exact_reference_and_amount_are_applied_by_themselves(house: Creditor) -> None:
    anna = customer(house, name="Anna Lefèvre")
    bill, other = invoice(anna, 12_345, reference="FA-2026-0112"), invoice(anna, 500, reference="FA-2026-0113")
    money = told(house, 12_345, payer="LEFEVRE ANNA", text="VIR FACT FA 2026 0112 MERCI")
    done = run(house)
    assert (done.applied, done.proposed) == (1, 0)
    assert whose(money) == anna
    assert opens(bill, other, money) == [0, 500, 0]
    made = Match.objects.get()
    assert (made.state, made.confirmed_by, made.parts) == (MatchState.APPLIED, None, [["invoice", bill.pk, 12_345, 0]])
    assert [code for code, _values in made.reasons] == ["reference", "amount", "name"]


def test_what_is_not_sure_waits_for_a_person_and_is_not_spread_meanwhile(house: Creditor, vera: User) -> None:
    anna, boris = customer(house, name="Anna Lefèvre"), customer(house, name="Boris SARL")
    one, two = invoice(anna, 5_000), invoice(boris, 5_000)
    money = told(house, 5_000, payer="Z", text="merci")
    assert run(house).applied == 0
    allocate_open(creditor=house, as_of=TODAY, now=NOW)
    assert whose(money) is None
    assert opens(one, two) == [5_000, 5_000]
    proposals = list(Match.objects.order_by("rank"))
    assert {row.customer for row in proposals} == {anna, boris}
    match_up.choose(proposal=next(row for row in proposals if row.customer == boris), now=NOW, by=vera)
    assert whose(money) == boris
    assert opens(one, two, money) == [5_000, 0, 0]
    assert [(row.state, row.confirmed_by) for row in Match.objects.all()] == [(MatchState.APPLIED, vera)]


def test_a_second_run_and_a_second_person_change_nothing(house: Creditor, vera: User) -> None:
    bill = invoice(customer(house, name="Boris SARL"), 5_000, reference="FA-77001")
    told(house, 5_000, payer="Boris", text="FA-77001")
    run(house)
    before = (Allocation.objects.count(), Entry.objects.count(), Match.objects.count())
    assert run(house).looked_at == 0
    assert (Allocation.objects.count(), Entry.objects.count(), Match.objects.count()) == before
    other = told(house, 5_000, payer="Q", text="?")
    run(house)
    match_up.put_aside(credit=other, kind=LineKind.OTHER, now=NOW, by=vera)
    with pytest.raises(UnableToMatch, match="Somebody has matched this payment already"):
        match_up.give(credit=other, customer=bill.customer, parts={}, now=NOW, by=vera)


def test_a_match_taken_back_leaves_all_as_it_was_and_is_never_applied_by_itself_again(
    house: Creditor, vera: User
) -> None:
    anna = customer(house, name="Anna Lefèvre")
    note = credit(anna, 1_000, kind=CreditKind.CREDIT_NOTE, reference="AV-9001")
    bill = invoice(anna, 12_345, reference="FA-2026-0112")
    given = promise(
        customer=anna, amount_minor=12_345, currency="EUR", promised_for=TODAY, invoices=[bill.pk], origin="call",
        as_of=TODAY, now=NOW - timedelta(minutes=1),
    )  # fmt: skip
    money = told(house, 11_345, payer="Anna Lefèvre", text="FA-2026-0112 moins AV-9001")
    assert run(house).applied == 1
    assert opens(bill, note, money) == [0, 0, 0]
    given.refresh_from_db()
    assert given.state == "kept"
    match_up.take_back(made=Match.objects.get(state=MatchState.APPLIED), now=NOW, by=vera)
    assert opens(bill, note, money) == [12_345, 1_000, 11_345]
    given.refresh_from_db()
    assert given.state == "open"
    assert whose(money) is None
    assert run(house).applied == 0
    assert Match.objects.filter(state=MatchState.PROPOSED, rank=0, customer=anna).exists()
    undone = Match.objects.get(state=MatchState.UNDONE)
    assert (undone.undone_by, undone.undone_at) == (vera, NOW)
    with pytest.raises(UnableToMatch, match="taken back already"):
        match_up.take_back(made=undone, now=NOW, by=vera)


def test_what_a_payer_may_keep_back_is_written_off_and_comes_back_with_the_match(vera: User) -> None:
    house = creditor(cash_authority="bank", policy={"matching": {"discount_permille": 20, "discount_days": 10}})
    anna = customer(house, name="Anna Lefèvre")
    bill = invoice(
        anna, 100_00, TODAY + timedelta(days=25), reference="FA-2026-0112", issued_on=TODAY - timedelta(days=5)
    )
    money = told(house, 98_00, payer="Anna Lefèvre", text="FA-2026-0112 escompte 2 %")
    assert run(house).applied == 1
    assert opens(bill, money) == [0, 0]
    assert Entry.objects.get(kind="write_off").reason in ("cash discount", "escompte")
    match_up.take_back(made=Match.objects.get(state=MatchState.APPLIED), now=NOW, by=vera)
    assert opens(bill, money) == [100_00, 98_00]


def test_without_terms_a_shortfall_is_a_part_payment(house: Creditor) -> None:
    bill = invoice(customer(house, name="Anna Lefèvre"), 100_00, reference="FA-2026-0112")
    told(house, 98_00, payer="Anna Lefèvre", text="FA-2026-0112")
    run(house)
    assert opens(bill)[0] in (2_00, 100_00)
    assert not Entry.objects.filter(kind="write_off").exists()


def test_a_structured_reference_names_the_customer_even_without_an_invoice(house: Creditor) -> None:
    anna = customer(house, name="Anna Lefèvre", number="K-0042")
    bill = invoice(anna, 8_000)
    money = told(house, 5_555, payer="Somebody", creditor_reference=payment_reference(anna))
    run(house)
    assert whose(money) == anna
    assert opens(bill, money) in ([8_000, 5_555], [2_445, 0])


def test_a_payer_is_remembered_by_account_and_forgotten_when_the_match_is_taken_back(
    house: Creditor, vera: User
) -> None:
    anna, boris = customer(house, name="Anna Lefèvre"), customer(house, name="Boris SARL")
    for who in (anna, boris):
        invoice(who, 7_000)
    account = {"payer": "HOLDING OBSCURE", "payer_iban": "DE89370400440532013000"}
    first = told(house, 4_000, **account)
    match_up.give(credit=first, customer=boris, parts={}, now=NOW, by=vera)
    second = told(house, 7_000, **account)
    run(house)
    best = Match.objects.filter(credit=second).order_by("rank")[0]
    assert best.customer == boris
    assert best.confidence > 0.9
    assert "iban" in [code for code, _values in best.reasons]
    for made in Match.objects.filter(credit=second, state=MatchState.APPLIED):
        match_up.take_back(made=made, now=NOW, by=vera)
    match_up.take_back(made=Match.objects.get(credit=first, state=MatchState.APPLIED), now=NOW, by=vera)
    run(house)
    again = Match.objects.filter(credit=second, state=MatchState.PROPOSED)
    assert all("iban" not in [code for code, _values in row.reasons] for row in again)


def test_another_creditor_and_another_currency_are_never_meant(house: Creditor) -> None:
    neighbour = creditor()
    theirs = invoice(customer(neighbour, name="Anna Lefèvre"), 5_000, reference="FA-2026-0112")
    dollars = invoice(customer(house, name="Anna Lefèvre"), 5_000, reference="FA-2026-0112", currency="USD")
    money = told(house, 5_000, payer="Anna Lefèvre", text="FA-2026-0112")
    assert run(house).applied == 0
    assert opens(theirs, dollars, money) == [5_000, 5_000, 5_000]
    assert all(not row.parts for row in Match.objects.all())


def test_a_parent_pays_for_its_branches_in_one_sum(house: Creditor) -> None:
    parent = customer(house, name="Groupe Dupont")
    branches = [customer(house, name=name, parent=parent) for name in ("Dupont Lyon", "Dupont Lille")]
    bills = [
        invoice(who, amount, reference=f"FA-2026-0{amount}")
        for who, amount in zip(branches, (4_111, 2_222), strict=True)
    ]
    money = told(house, 6_333, payer="GROUPE DUPONT", text="FA-2026-04111 FA-2026-02222")
    assert run(house).applied == 1
    assert opens(*bills, money) == [0, 0, 0]


def test_the_bank_tells_a_card_payment_again_and_it_is_counted_once(house: Creditor) -> None:
    anna = customer(house, name="Anna Lefèvre")
    bill = invoice(anna, 5_000, reference="FA-2026-0112")
    card = credit(anna, 5_000, source="psp:dummy", provisional=True, received_on=TODAY - timedelta(days=2))
    allocate_open(creditor=house, as_of=TODAY, now=NOW)
    assert opens(bill, card) == [0, 0]
    money = told(house, 5_000, payer="ANNA LEFEVRE", text="FA-2026-0112")
    run(house)
    reconcile(creditor=house, as_of=TODAY, now=NOW)
    card.refresh_from_db()
    assert card.confirmed_by == money
    assert whose(money) == anna
    assert opens(bill, card, money) == [0, 0, 0]
    assert sum(Allocation.objects.values_list("amount_minor", flat=True)) == 5_000


def test_a_payout_confirms_the_payments_it_sums_up_and_is_no_money_of_its_own(house: Creditor, vera: User) -> None:
    anna = customer(house, name="Anna Lefèvre")
    invoice(anna, 9_000)
    cards = [
        credit(anna, amount, source="psp:stripe", provisional=True, received_on=TODAY - timedelta(days=3))
        for amount in (5_000, 4_000)
    ]
    allocate_open(creditor=house, as_of=TODAY, now=NOW)
    money = told(house, 9_000, payer="STRIPE PAYMENTS EUROPE", text="payout po_123")
    done = run(house)
    assert (done.applied, done.set_aside) == (0, 1)
    money.refresh_from_db()
    assert (money.kind, money.open_minor, money.customer) == (CreditKind.OTHER, 0, None)
    assert not Credit.objects.filter(pk__in=[card.pk for card in cards], provisional=True).exists()
    assert money.statement_lines.get().kind == LineKind.PAYOUT
    match_up.take_back(made=Match.objects.get(credit=money, state=MatchState.APPLIED), now=NOW, by=vera)
    money.refresh_from_db()
    assert (money.kind, money.open_minor) == (CreditKind.PAYMENT, 9_000)
    assert Credit.objects.filter(pk__in=[card.pk for card in cards], provisional=True).count() == 2


def test_a_payout_less_fees_is_proposed_to_a_person(house: Creditor, vera: User) -> None:
    anna = customer(house, name="Anna Lefèvre")
    credit(anna, 10_000, source="psp:stripe", provisional=True, received_on=TODAY - timedelta(days=3))
    money = told(house, 9_850, payer="STRIPE", text="payout")
    assert run(house).set_aside == 0
    [proposal] = Match.objects.all()
    assert (proposal.kind, proposal.reasons[1][1]) == (LineKind.PAYOUT, {"count": 1, "fees_minor": 150})
    match_up.choose(proposal=proposal, now=NOW, by=vera)
    assert opens(money) == [0]


def test_a_creditor_may_want_a_person_each_time() -> None:
    house = creditor(cash_authority="bank", policy={"matching": {"automatic": False}})
    bill = invoice(customer(house, name="Anna Lefèvre"), 5_000, reference="FA-2026-0112")
    told(house, 5_000, payer="Anna Lefèvre", text="FA-2026-0112")
    assert (run(house).applied, opens(bill)) == (0, [5_000])


def test_money_split_by_hand(house: Creditor, vera: User) -> None:
    anna, boris = customer(house), customer(house)
    one, two = invoice(anna, 3_000), invoice(boris, 3_000)
    money = told(house, 5_000, payer="?", text="?")
    run(house)
    with pytest.raises(UnableToMatch, match="more than the payment holds"):
        match_up.give(credit=money, customer=anna, parts={one.pk: 3_000, two.pk: 2_001}, now=NOW, by=vera)
    with pytest.raises(UnableToMatch, match="paid or changed meanwhile"):
        match_up.give(credit=money, customer=anna, parts={one.pk: 3_001}, now=NOW, by=vera)
    with pytest.raises(UnableToMatch, match="same creditor and currency"):
        match_up.give(credit=money, customer=anna, parts={invoice(customer(creditor()), 1).pk: 1}, now=NOW, by=vera)
    match_up.give(credit=money, customer=anna, parts={one.pk: 3_000, two.pk: 1_500}, now=NOW, by=vera)
    assert opens(one, two, money) == [0, 1_500, 500]
    assert whose(money) == anna


def test_only_the_credits_named_are_looked_at(house: Creditor) -> None:
    first, second = told(house, 100, payer="A", text="?"), told(house, 200, payer="B", text="?")
    assert match(creditor=house, as_of=TODAY, now=NOW, only=[second.pk]).looked_at == 1
    assert set(Match.objects.values_list("credit", flat=True)) == {second.pk}
    assert first.open_minor == 100


@pytest.mark.django_db(transaction=True)
def test_two_people_match_the_same_money_at_once_and_one_of_them_does() -> None:
    house = creditor(cash_authority="bank")
    bills = [invoice(customer(house), 5_000), invoice(customer(house), 5_000)]
    money = told(house, 5_000, payer="?", text="?")
    people = [User.objects.create(username=name) for name in ("vera", "vic")]

    def give(place: int) -> bool:
        try:
            bill = bills[place]
            match_up.give(credit=money, customer=bill.customer, parts={bill.pk: 5_000}, now=NOW, by=people[place])
        except UnableToMatch:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as both:
        done = list(both.map(give, (0, 1)))
    assert sorted(done) == [False, True]
    assert sorted(opens(*bills, money)) == [0, 0, 5_000]
    assert Match.objects.filter(state=MatchState.APPLIED).count() == 1


def test_one_telling_of_the_accounts_is_the_word_for_one_payment_whoever_confirms_it(vera: User) -> None:
    house = creditor(cash_authority=CashAuthority.ACCOUNTS)
    anna = customer(house, name="Anna Lefèvre")
    paid, open_one = invoice(anna, 5_000), invoice(anna, 5_000)
    accounts = credit(anna, 5_000)
    allocate(credit=accounts, as_of=TODAY, now=NOW, invoices=[paid.pk])
    lines = [told(house, 5_000, payer="LEFEVRE ANNA", text="virement", provisional=True) for _ in range(2)]
    run(house)
    first, second = (line.matches.get(parts__0__0="told") for line in lines)  # both were proposed the same
    match_up.choose(proposal=first, now=NOW, by=vera)
    with pytest.raises(UnableToMatch, match="changed meanwhile"):
        match_up.choose(proposal=second, now=NOW, by=vera)
    assert opens(*lines) == [0, 5_000]
    match_up.give(credit=lines[1], customer=anna, parts={open_one.pk: 5_000}, now=NOW, by=vera)
    assert opens(paid, open_one, accounts, *lines) == [0, 0, 0, 0, 0]
