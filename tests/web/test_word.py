"""A colleague gives a word by a link: a look changes nothing, a post counts once, and only what their role may do."""

from datetime import timedelta

import pytest
from django.test import Client

from amiable.casework.models import Dispute, Note, Notification, Task, Word
from amiable.casework.word import UnableToAsk, ask_word, token
from amiable.core.links import sign
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Creditor, Customer, Hold
from amiable.outreach.colleague import send_words
from amiable.outreach.models import Memo
from amiable.payments.models import Promise
from amiable.web.desk import scope
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def karim() -> User:
    user = rows.colleague("karim", rows.creditor("ours"), Role.SALES, own=True)
    User.objects.filter(pk=user.pk).update(email="karim@ours.example", first_name="Karim")
    user.refresh_from_db()
    return user


@pytest.fixture
def customer(karim: User) -> Customer:
    found = rows.customer(Creditor.objects.get(), "Garage Martin", salesperson=karim)
    rows.invoice(found, 12_345, late=40)
    rows.invoice(found, 5_000, late=-10)
    return found


@pytest.fixture
def word(karim: User, customer: Customer) -> Word:
    camille = rows.colleague("camille", customer.creditor)
    return ask_word(customer=customer, user=karim, question="Do you know them?", key="t:1", now=clock.now(), by=camille)


def page(word: Word) -> str:
    return f"/w/{token(word)}/"


def say(word: Word, answer: str, **more: object) -> str:
    return Client().post(page(word), {"answer": answer, **more}).content.decode()


def test_opening_the_link_changes_nothing_and_needs_no_account(word: Word) -> None:
    before = AuditEntry.objects.count()
    for address in (page(word), f"{page(word)}?to=hold"):
        answer = Client().get(address)
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "same-origin"
        text = answer.content.decode()
        assert "Garage Martin" in text
        assert "€123.45" in text
        assert "€50.00" not in text  # what is not due yet is not asked about
        assert "sessionid" not in answer.cookies
    word.refresh_from_db()
    assert word.answered_at is None
    assert AuditEntry.objects.count() == before


def test_they_will_pay(word: Word, karim: User) -> None:
    on = clock.today() + timedelta(days=5)
    assert "Thank you" in say(word, "promise", day=on.isoformat(), words="Their director told me.")
    promise = Promise.objects.get()
    assert (promise.amount_minor, promise.promised_for, promise.taken_by, promise.origin) == (12_345, on, karim, "word")
    assert Note.objects.get().by == karim
    word.refresh_from_db()
    assert (word.answer, word.told["day"]) == ("promise", on.isoformat())
    assert Notification.objects.get(user__username="camille").kind == "word"
    assert AuditEntry.objects.get(act="word.given").user == karim
    timeline = rows.desk(User.objects.get(username="camille")).get(f"/customers/{word.customer_id}/").content.decode()
    assert "Karim" in timeline or "karim" in timeline
    assert "they will pay on" in timeline


def test_a_part_in_their_figures(word: Word) -> None:
    say(word, "promise", day=(clock.today() + timedelta(days=5)).isoformat(), amount="100,50")
    assert Promise.objects.get().amount_minor == 10_050


def test_there_is_a_dispute(word: Word, karim: User) -> None:
    bill = word.customer.invoices.get(amount_minor=12_345)
    say(word, "dispute", invoice=bill.pk, reason="quality", words="Two parts were broken.")
    dispute = Dispute.objects.get()
    assert (dispute.invoice, dispute.opened_by, dispute.words) == (bill, karim, "Two parts were broken.")


def test_a_call_a_pause_and_free_words(word: Word, karim: User) -> None:
    on = clock.today() + timedelta(days=3)
    say(word, "call", day=on.isoformat())
    task = Task.objects.get()
    assert (task.kind, task.assignee, task.due_on) == ("call", karim, on)
    again = ask_word(customer=word.customer, user=karim, question="", key="t:2", now=clock.now())
    say(again, "hold", day=on.isoformat(), words="They merge with their sister.")
    held = Hold.objects.get()
    assert (held.kind, held.until, held.by, held.reason) == ("person", on, karim, "They merge with their sister.")
    third = ask_word(customer=word.customer, user=karim, question="", key="t:3", now=clock.now())
    say(third, "words", words="Nice people.")
    assert Note.objects.filter(text="Nice people.", by=karim).exists()


