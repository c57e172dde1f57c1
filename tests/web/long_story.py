"""A customer with a long past: thousands of rows of every kind that a timeline tells, as years of work leave them."""

from datetime import datetime, timedelta

from amiable.casework.models import Note, Task
from amiable.ledger.models import Allocation, Credit, Creditor, Customer, Invoice
from amiable.outreach.models import Event, Message, Reply
from amiable.payments.models import Attempt, Chain
from amiable.scenario import shelf
from amiable.scenario.models import Decision, Scenario
from amiable.web.ui import clock
from tests.web import desk_rows as rows

MANY = 2_000


def customer(of: Creditor, *, many: int = MANY, name: str = "Long") -> Customer:
    """`many` decisions and messages, half as many invoices and payments, and what follows from them: six rows a day."""
    found = rows.customer(of, name)
    now, half = clock.now(), many // 2
    at = [now - timedelta(hours=12 * n + 1) for n in range(many)]
    days = [(clock.today() - timedelta(days=n)) for n in range(many)]
    _money(found, half, at, many)
    shelf.stock(now=now)
    scenario = Scenario.objects.all()[0]
    Decision.objects.bulk_create([
        Decision(creditor=of, customer=found, currency="EUR", as_of=day, scenario=scenario, step="reminder_1", level=20,
                 channel="email", verdict=("do", "not")[n % 2], rail="" if n % 2 == 0 else "gap", reason="x")
        for n, day in enumerate(days)
    ])  # fmt: skip
    _words(found, many, at)
    Note.objects.bulk_create([Note(customer=found, text=f"Word {n} about the roof", at=at[n * 2]) for n in range(half)])
    Task.objects.bulk_create([
        Task(creditor=of, customer=found, kind="call", key=f"long:{found.pk}:{n}", title=f"Call {n}", due_on=days[n * 2],
             created_at=at[n * 2], done_at=at[n * 2], outcome="voicemail")
        for n in range(half)
    ])  # fmt: skip
    return found


def _money(of: Customer, half: int, at: list[datetime], many: int) -> None:
    words = {"creditor": of.creditor, "customer": of, "source": "long", "currency": "EUR", "amount_minor": 10_000}
    invoices = Invoice.objects.bulk_create([
        Invoice(**words, external_id=f"L{of.pk}.{n}", reference=f"L{n:05d}", issued_on=at[n * 2].date(), open_minor=10_000,
                due_on=at[n * 2].date() + timedelta(days=30), known_at=at[n * 2])
        for n in range(half)
    ])  # fmt: skip
    credits = Credit.objects.bulk_create([
        Credit(**words, external_id=f"C{of.pk}.{n}", received_on=at[n * 2].date(), open_minor=10_000, known_at=at[n * 2])
        for n in range(half)
    ])  # fmt: skip
    Allocation.objects.bulk_create([
        Allocation(credit=credit, invoice=invoice, amount_minor=10_000, effective_on=at[n * 2].date(), known_at=at[n * 2],
                   rule="named")
        for n, (credit, invoice) in enumerate(zip(credits[30:], invoices[30:], strict=True))
    ])  # fmt: skip
    chain = Chain.objects.create(
        creditor=of.creditor, customer=of, currency="EUR", opened_at=at[-1], moved_at=at[0], closed_at=at[0]
    )
    Attempt.objects.bulk_create([
        Attempt(chain=chain, creditor=of.creditor, customer=of, token=f"long-{of.pk}-{n}", provider="dummy", journey="portal",
                currency="EUR", amount_minor=10_000, state="failed", opened_at=at[n * 10], ended_at=at[n * 10])
        for n in range(many // 10)
    ])  # fmt: skip


def _words(of: Customer, many: int, at: list[datetime]) -> None:
    messages = Message.objects.bulk_create([
        Message(key=f"long:{of.pk}:{n}", creditor=of.creditor, customer=of, currency="EUR", purpose="reminder_1", medium="email",
                address="long@example.org", language="fr", tone="warm", as_of=at[n].date(), state="sent",
                subject=f"Votre facture {n}", text="Bonjour " * 40, html="<p>Bonjour</p>" * 200, created_at=at[n],
                sent_at=at[n])
        for n in range(many)
    ])  # fmt: skip
    Event.objects.bulk_create([
        Event(source="long", external_id=f"{message.pk}", message=message, kind="opened", at=message.created_at)
        for message in messages
    ])  # fmt: skip
    Reply.objects.bulk_create([
        Reply(source="long", external_id=f"{of.pk}.{n}", creditor=of.creditor, customer=of, medium="email", intent="other",
              sender="long@example.org", text=f"Réponse {n}", words=f"Réponse {n}", at=at[n * 10])
        for n in range(many // 10)
    ])  # fmt: skip
