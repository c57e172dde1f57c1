"""The pages of the chain: disputes, responsibility, escalations, the portfolio, notes with names and files."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from amiable.casework.dispute import expect_credit, open_dispute
from amiable.casework.models import Dispute, HandOver, Note, NoteFile, Notification, Responsibility
from amiable.casework.word import ask_word
from amiable.core.models import AuditEntry, Role, User
from amiable.ledger.models import Branch, Creditor, Customer
from amiable.outreach.models import Message
from amiable.scenario.escalate import rules_of
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def camille(ours: Creditor) -> User:
    return rows.colleague("camille", ours)


@pytest.fixture
def client(camille: User) -> Client:
    return rows.desk(camille)


@pytest.fixture
def customer(ours: Creditor) -> Customer:
    found = rows.customer(ours, "Anna")
    rows.email(found, "anna@example.org")
    rows.invoice(found, 12_345, late=40)
    rows.counted(found)
    return found


def disputed(customer: Customer, reason: str = "amount", **more: object) -> Dispute:
    bill = rows.invoice(customer, 10_000, late=30)
    return open_dispute(invoice=bill, reason=reason, as_of=clock.today(), now=clock.now(), **more)


def do(client: Client, found: Dispute, name: str, **words: object) -> str:
    address = reverse("desk:dispute_act", args=[found.pk, name])
    answers = [client.post(address, words, follow=True) for _each in range(2)]
    assert all(answer.status_code == 200 for answer in answers)
    found.refresh_from_db()
    return answers[0].content.decode()


def test_late_disputes_come_first_and_their_causes_are_counted(client: Client, customer: Customer) -> None:
    quick, slow = disputed(customer, "quality"), disputed(customer, "amount", amount_minor=4_000)
    Dispute.objects.filter(pk=slow.pk).update(due_on=clock.today() - timedelta(days=3))
    page = client.get(reverse("desk:disputes")).content.decode()
    assert page.index(slow.invoice.reference) < page.index(quick.invoice.reference)
    assert "€40.00" in page
    assert "of €100.00" in page
    assert page.count("am-badge bad") == 2  # in the row, and among the causes
    late = client.get(reverse("desk:disputes"), {"show": "late"}).content.decode()
    assert slow.invoice.reference in late
    assert quick.invoice.reference not in late
    causes = client.get(reverse("desk:disputes"), {"reason": "quality", "show": "nonsense"}).content.decode()
    assert slow.invoice.reference not in causes
    assert "No dispute here" in client.get(reverse("desk:disputes"), {"show": "ended"}).content.decode()


def test_a_dispute_is_worked_on(client: Client, camille: User, customer: Customer) -> None:
    found = disputed(customer, amount_minor=4_000, words="Two parts were missing.")
    assert "Two parts were missing." in client.get(reverse("desk:dispute", args=[found.pk])).content.decode()
    do(client, found, "tick", step=0, done=1)
    assert found.steps[0]["by"] == "camille"
    do(client, found, "tick", step=0)
    assert "by" not in found.steps[0]
    do(client, found, "owner", owner=camille.pk)
    assert found.owner == camille
    later = clock.today() + timedelta(days=20)
    do(client, found, "deadline", due_on=later.isoformat())
    assert found.due_on == later
    do(client, found, "credit", amount="40,00")
    assert found.expected_minor == 4_000
    assert "not an amount" in do(client, found, "credit", amount="much")
    assert "not more than what is open" in do(client, found, "credit", amount="400")
    assert found.expected_minor == 4_000
    page = do(client, found, "write", words="Could you send a picture?", token="token-123")
    assert "Could you send a picture?" in page
    message = Message.objects.get()
    assert (message.purpose, message.about, message.context["by"]) == ("dispute_message", [found.invoice_id], "camille")
    rows.reply(customer, "Here it is.")
    assert "Here it is." in client.get(reverse("desk:dispute", args=[found.pk])).content.decode()


def test_what_is_missing_or_over_is_a_sentence(client: Client, customer: Customer) -> None:
    found = disputed(customer)
    assert "Something is missing" in do(client, found, "deadline", due_on="soon")
    assert "lies today or later" in do(client, found, "deadline", due_on="2020-01-01")
    assert client.post(reverse("desk:dispute_act", args=[found.pk, "burn"])).status_code == 404
    stranger = rows.colleague("zoe", rows.creditor("theirs"))
    assert client.post(reverse("desk:dispute_act", args=[found.pk, "owner"]), {"owner": stranger.pk}).status_code == 404
    Dispute.objects.update(resolved_at=clock.now(), resolution="refused")
    assert "has ended already" in do(client, found, "tick", step=0, done=1)
    assert "End the dispute" not in client.get(reverse("desk:dispute", args=[found.pk])).content.decode()


def test_deadlines_and_steps_are_declared(client: Client, ours: Creditor, customer: Customer) -> None:
    address = reverse("desk:dispute_rules")
    page = client.get(address).content.decode()
    assert "Find the proof of delivery" in page
    words = {"creditor": ours.pk}
    for reason in ("amount", "not_received", "quality", "not_mine", "credit_expected", "other"):
        words |= {
            f"{reason}-days": 4,
            f"{reason}-role": "sales",
            f"{reason}-steps": "Répondre au client\nRing the fitter",
        }
    assert client.post(address, words).status_code == 302
    ours.refresh_from_db()
    assert ours.policy["disputes"]["amount"] == {"days": 4, "role": "sales", "steps": ["answer", "Ring the fitter"]}
    assert AuditEntry.objects.filter(act="disputes.chosen").exists()
    assert [step.get("text", step.get("key")) for step in disputed(customer).steps] == ["answer", "Ring the fitter"]
    assert client.post(address, words | {"amount-days": 0}).status_code == 422


def test_who_is_responsible_is_changed_and_taken_back(client: Client, ours: Creditor, camille: User) -> None:
    sam = rows.colleague("sam", ours, Role.COLLECTOR)
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    page = reverse("desk:responsibility")
    add = reverse("desk:responsibility_act", args=[ours.pk, "entrust"])
    words = {"role": "collector", "user": sam.pk, "branch": lyon.pk, "from_minor": "1 000", "invoice_kind": "term"}
    told = client.post(add, words, follow=True).content.decode()
    assert "sam is responsible as" in told
    assert "Undo" in told
    row = Responsibility.objects.get()
    assert (row.user, row.branch, row.from_minor, row.invoice_kind, row.by) == (sam, lyon, 100_000, "term", camille)
    shown = client.get(page).content.decode()
    assert "Lyon" in shown
    assert "from €1,000.00" in shown
    client.post(reverse("desk:responsibility_act", args=[ours.pk, "relieve"]), {"row": row.pk})
    row.refresh_from_db()
    assert row.until == clock.today()
    client.post(reverse("desk:responsibility_act", args=[ours.pk, "reinstate"]), {"row": row.pk})
    row.refresh_from_db()
    assert row.until is None
    assert client.post(add, {"role": "collector"}).status_code == 422
    assert client.post(add, words | {"branch": 10**9}).status_code == 422


def test_undo_brings_a_row_back(client: Client, ours: Creditor) -> None:
    sam = rows.colleague("sam", ours, Role.COLLECTOR)
    add = reverse("desk:responsibility_act", args=[ours.pk, "entrust"])
    page = client.post(add, {"role": "collector", "user": sam.pk}, follow=True).content.decode()
    token = page.split('name="undo" value="')[1].split('"')[0]
    address = reverse("desk:responsibility_act", args=[ours.pk, "relieve"])
    client.post(address, {"undo": token})
    assert Responsibility.objects.get().until == clock.today()
    assert "too late" in client.post(address, {"undo": "x"}, follow=True).content.decode()


def test_a_colleague_hands_over_their_own_holidays_only(ours: Creditor) -> None:
    sam, lea = (rows.colleague(name, ours, Role.COLLECTOR) for name in ("sam", "lea"))
    karim = rows.colleague("karim", ours, Role.SALES, own=True)
    client, address = rows.desk(sam), reverse("desk:responsibility_act", args=[ours.pk, "hand_over"])
    since, back = clock.today(), clock.today() + timedelta(days=7)
    words = {"absent": sam.pk, "stand_in": lea.pk, "since": since.isoformat(), "back_on": back.isoformat()}
    assert client.post(address, words | {"absent": lea.pk, "stand_in": sam.pk}).status_code == 422
    assert client.post(address, words | {"stand_in": karim.pk}).status_code == 422  # of another role
    assert client.post(address, words).status_code == 302
    row = HandOver.objects.get()
    assert (row.absent, row.stand_in, row.until) == (sam, lea, back)
    assert "lea" in client.get(reverse("desk:responsibility")).content.decode()
    for name in ("entrust", "relieve", "reinstate"):
        assert client.post(reverse("desk:responsibility_act", args=[ours.pk, name]), {"row": 1}).status_code == 404
    take = reverse("desk:responsibility_act", args=[ours.pk, "take_back"])
    assert rows.desk(lea).post(take, {"row": row.pk}).status_code == 404  # only who is away, or a manager
    assert client.post(take, {"row": row.pk}).status_code == 302
    row.refresh_from_db()
    assert row.taken_back_at is not None


def test_rules_of_escalation_are_kept_and_counted(client: Client, ours: Creditor, customer: Customer) -> None:
    address = reverse("desk:escalations")
    rows.case(customer)
    first = {
        "r0-when": "overdue",
        "r0-amount_minor": "100",
        "r0-days": "10",
        "r0-role": "credit_manager",
        "r0-does": "task",
    }
    words = {"creditor": ours.pk, "rows": 2, "r1-role": "sales", "r1-does": "tell"} | first
    assert client.post(address, words).status_code == 302
    ours.refresh_from_db()
    [rule] = rules_of(ours)
    assert (rule.when, rule.amount_minor, rule.days, rule.role, rule.does) == (
        "overdue",
        10_000,
        10,
        "credit_manager",
        "task",
    )
    page = client.get(address).content.decode()
    assert "1 is concerned today" in page
    assert client.post(address, words | {"r0-key": rule.key, "r0-days": 20}).status_code == 302
    ours.refresh_from_db()
    assert [(each.key, each.days) for each in rules_of(ours)] == [(rule.key, 20)]
    assert client.post(address, words | {"r0-when": "silence", "r0-days": "", "r0-amount_minor": ""}).status_code == 422
    assert client.post(address, words | {"r0-key": rule.key, "r0-remove": "on"}).status_code == 302
    ours.refresh_from_db()
    assert rules_of(ours) == []
    assert AuditEntry.objects.filter(act="escalations.chosen").count() == 3


def test_a_salesperson_sees_what_is_done_about_their_late_customers(ours: Creditor) -> None:
    karim = rows.colleague("karim", ours, Role.SALES)
    User.objects.filter(pk=karim.pk).update(email="karim@ours.example")
    karim.refresh_from_db()
    mine = rows.customer(ours, "Mine", salesperson=karim)
    other = rows.customer(ours, "Other")
    for each in (mine, other):
        rows.invoice(each, 10_000, late=12)
    rows.task(mine, title="Ring them")
    found = disputed(mine)
    expect_credit(dispute=found, amount_minor=10_000, now=clock.now(), by=karim)
    rows.counted(mine, other)
    ask_word(customer=mine, user=karim, question="Do you know more?", key="t", now=clock.now())
    client = rows.desk(karim)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(reverse("desk:portfolio")).content.decode()
    assert len(asked) <= 15
    for words in ("Mine", "Ring them", f"dispute on {found.invoice.reference}", "Do you know more?", "/w/"):
        assert words in page
    assert "Other" not in page
    assert "Other" in client.get(reverse("desk:portfolio"), {"all": 1}).content.decode()
    assert rows.desk(rows.colleague("vera", ours)).get(reverse("desk:portfolio")).status_code == 404


def test_a_note_with_a_name_and_files(client: Client, ours: Creditor, customer: Customer) -> None:
    lea = rows.colleague("lea", ours, Role.ACCOUNTANT)
    rows.colleague("zoe", rows.creditor("theirs"))
    people = client.get(reverse("desk:mentionable", args=[customer.pk]), {"q": "l"}).json()
    assert people == {"people": [{"name": "lea", "key": "lea"}]}
    address = reverse("desk:act", args=[customer.pk, "note"])
    form = client.get(address).content.decode()
    assert "multipart/form-data" in form
    assert reverse("desk:mentionable", args=[customer.pk]) in form
    for _each in range(2):
        files = [SimpleUploadedFile(name, b"%PDF-1.7 x") for name in ("a.pdf", "b.pdf")]
        client.post(address, {"token": "token-note", "text": "See this, @lea and @zoe", "attached": files})
    assert Note.objects.count() == 1
    assert [file.name for file in NoteFile.objects.order_by("pk")] == ["a.pdf", "b.pdf"]
    assert Notification.objects.get().user == lea
    page = client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    download = reverse("desk:note_file", args=[NoteFile.objects.get(name="a.pdf").pk])
    assert download in page
    answer = client.get(download)
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 x"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Security-Policy"] == "sandbox"


def test_a_file_that_is_not_what_its_name_says_is_a_sentence(client: Client, customer: Customer) -> None:
    address = reverse("desk:act", args=[customer.pk, "note"])
    for name, content, words in (
        ("a.pdf", b"<script>", "is not what its name says"),
        ("a.html", b"<p>", "cannot be attached"),
    ):
        file = SimpleUploadedFile(name, content)
        page = client.post(address, {"token": "t1", "text": "x", "attached": file}).content.decode()
        assert words in page
    assert "Please write a word" in client.post(address, {"token": "t1", "text": " "}).content.decode()
    assert not Note.objects.exists()


def test_the_lists_cost_few_queries(client: Client, customer: Customer) -> None:
    for _each in range(12):
        disputed(customer)
    for name in ("disputes", "responsibility", "escalations"):
        client.get(reverse(f"desk:{name}"))
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse(f"desk:{name}")).status_code == 200
        assert len(asked) <= 15, name
