"""The tray of the house's printer: laid once, in one batch, printed, posted, and what comes back."""

import io
import threading
from datetime import timedelta

import pytest
from django.db import connection
from pypdf import PdfReader

from amiable.casework.models import Task
from amiable.core.models import AuditEntry, User
from amiable.ledger import hold
from amiable.ledger.models import ContactPoint, Creditor, Customer
from amiable.outreach import tray
from amiable.outreach.bundle import printed
from amiable.outreach.models import Event, Letter, LetterBatch, Message, MessageState
from amiable.outreach.send import send
from amiable.outreach.tray import UnableToMake, UnableToPost, UnableToReturn
from tests.outreach.rows import NOW, TODAY, a_credit, a_creditor, a_customer, a_message, an_invoice

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def creditor() -> Creditor:
    return a_creditor()


@pytest.fixture
def by() -> User:
    return User.objects.create(username="maud")


def laid(creditor: Creditor, number: str = "C1042", *, purpose: str = "reminder_2", **changes: object) -> Letter:
    customer = a_customer(creditor, number, email="", **changes)
    message = a_message(customer, purpose, [an_invoice(customer, f"F-{number}", 12_345, days_late=20)], medium="letter")
    send(as_of=TODAY, now=NOW, carriers={"letter": "letter"})
    message.refresh_from_db()
    assert (message.state, message.verdict) == (MessageState.SENT, "")
    return message.letter


def made(creditor: Creditor, by: User) -> LetterBatch:
    batch = tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by)
    assert batch is not None
    return batch


def read(batch: LetterBatch) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(b"".join(printed(batch)))).pages]


def test_a_letter_is_laid_into_the_tray_once_with_its_pages_counted(creditor: Creditor) -> None:
    letter = laid(creditor)
    assert (letter.pages, letter.destination, letter.batch) == (1, "69003 LYON", None)
    delivery = letter.message.deliveries.get()
    assert (delivery.channel, delivery.outcome, delivery.external_id) == (
        "letter",
        "accepted",
        f"letter:{letter.message.key}",
    )
    send(as_of=TODAY, now=LATER, carriers={"letter": "letter"})
    assert Letter.objects.count() == 1


def test_a_batch_is_one_file_by_sheets_and_postcode_with_separators_and_codes(creditor: Creditor, by: User) -> None:
    for number, postcode, purpose in (
        ("B2", "75011", "reminder_2"),
        ("A9", "13001", "formal_notice"),
        ("A1", "13001", "reminder_2"),
    ):
        laid(creditor, number, postcode=postcode, purpose=purpose, city="Paris")
    batch = made(creditor, by)
    letters = list(batch.items.order_by("place"))
    assert [letter.message.customer.number for letter in letters] == ["A1", "B2", "A9"]
    assert (batch.letters, batch.pages, batch.sheets) == (3, sum(each.pages for each in letters), batch.pages)
    pages = read(batch)
    assert len(pages) == batch.pages + 1 + len({letter.pages for letter in letters})
    assert f"Lot {batch.pk}" in pages[0]
    assert "1 feuille par pli" in pages[1]
    assert f"{letters[0]} 1/1" in pages[2]
    assert f"{letters[2]} 1/{letters[2].pages}" in pages[5]
    assert f"{letters[2]} 2/{letters[2].pages}" in pages[6]
    assert f"page 2 sur {letters[2].pages}" in pages[6]


def test_both_sides_of_a_sheet_are_printed_where_the_creditor_says_so(creditor: Creditor, by: User) -> None:
    creditor.policy = {"duplex": True}
    creditor.save()
    long, short = laid(creditor, "A9", purpose="formal_notice"), laid(creditor, "A1")
    batch = made(creditor, by)
    assert batch.sheets == (long.pages + 1) // 2 + 1
    pages = read(batch)
    assert len(pages) % 2 == 0
    assert [bool(f"{short} 1/1" in text or f"{long} 1/" in text) for text in pages].count(True) == 2
    for first in (f"{short} 1/1", f"{long} 1/"):  # each begins on the front of a sheet
        assert next(n for n, text in enumerate(pages) if first in text) % 2 == 0


def test_no_letter_is_in_two_batches(creditor: Creditor, by: User) -> None:
    laid(creditor)
    made(creditor, by)
    with pytest.raises(UnableToMake):
        tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by)


