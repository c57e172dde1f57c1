"""The gestures of a customer's page: call, write, copy, contact, address, in charge; each once, and each taken back."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework.models import Note, Task, TaskKind
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Contact, Customer, Hold
from amiable.outreach.models import Message, MessageState
from amiable.payments.models import Promise
from amiable.scenario import shelf
from amiable.web.desk import acts, deed
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Customer:
    found = rows.customer(rows.creditor("ours"), "Anna")
    rows.invoice(found, 12_345, late=40)
    return found


@pytest.fixture
def camille(anna: Customer) -> User:
    return rows.colleague("camille", anna.creditor)


@pytest.fixture
def client(camille: User) -> Client:
    return rows.desk(camille)


def do(client: Client, customer: Customer, act: str, ref: int = 0, **said: Any) -> Any:
    """Posts an act twice, as an impatient hand does; the answer to the first."""
    args = [customer.pk, act, ref] if ref else [customer.pk, act]
    address = reverse("desk:act_on" if ref else "desk:act", args=args)
    answers = [client.post(address, {"token": f"token-{act}", **said}, follow=True) for _n in range(2)]
    assert {answer.status_code for answer in answers} == {200}
    return answers[0]


def take_back(client: Client, answer: Any) -> str:
    (told,) = answer.context["messages"]
    button = deed.button_of(told.extra_tags)
    assert button, told
    pages = [client.post(button["address"], {"undo": button["token"]}, follow=True) for _n in range(2)]
    return pages[0].content.decode()


def test_a_call_that_nobody_asked_for(client: Client, anna: Customer, camille: User) -> None:
    shelf.stock(now=clock.now())
    answer = do(client, anna, "call")
    task = Task.objects.get()
    assert (task.kind, task.assignee, task.due_on) == (TaskKind.CALL, camille, clock.today())
    assert answer.redirect_chain == [(reverse("desk:task", args=[task.pk]), 302)]
    assert "Voicemail" in answer.content.decode()
    assert anna.invoices.get().reference in answer.content.decode()


def test_who_closes_a_call_and_presses_again_is_back_in_it(client: Client, anna: Customer) -> None:
    do(client, anna, "call")
    address, task = reverse("desk:act", args=[anna.pk, "call"]), Task.objects.get()
    assert client.post(address, {"token": "token-call"})["location"] == reverse("desk:task", args=[task.pk])
    Task.objects.update(done_at=clock.now(), outcome="voicemail")
    assert client.post(address, {"token": "token-call"})["location"] == reverse("desk:customer", args=[anna.pk])
    task.refresh_from_db()
    assert task.outcome == "voicemail"


def test_a_call_that_lies_on_the_desk_is_the_one_that_is_taken_up(client: Client, anna: Customer) -> None:
    waiting = rows.task(anna)
    answer = do(client, anna, "call")
    assert answer.redirect_chain == [(reverse("desk:task", args=[waiting.pk]), 302)]
    assert Task.objects.count() == 1


def test_words_of_ones_own_leave_by_the_rails_and_are_taken_back(client: Client, anna: Customer) -> None:
    rows.email(anna, "anna@example.org")
    said = {
        "how": "email",
        "subject": "Votre appel",
        "body": "{{ greeting }}\n\nMerci de votre appel.\n\n[talk]\n\n[signature]",
    }
    answer = do(client, anna, "write", **said)
    message = Message.objects.get()
    assert (message.purpose, message.state, message.capped, message.about) == ("own_words", "planned", False, [])
    assert message.context["by"] == "camille"
    assert "Undone" in take_back(client, answer)
    message.refresh_from_db()
    assert message.state == MessageState.WITHHELD


def test_words_that_ask_for_money_are_a_reminder(client: Client, anna: Customer) -> None:
    rows.email(anna, "anna@example.org")
    bill = anna.invoices.get()
    words = "{{ greeting }}\n\n[invoices]\n\n[talk]\n\n[signature]"
    do(client, anna, "write", how="email", subject="S", body=words, invoices=[bill.pk])
    message = Message.objects.get()
    assert (message.capped, message.about) == (True, [bill.pk])


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"body": "{{ nothing.here }}"}, "There is nothing named"),
        ({"body": "[talk]", "subject": ""}, "It needs a subject"),
        ({"body": ""}, "required"),
        ({"how": "letter"}, "Select a valid choice"),
    ],
)
def test_words_that_cannot_leave_are_refused_with_a_sentence(
    client: Client, anna: Customer, said: dict[str, str], sentence: str
) -> None:
    rows.email(anna, "anna@example.org")
    answer = do(client, anna, "write", **{"how": "email", "subject": "S", "body": "Bonjour"} | said)
    assert sentence in answer.content.decode()
    assert not Message.objects.exists()


def test_a_message_is_begun_from_a_text_in_the_readers_language(client: Client, anna: Customer) -> None:
    point = rows.email(anna, "anna@example.org")
    Contact.objects.filter(pk=point.contact_id).update(language="en")
    page = client.get(
        reverse("desk:act", args=[anna.pk, "write"]), {"text": "reminder_1", "how": "email"}
    ).content.decode()
    assert "[invoices]" in page
    assert "[signature]" in page
    assert "Bonjour" not in page
    look = client.post(
        reverse("desk:write_look", args=[anna.pk]),
        {"how": "email", "subject": "Hi", "body": "{{ greeting }}\n\nWe *hear* you."},
    ).content.decode()
    assert "We *hear* you." in look
    assert not Message.objects.exists()


def test_who_cannot_be_written_to_is_said_so(client: Client, anna: Customer) -> None:
    page = client.get(reverse("desk:act", args=[anna.pk, "write"])).content.decode()
    assert "Nobody can be written to" in page
    do(client, anna, "write", how="email", subject="S", body="B")
    assert not Message.objects.exists()


def test_a_copy_goes_by_e_mail_again_and_again_but_once_a_click(client: Client, anna: Customer) -> None:
    rows.email(anna, "anna@example.org")
    bill = anna.invoices.get()
    kept = rows.document(bill)
    answer = do(client, anna, "copy", invoices=[bill.pk])
    message = Message.objects.get()
    assert (message.purpose, message.context["documents"], message.capped) == ("invoice_copy", [kept.pk], False)
    assert "Undone" in take_back(client, answer)
    do(client, anna, "copy", invoices=[bill.pk], token="another")
    assert Message.objects.filter(state="planned").count() == 1
    opened = client.get(reverse("desk:copy", args=[kept.pk]))
    assert b"".join(opened.streaming_content) == b"%PDF-1.7 copy"  # type: ignore[attr-defined]


def test_a_copy_of_somebody_elses_invoice_is_none(client: Client, anna: Customer) -> None:
    rows.email(anna, "anna@example.org")
    theirs = rows.invoice(rows.customer(anna.creditor, "Boris"), 1_000, late=1)
    rows.document(theirs)
    rows.document(anna.invoices.get())
    do(client, anna, "copy", invoices=[theirs.pk])
    assert not Message.objects.exists()


def test_a_contact_is_added_corrected_and_taken_back(client: Client, anna: Customer) -> None:
    said = {"name": "Ann", "role": "accounts", "email": "ann@example.org", "phone": ""}
    answer = do(client, anna, "person", **said)
    contact = Contact.objects.get()
    point = contact.points.get()
    corrected = do(
        client,
        anna,
        "person",
        contact.pk,
        name="Anne",
        role="main",
        token="b",
        **{f"point_{point.pk}": "anne@example.org"},
    )
    contact.refresh_from_db()
    assert (contact.name, contact.points.get().value) == ("Anne", "anne@example.org")
    take_back(client, corrected)
    contact.refresh_from_db()
    assert (contact.name, contact.role, contact.points.get().value) == ("Ann", "accounts", "ann@example.org")
    take_back(client, answer)
    assert not Contact.objects.exists()


def test_a_contact_without_anything_is_refused(client: Client, anna: Customer) -> None:
    assert "Give a name" in do(client, anna, "person", role="main").content.decode()
    assert client.get(reverse("desk:act_on", args=[anna.pk, "person", 999])).status_code == 404
    assert not Contact.objects.exists()


def test_where_a_customer_lives(client: Client, anna: Customer) -> None:
    answer = do(client, anna, "place", street="1 rue Neuve", postcode="69001", city="Lyon", country="fr", language="fr")
    anna.refresh_from_db()
    assert (anna.city, anna.country) == ("Lyon", "FR")
    take_back(client, answer)
    anna.refresh_from_db()
    assert (anna.city, anna.street) == ("", "")


def test_the_case_is_given_to_another_with_its_tasks(client: Client, anna: Customer) -> None:
    kim = rows.colleague("kim", anna.creditor, Role.COLLECTOR)
    zoe = rows.colleague("zoe", rows.creditor("theirs"))
    case = rows.case(anna)
    assert "Select a valid choice" in do(client, anna, "entrust", responsible=zoe.pk).content.decode()
    answer = do(client, anna, "entrust", responsible=kim.pk)
    case.refresh_from_db()
    assert case.responsible == kim
    assert AuditEntry.objects.get(act="customer.entrusted").detail["after"] == "kim"
    take_back(client, answer)
    case.refresh_from_db()
    assert case.responsible is None


def test_a_customer_without_a_case_is_nobodys_to_give(client: Client, anna: Customer) -> None:
    assert "No case is open" in do(client, anna, "entrust", responsible="").content.decode()


def test_a_note_a_hold_and_a_promise_are_taken_back(client: Client, anna: Customer) -> None:
    take_back(client, do(client, anna, "note", text="Wrong customer"))
    assert not Note.objects.exists()
    take_back(client, do(client, anna, "hold", reason="asked"))
    assert not Hold.objects.filter(until=None).exists()
    day = clock.today().isoformat()
    take_back(client, do(client, anna, "promise", amount="50", currency="EUR", promised_for=day))
    assert Promise.objects.get().state == "withdrawn"
    assert not Hold.objects.filter(kind="promise", until__gt=clock.today()).exists()


def test_a_lifted_hold_goes_on_as_it_would_have(client: Client, anna: Customer) -> None:
    do(client, anna, "hold", reason="asked", until="2099-01-01")
    row = Hold.objects.get()
    take_back(client, do(client, anna, "lift", row.pk))
    row.refresh_from_db()
    assert str(row.until) == "2099-01-01"


def test_paid_and_out_are_taken_back(client: Client, anna: Customer) -> None:
    take_back(client, do(client, anna, "paid"))
    assert Task.objects.get().outcome == "withdrawn"
    assert not Hold.objects.filter(until__gt=clock.today()).exists()
    bill = anna.invoices.get()
    take_back(client, do(client, anna, "out", action="Visit", invoices=[bill.pk], until="2099-01-01"))
    assert not Hold.objects.filter(until__gt=clock.today()).exists()


def test_a_statement_is_taken_back_until_it_leaves(client: Client, anna: Customer) -> None:
    rows.email(anna, "anna@example.org")
    answer = do(client, anna, "statement", currency="EUR")
    Message.objects.update(state="sent")
    assert "has left already" in take_back(client, answer)
    assert Message.objects.get().state == "sent"


def test_nobody_takes_back_what_another_did(client: Client, anna: Customer) -> None:
    (told,) = do(client, anna, "note", text="Mine").context["messages"]
    button = deed.button_of(told.extra_tags)
    other = rows.desk(rows.colleague("kim", anna.creditor))
    page = other.post(button["address"], {"undo": button["token"]}, follow=True).content.decode()
    assert "Only who did it" in page
    assert Note.objects.count() == 1
    tampered = client.post(button["address"], {"undo": button["token"] + "x"}, follow=True).content.decode()
    assert "too late" in tampered
    lift = client.post(reverse("desk:act_undone", args=[anna.pk, "back"]), {"undo": "x"}, follow=True).content.decode()
    assert "cannot be undone" in lift


def test_each_act_stands_in_the_menu_once_and_no_two_share_a_key(anna: Customer) -> None:
    shown = acts.menu({each.right for each in acts.ACTS.values()}, deed.About(anna, True, True, True, True))
    keys = [each.key for _name, each in shown if each.key]
    assert len(keys) == len(set(keys))
    assert not {"j", "g", "e", "f", "u"} & set(keys)