def test_twice_is_once_and_says_so(word: Word) -> None:
    say(word, "words", words="One.")
    assert "nothing was changed now" in say(word, "words", words="Two.")
    later = Client().get(page(word)).content.decode()
    assert "One." in later
    assert "<form" not in later
    assert [note.text for note in Note.objects.all()] == ["One."]


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        ("promise", {"day": "2020-01-01"}),
        ("promise", {}),
        ("promise", {"day": "2099-01-01", "amount": "much"}),
        ("dispute", {"reason": "quality"}),
        ("dispute", {"invoice": 999_999, "reason": "quality"}),
        ("hold", {"day": "2099-01-01", "words": "x"}),
        ("hold", {}),
        ("call", {"day": "2020-01-01"}),
        ("words", {}),
        ("burn", {}),
        ("", {}),
    ],
)
def test_what_does_not_fit_is_a_sentence_and_changes_nothing(word: Word, answer: str, more: dict[str, object]) -> None:
    response = Client().post(page(word), {"answer": answer, **more})
    assert response.status_code == 422
    assert 'role="alert"' in response.content.decode()
    for kind in (Promise, Dispute, Hold, Note):
        assert not kind.objects.exists()
    word.refresh_from_db()
    assert word.answered_at is None


def test_a_strangers_invoice_cannot_be_named(word: Word) -> None:
    other = rows.invoice(rows.customer(rows.creditor("theirs"), "Zoe"), 100, late=3)
    assert Client().post(page(word), {"answer": "dispute", "invoice": other.pk, "reason": "quality"}).status_code == 422
    assert not Dispute.objects.exists()


def test_expired_tampered_and_other_links_are_a_sentence(word: Word) -> None:
    old = sign("word", {"w": word.pk}, expires=clock.now() - timedelta(seconds=1))
    for bad, status in (
        (f"/w/{old}/", 410),
        (page(word)[:-2] + "/", 404),
        ("/w/x/", 404),
        (f"/w/{sign('portal', {'w': word.pk}, expires=clock.now() + timedelta(1))}/", 404),
        (f"/w/{sign('word', {'w': 10**9}, expires=clock.now() + timedelta(1))}/", 404),
    ):
        for answer in (Client().get(bad), Client().post(bad, {"answer": "words", "words": "x"})):
            assert answer.status_code == status
            assert "Garage" not in answer.content.decode()
    assert not Note.objects.exists()


def test_who_may_not_see_the_customer_any_more_opens_nothing(word: Word, karim: User) -> None:
    Customer.objects.update(salesperson=None)
    assert Client().get(page(word)).status_code == 404
    Customer.objects.update(salesperson=karim)
    User.objects.filter(pk=karim.pk).update(is_active=False)
    assert Client().get(page(word)).status_code == 404


def test_a_role_gives_no_answer_that_it_may_not(word: Word, karim: User) -> None:
    karim.scopes.update(role=Role.ACCOUNTANT)
    assert "hold" not in {
        each for each in ("talk", "hold") if scope.may(User.objects.get(pk=karim.pk), each, word.customer)
    }
    assert "Stop reminders" not in Client().get(page(word)).content.decode()
    on = clock.today() + timedelta(days=2)
    assert Client().post(page(word), {"answer": "hold", "day": on.isoformat(), "words": "x"}).status_code == 422
    assert not Hold.objects.exists()


def test_the_e_mail_is_short_leaves_once_and_waits_in_a_dry_run(word: Word, customer: Customer) -> None:
    Creditor.objects.update(released_at=None)
    assert send_words(now=clock.now()) == {"words": 0}
    Creditor.objects.update(released_at=clock.now())
    assert [send_words(now=clock.now())["words"] for _each in range(2)] == [1, 0]
    mail = Memo.objects.get()
    assert mail.address == "karim@ours.example"
    assert mail.subject == "A word from you: Garage Martin, €123.45 late"
    assert len(mail.text.split("http")[0]) < 400
    assert mail.text.count(f"/w/{token(word)}/?to=") == mail.html.count(f"/w/{token(word)}/?to=") == 5
    User.objects.update(language="fr")
    ask_word(
        customer=customer,
        user=User.objects.get(username="karim"),
        question="",
        key="t:9",
        now=clock.now(),
    )
    send_words(now=clock.now())
    assert Memo.objects.get(language="fr").subject.startswith("Votre avis")


def test_who_has_no_address_cannot_be_asked(word: Word, customer: Customer) -> None:
    camille = User.objects.get(username="camille")
    with pytest.raises(UnableToAsk):
        ask_word(customer=customer, user=camille, question="", key="t:4", now=clock.now())
    assert ask_word(customer=customer, user=word.user, question="", key="t:1", now=clock.now()) == word


def test_a_colleague_is_asked_from_the_customers_page(karim: User, customer: Customer) -> None:
    client = rows.desk(rows.colleague("camille", customer.creditor))
    address = f"/customers/{customer.pk}/act/word/"
    assert "Karim" in client.get(address).content.decode()
    for _each in range(2):
        client.post(address, {"token": "token-word", "user": karim.pk, "question": "And?"})
    assert Word.objects.get().question == "And?"
    assert "is asked for a word" in client.get(f"/customers/{customer.pk}/").content.decode()
