"""What a colleague does: one act, one change, one line in the trail; the same filling-in twice is one act."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from amiable.casework.models import Dispute, Note, Notification, Task, TaskKind
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Creditor, Customer, Entry, Hold, HoldKind
from amiable.outreach.models import Message
from amiable.payments.models import Promise
from amiable.scenario import shelf
from amiable.scenario.models import Decision, Scenario
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
LATE = 40


@pytest.fixture
def customer() -> Customer:
    found = rows.customer(rows.creditor("ours"), "Anna")
    rows.invoice(found, 12_345, late=LATE)
    rows.invoice(found, 5_000, late=-10)
    return found


@pytest.fixture
def client(customer: Customer) -> Client:
    return rows.desk(rows.colleague("camille", customer.creditor))


def do(client: Client, customer: Customer, act: str, ref: int = 0, **words: object) -> str:
    """Posts an act twice, as an impatient hand does; returns the page that follows."""
    address = (
        reverse("desk:act_on", args=[customer.pk, act, ref]) if ref else reverse("desk:act", args=[customer.pk, act])
    )
    answers = [client.post(address, {"token": f"token-{act}", **words}, follow=True) for _ in range(2)]
    assert all(answer.status_code == 200 for answer in answers)
    return answers[0].content.decode()


def trail(act: str) -> int:
    return AuditEntry.objects.filter(act=act, user__username="camille").count()


def test_a_note(client: Client, customer: Customer) -> None:
    assert "The note is kept." in do(client, customer, "note", text="Rang, rather cheerful.")
    assert Note.objects.get(customer=customer).text == "Rang, rather cheerful."
    assert trail("desk.note") == 1


def test_a_hold_on_the_customer_is_placed_and_lifted(client: Client, customer: Customer) -> None:
    until = clock.today() + timedelta(days=9)
    page = do(client, customer, "hold", reason="on holiday", until=until.isoformat())
    assert "on holiday" in page
    held = Hold.objects.get(customer=customer)
    assert (held.kind, held.since, held.until, held.invoice_id) == (HoldKind.PERSON, clock.today(), until, None)
    do(client, customer, "lift", ref=held.pk)
    held.refresh_from_db()
    assert held.until == clock.today()
    assert (trail("desk.hold"), trail("desk.lift")) == (1, 1)


def test_a_hold_on_one_invoice_leaves_the_other(client: Client, customer: Customer) -> None:
    first = customer.invoices.order_by("due_on")[0]
    do(client, customer, "hold", reason="asked", invoice=first.pk)
    assert Hold.objects.get(customer=customer).invoice == first


def test_a_hold_that_ends_today_is_refused(client: Client, customer: Customer) -> None:
    assert "A hold ends tomorrow or later." in do(client, customer, "hold", reason="x", until=clock.today().isoformat())
    assert not Hold.objects.exists()


def test_the_hold_of_a_dispute_is_not_lifted_by_hand(client: Client, customer: Customer) -> None:
    first = customer.invoices.order_by("due_on")[0]
    do(client, customer, "dispute", invoice=first.pk, reason="quality")
    held = Hold.objects.get(kind=HoldKind.DISPUTE)
    response = client.post(reverse("desk:act_on", args=[customer.pk, "lift", held.pk]), {"token": "x"})
    assert response.status_code == 404
    held.refresh_from_db()
    assert held.until is None


def test_a_promise_in_the_french_way_of_writing(client: Client, customer: Customer) -> None:
    first = customer.invoices.order_by("due_on")[0]
    day = clock.today() + timedelta(days=7)
    do(client, customer, "promise", amount="123,45", currency="EUR", promised_for=day.isoformat(), invoices=[first.pk])
    promise = Promise.objects.get(customer=customer)
    assert (promise.amount_minor, promise.promised_for, promise.invoices) == (12_345, day, [first.pk])
    assert Hold.objects.filter(kind=HoldKind.PROMISE).count() == 1
    assert trail("desk.promise") == 1


@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("12,3.4", "This is not an amount"),
        ("-5", "must be more than zero"),
        ("999999", "not more than what is open"),
        ("", "required"),
        ("", "at most a year ahead"),
    ],
)
def test_a_promise_that_does_not_hold_is_refused_with_a_sentence(
    client: Client, customer: Customer, amount: str, sentence: str
) -> None:
    day = clock.today() + timedelta(days=7 if amount else 400)
    assert sentence in do(client, customer, "promise", amount=amount, currency="EUR", promised_for=day.isoformat())
    assert not Promise.objects.exists()
    assert trail("desk.promise") == 0


def test_a_dispute_over_a_part_opens_and_ends(client: Client, customer: Customer) -> None:
    first = customer.invoices.order_by("due_on")[0]
    do(client, customer, "dispute", invoice=first.pk, reason="quality", amount="23.45", words="two are broken")
    dispute = Dispute.objects.get(invoice=first)
    assert (dispute.disputed_minor, dispute.words) == (2_345, "two are broken")
    page = client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    assert "€23.45" in page
    do(client, customer, "resolve", ref=dispute.pk, resolution="refused")
    dispute.refresh_from_db()
    assert dispute.resolution == "refused"
    assert Hold.objects.get(kind=HoldKind.DISPUTE).until == clock.today()


def test_says_it_is_paid_holds_everything_open_and_asks_for_a_check(client: Client, customer: Customer) -> None:
    do(client, customer, "paid", words="on Tuesday")
    assert Hold.objects.filter(kind=HoldKind.CLAIMED).count() == 2
    assert Task.objects.get(kind=TaskKind.CHECK).context["words"] == "on Tuesday"


def test_a_statement_is_ordered_once_and_does_not_count_as_a_reminder(client: Client, customer: Customer) -> None:
    rows.email(customer, "anna@example.org")
    do(client, customer, "statement", currency="EUR")
    message = Message.objects.get()
    assert (message.purpose, message.capped, message.level, len(message.about)) == ("statement", False, 0, 2)


def test_a_write_off_leaves_what_is_owed(client: Client, customer: Customer) -> None:
    first = customer.invoices.order_by("due_on")[0]
    do(client, customer, "write_off", invoice=first.pk, amount="45", reason="goodwill")
    first.refresh_from_db()
    assert first.open_minor == 7_845
    assert Entry.objects.filter(kind="write_off").count() == 1
    assert "Only what is still open" in do(
        client, customer, "write_off", invoice=first.pk, amount="500", reason="more", token="another"
    )


def test_a_collector_may_not_write_off(customer: Customer) -> None:
    client = rows.desk(rows.colleague("karim", customer.creditor, Role.COLLECTOR))
    assert client.get(reverse("desk:act", args=[customer.pk, "write_off"])).status_code == 404


def test_the_invoice_of_another_customer_cannot_be_named(client: Client, customer: Customer) -> None:
    other = rows.invoice(rows.customer(customer.creditor, "Boris"), 900, late=3)
    do(client, customer, "hold", reason="x", invoice=other.pk)
    do(client, customer, "dispute", reason="quality", invoice=other.pk)
    assert not Hold.objects.exists()


def test_an_act_nobody_knows(client: Client, customer: Customer) -> None:
    assert client.get(reverse("desk:act", args=[customer.pk, "burn"])).status_code == 404


def test_a_mistake_comes_back_into_the_dialog(client: Client, customer: Customer) -> None:
    answer = client.post(
        reverse("desk:act", args=[customer.pk, "note"]), {"token": "t", "text": ""}, headers={"hx-request": "true"}
    )
    assert answer["HX-Retarget"] == "#act"
    assert "<html" not in answer.content.decode()


@pytest.mark.parametrize("outcome", ["paid", "call_back", "voicemail", "wrong_number", "refused"])
def test_the_outcome_of_a_call_is_one_click(client: Client, customer: Customer, outcome: str) -> None:
    call = rows.task(customer)
    address = reverse("desk:task_done", args=[call.pk])
    first = client.post(address, {"outcome": outcome, "words": "said so"}, follow=True).content.decode()
    second = client.post(address, {"outcome": outcome, "words": "said so"}, follow=True).content.decode()
    call.refresh_from_db()
    assert (call.outcome, call.done_by.username if call.done_by else "") == (outcome, "camille")
    assert "Done: Anna" in first
    assert "This task has been done already." in second
    assert Note.objects.filter(customer=customer, text="said so").count() == 1


def test_a_call_brings_a_promise(client: Client, customer: Customer) -> None:
    call = rows.task(customer)
    day = clock.today() + timedelta(days=5)
    words = {"outcome": "promise", "token": "x", "amount": "50", "currency": "EUR", "promised_for": day.isoformat()}
    assert (
        "This is not an amount"
        in client.post(reverse("desk:task_done", args=[call.pk]), words | {"amount": "?"}).content.decode()
    )
    client.post(reverse("desk:task_done", args=[call.pk]), words)
    call.refresh_from_db()
    assert call.outcome == "promise"
    assert Promise.objects.get(customer=customer).amount_minor == 5_000


def test_a_call_brings_a_dispute(client: Client, customer: Customer) -> None:
    call, bill = rows.task(customer), customer.invoices.order_by("due_on")[0]
    client.post(
        reverse("desk:task_done", args=[call.pk]),
        {"outcome": "dispute", "token": "x", "invoice": bill.pk, "reason": "amount"},
    )
    assert Dispute.objects.get(invoice=bill).reason == "amount"


def test_an_unknown_outcome_changes_nothing(client: Client, customer: Customer) -> None:
    call = rows.task(customer)
    client.post(reverse("desk:task_done", args=[call.pk]), {"outcome": "shouted"})
    call.refresh_from_db()
    assert call.done_at is None


def test_a_check_is_ticked_off(client: Client, customer: Customer) -> None:
    check = rows.task(customer, TaskKind.CHECK)
    client.post(reverse("desk:task_done", args=[check.pk]), {"outcome": "done"})
    check.refresh_from_db()
    assert check.done_at is not None


def test_a_creditor_is_released_once_with_a_line_in_the_trail(client: Client, customer: Customer) -> None:
    Creditor.objects.update(released_at=None)
    assert "is in dry run" in client.get("/").content.decode()
    address = reverse("desk:release", args=[customer.creditor_id])
    assert client.get(address).status_code == 405
    client.post(address)
    client.post(address)
    assert Creditor.objects.get().released_at is not None
    assert trail("creditor.released") == 1


@pytest.mark.parametrize("kind", ["call", "confirm", "reply"])
def test_a_task_opens_over_the_page_or_as_a_page(client: Client, customer: Customer, kind: str) -> None:
    address = reverse("desk:task", args=[rows.task(customer, kind).pk])
    over = client.get(address, headers={"hx-request": "true", "hx-current-url": "http://testserver/customers/?q=a"})
    assert over["HX-Retarget"] == "#act"
    assert "<html" not in over.content.decode()
    assert 'name="next" value="http://testserver/customers/?q=a"' in over.content.decode()
    assert "<html" in client.get(address).content.decode()


def test_a_dispute_is_ended_from_its_task(client: Client, customer: Customer) -> None:
    do(client, customer, "dispute", invoice=customer.invoices.order_by("due_on")[0].pk, reason="quality")
    asked = client.get(reverse("desk:task", args=[Task.objects.get().pk])).content.decode()
    assert reverse("desk:act_on", args=[customer.pk, "resolve", Dispute.objects.get().pk]) in asked


@pytest.mark.parametrize(("left", "state"), [("1", "sent"), ("0", "withheld")])
def test_a_colleague_finds_out_whether_a_message_in_doubt_had_left(
    client: Client, customer: Customer, left: str, state: str
) -> None:
    message = rows.message(customer, state="in_doubt", sent_at=None)
    asked = rows.task(customer, TaskKind.CHECK, key=f"in_doubt:{message.pk}", context={"message": message.pk})
    assert (
        reverse("desk:message", args=[message.pk]) in client.get(reverse("desk:task", args=[asked.pk])).content.decode()
    )
    address = reverse("desk:message_settle", args=[message.pk])
    assert address in client.get(reverse("desk:message", args=[message.pk])).content.decode()
    client.post(address, {"left": left})
    assert "not in doubt" in client.post(address, {"left": left}, follow=True).content.decode()
    message.refresh_from_db()
    asked.refresh_from_db()
    assert message.state == state
    assert asked.done_at is not None


def test_news_are_read_once_and_only_by_whom_they_are_for(client: Client, customer: Customer) -> None:
    camille, other = User.objects.get(username="camille"), rows.colleague("other", customer.creditor)
    stranger = rows.customer(rows.creditor("theirs"), "Zoe")
    for key, user, about in (("1", camille, customer), ("2", other, customer), ("3", camille, stranger)):
        Notification.objects.create(user=user, customer=about, text=f"line {key}", key=key, created_at=clock.now())
    shown = client.get("/today/").content.decode()
    assert "line 1" in shown
    assert "line 2" not in shown
    assert "line 3" not in shown
    client.post(reverse("desk:news_read"))
    assert "line 1" not in client.get("/today/").content.decode()
    assert Notification.objects.get(user=other).read_at is None


def test_invoices_leave_the_scenario_with_a_task_and_return(client: Client, customer: Customer) -> None:
    one, two = customer.invoices.order_by("pk")
    until = clock.today() + timedelta(days=9)
    seller = rows.colleague("sam", customer.creditor, Role.SALES)
    rows.colleague("stranger", rows.creditor("theirs"))
    form = client.get(reverse("desk:act", args=[customer.pk, "out"])).content.decode()
    assert "sam" in form
    assert "stranger" not in form
    said = {"action": "Visit of the salesperson", "until": until.isoformat(), "responsible": seller.pk}
    assert do(client, customer, "out", invoices=[one.pk, two.pk], **{**said, "until": clock.today().isoformat()})
    assert not Hold.objects.exists()
    page = do(client, customer, "out", invoices=[one.pk, two.pk], **said)
    assert "Out of the scenario" in page
    assert "Visit of the salesperson" in page
    task = Task.objects.get()
    assert (task.title, task.assignee) == ("Visit of the salesperson", seller)
    holds = Hold.objects.order_by("invoice")
    assert [(row.kind, row.invoice_id, row.until) for row in holds] == [("out", one.pk, until), ("out", two.pk, until)]
    assert trail("desk.out") == trail("invoices.taken_out") == 1
    address = reverse("desk:act_on", args=[customer.pk, "lift", holds[0].pk])
    assert client.post(address, {"token": "t"}).status_code == 404  # it is returned, not lifted
    do(client, customer, "back", ref=holds[0].pk, which="one")
    assert [row.until for row in Hold.objects.order_by("invoice")] == [clock.today(), until]
    address = reverse("desk:act_on", args=[customer.pk, "back", holds[1].pk])
    assert client.post(address, {"token": "again", "which": "all"}, follow=True).status_code == 200
    task.refresh_from_db()
    assert (task.outcome, set(Hold.objects.values_list("until", flat=True))) == ("done", {clock.today()})


def test_nobody_takes_out_what_they_may_only_look_at(customer: Customer) -> None:
    auditor = rows.desk(rows.colleague("ada", customer.creditor, Role.AUDITOR))
    assert auditor.get(reverse("desk:act", args=[customer.pk, "out"])).status_code == 404


def test_what_waits_for_a_role_is_shown_to_those_who_have_it(customer: Customer) -> None:
    Task.objects.create(
        creditor=customer.creditor, customer=customer, kind=TaskKind.OTHER, key="k", title="For the chief",
        due_on=clock.today(), created_at=clock.now(), context={"responsible": "credit_manager"},
    )  # fmt: skip
    for name, role, sees in (("kim", Role.COLLECTOR, False), ("max", Role.MANAGER, True)):
        page = rows.desk(rows.colleague(name, customer.creditor, role)).get(reverse("desk:home")).content.decode()
        assert ("For the chief" in page) is sees


def test_a_message_by_hand_is_shown_and_marked_as_sent_or_not(client: Client, customer: Customer) -> None:
    shelf.stock(now=clock.now())
    rows.email(customer, "anna@customer.example")
    invoice = customer.invoices.order_by("pk")[0]
    decision = Decision.objects.create(
        creditor=customer.creditor, customer=customer, currency="EUR", as_of=clock.today(), level=20, step="reminder_1",
        scenario=Scenario.objects.get(key="businesses"), action="manual", channel="email", verdict="do", reason="x",
        about=[invoice.pk],
    )  # fmt: skip
    task = rows.task(customer, TaskKind.MANUAL, context={"decision": decision.pk, "step": "reminder_1"})
    page = client.get(reverse("desk:task", args=[task.pk])).content.decode()
    assert "mailto:anna@customer.example" in page
    assert reverse("desk:task_message", args=[task.pk]) in page
    body = client.get(reverse("desk:task_message", args=[task.pk]))
    assert invoice.reference in body.content.decode()
    assert "sandbox" in body.headers["Content-Security-Policy"]
    stranger = rows.desk(rows.colleague("zoe", rows.creditor("theirs")))
    assert stranger.get(reverse("desk:task_message", args=[task.pk])).status_code == 404
    client.post(reverse("desk:task_done", args=[task.pk]), {"outcome": "declined"})
    task.refresh_from_db()
    assert task.outcome == "declined"
    assert not Message.objects.exists()