def test_two_people_who_make_a_batch_at_once_make_one(creditor: Creditor, by: User) -> None:
    for number in range(4):
        laid(creditor, f"C{number}")
    outcomes: list[object] = []

    def person() -> None:
        try:
            outcomes.append(tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by))
        except UnableToMake as error:
            outcomes.append(error)
        finally:
            connection.close()

    people = [threading.Thread(target=person) for _n in range(2)]
    for each in people:
        each.start()
    for each in people:
        each.join()
    assert sorted(type(each).__name__ for each in outcomes) == ["LetterBatch", "UnableToMake"]
    assert LetterBatch.objects.get().items.count() == 4


def test_what_breaks_while_a_batch_is_made_leaves_nothing_half_done(
    creditor: Creditor, by: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(creditor)

    def broken(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tray, "_tell", broken)
        with pytest.raises(KeyboardInterrupt):
            tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by)
    assert LetterBatch.objects.count() == 0
    assert Letter.objects.get().batch is None
    assert made(creditor, by).letters == 1


def test_what_was_paid_meanwhile_is_not_printed(creditor: Creditor, by: User) -> None:
    paid, other = laid(creditor, "A1"), laid(creditor, "A2")
    a_credit(paid.message.customer, 12_345, kind="payment")
    batch = made(creditor, by)
    assert list(batch.items.all()) == [other]
    message = Message.objects.get(key=paid.message_id)
    assert (message.state, bool(message.verdict)) == (MessageState.WITHHELD, True)
    assert not Letter.objects.filter(pk=paid.pk).exists()


def test_where_nothing_is_left_to_print_there_is_no_batch(creditor: Creditor, by: User) -> None:
    letter = laid(creditor)
    customer = letter.message.customer
    hold.place(kind="dispute", source_ref="dispute:1", customer=customer, since=TODAY, now=NOW)
    assert tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by) is None
    assert Message.objects.get(pk=letter.message.pk).state == MessageState.WITHHELD
    assert LetterBatch.objects.count() == 0


def test_an_amount_that_changed_is_printed_as_it_is_now(creditor: Creditor, by: User) -> None:
    a_credit(laid(creditor).message.customer, 10_045, kind="payment")
    batch = made(creditor, by)
    page = read(batch)[2].replace("\xa0", " ")
    assert "Reste à régler 23,00 €" in page
    assert "Montant 23,00 €" in page
    assert "23,00" in batch.items.get().message.text


def test_a_letter_that_lay_long_has_the_days_of_its_printing(creditor: Creditor, by: User) -> None:
    laid(creditor, purpose="formal_notice")
    batch = tray.make(creditor=creditor, as_of=TODAY + timedelta(days=5), now=NOW + timedelta(days=5), by=by)
    assert batch is not None
    words = " ".join(read(batch)).replace("\xa0", " ").replace("\n", " ")
    assert "le 25 novembre 2025" in words
    assert "au plus tard le 3 décembre 2025" in words
    assert "20 novembre 2025" not in words
    laid(creditor, "C2")
    assert tray.make(creditor=creditor, as_of=TODAY + timedelta(days=15), now=NOW + timedelta(days=15), by=by) is None


def test_an_invoice_that_leaves_the_letter_takes_its_own_level_with_it(creditor: Creditor, by: User) -> None:
    customer = a_customer(creditor, email="")
    first, gone, stays = (an_invoice(customer, f"F-{days}", 10_000, days_late=days) for days in (40, 30, 20))
    message = a_message(customer, "reminder_2", [first], also=[gone, stays], also_levels=[10, 20], medium="letter")
    send(as_of=TODAY, now=NOW, carriers={"letter": "letter"})
    hold.place(kind="dispute", source_ref="dispute:7", customer=customer, invoice=gone, since=TODAY, now=NOW)
    page = read(made(creditor, by))[2]
    assert "F-30" not in page
    assert "F-20" in page
    message.refresh_from_db()
    assert (message.about, message.also, message.also_levels) == ([first.pk], [stays.pk], [20])


def test_a_letter_in_doubt_waits_for_a_person(creditor: Creditor, by: User) -> None:
    letter = laid(creditor)
    Message.objects.update(state=MessageState.IN_DOUBT)
    with pytest.raises(UnableToMake):
        tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by)
    Message.objects.update(state=MessageState.SENT)
    assert made(creditor, by).items.get() == letter


def test_while_everything_is_stopped_no_letter_is_printed(creditor: Creditor, by: User) -> None:
    laid(creditor)
    Creditor.objects.update(stopped_at=NOW)
    with pytest.raises(UnableToMake):
        tray.make(creditor=creditor, as_of=TODAY, now=LATER, by=by)
    Creditor.objects.update(stopped_at=None)
    batch = made(creditor, by)
    Creditor.objects.update(stopped_at=NOW)
    with pytest.raises(UnableToMake):
        tray.take(batch=batch, now=LATER, by=by)
    batch.refresh_from_db()
    assert batch.prints == 0


def test_printing_again_says_so_and_is_in_the_trail(creditor: Creditor, by: User) -> None:
    laid(creditor)
    batch = made(creditor, by)
    assert tray.take(batch=batch, now=LATER, by=by) == 1
    assert "Impression n°" not in read(batch)[0]
    assert tray.take(batch=batch, now=LATER, by=by) == 2
    again = read(batch)
    assert "Impression n°\xa02" in again[0]
    assert "Impression n°\xa02" in again[1]
    assert "Impression n°" not in again[2]
    acts = list(AuditEntry.objects.filter(act__startswith="letters.").order_by("pk").values_list("act", flat=True))
    assert acts == ["letters.batched", "letters.printed", "letters.printed"]


def test_the_same_batch_is_the_same_file(creditor: Creditor, by: User) -> None:
    laid(creditor)
    batch = made(creditor, by)
    assert b"".join(printed(batch)) == b"".join(printed(batch))


def test_events_follow_the_batch_to_the_post_once(creditor: Creditor, by: User) -> None:
    letter = laid(creditor)
    batch = made(creditor, by)
    with pytest.raises(UnableToPost):
        tray.post(batch=batch, now=LATER, by=by)
    tray.take(batch=batch, now=LATER, by=by)
    tray.post(batch=batch, now=LATER, by=by)
    with pytest.raises(UnableToPost):
        tray.post(batch=batch, now=LATER, by=by)
    assert list(Event.objects.filter(message=letter.message).order_by("pk").values_list("kind", flat=True)) == [
        "queued",
        "sent",
    ]


@pytest.mark.parametrize("form", ["L{}-1/1", "{}", " l{} ", "L000{}"])
def test_a_letter_that_came_back_closes_its_address_and_asks_for_another(
    creditor: Creditor, by: User, form: str
) -> None:
    letter = laid(creditor)
    batch = made(creditor, by)
    tray.take(batch=batch, now=LATER, by=by)
    tray.post(batch=batch, now=LATER, by=by)
    tray.returned(code=form.format(letter.pk), creditors=[creditor], now=LATER, by=by)
    customer = letter.message.customer
    point = ContactPoint.objects.get(contact__customer=customer, medium="letter")
    assert point.failed_at == LATER
    assert point.value == "Anna Martin\n3 rue du Lac\n69003 Lyon"
    assert Task.objects.get(customer=customer).title == "Trouver une meilleure adresse postale"
    assert Event.objects.filter(kind="bounced", message=letter.message).count() == 1
    assert nowhere(customer)
    with pytest.raises(UnableToReturn):
        tray.returned(code=str(letter), creditors=[creditor], now=LATER, by=by)


def nowhere(customer: Customer) -> bool:
    from amiable.outreach.address import addresses

    return not any(row.usable for row in addresses([customer], medium="letter", now=LATER)[customer.pk])


@pytest.mark.parametrize("code", ["", "L", "X17", "L0", "L999999999999999999", "1; DROP TABLE", "L1-1/1-1/1"])
def test_what_is_no_code_of_a_posted_letter_is_said_so(creditor: Creditor, by: User, code: str) -> None:
    with pytest.raises(UnableToReturn):
        tray.returned(code=code, creditors=[creditor], now=LATER, by=by)


def test_a_letter_of_another_creditor_or_not_yet_posted_cannot_come_back(creditor: Creditor, by: User) -> None:
    letter = laid(creditor)
    made(creditor, by)
    with pytest.raises(UnableToReturn):
        tray.returned(code=str(letter), creditors=[creditor], now=LATER, by=by)
    with pytest.raises(UnableToReturn):
        tray.returned(code=str(letter), creditors=[a_creditor(key="other")], now=LATER, by=by)
