"""Small rows for the tests of the desk: two creditors that know nothing of each other, and who works for them."""

from datetime import UTC, date, datetime, timedelta

from django.test import Client

from amiable.casework.models import Case, Dispute, Note, NoteFile, Task, TaskKind
from amiable.core.models import Role, Scope, User
from amiable.insight.measure import measure
from amiable.insight.models import Report
from amiable.intake.models import Import, QuarantinedRow, Source
from amiable.ledger import hold
from amiable.ledger.keep import keep
from amiable.ledger.models import Branch, Contact, ContactPoint, Credit, Creditor, Customer, Document, Invoice
from amiable.outreach.models import Letter, LetterBatch, Message, Reply
from amiable.payments.attempt import open_attempt
from amiable.payments.keypad import give_code
from amiable.payments.models import Attempt, Chain, Match, Plan, Statement, StatementLine
from amiable.portfolio.refresh import refresh
from amiable.scenario import shelf
from amiable.scenario.models import Campaign, Experiment, Recipient, Scenario
from amiable.web.ui import clock


def creditor(key: str, **more: object) -> Creditor:
    return Creditor.objects.create(
        **{"key": key, "name": key.title(), "created_at": clock.now(), "released_at": clock.now()} | more
    )


def measured() -> None:
    """The figures of the last day that is over, as the morning's run measures them."""
    measure(as_of=clock.today() - timedelta(days=1), now=clock.now())


def customer(of: Creditor, name: str, **more: object) -> Customer:
    number = f"{of.key}-{Customer.objects.count() + 1}"
    words = {
        "creditor": of,
        "source": "test",
        "external_id": number,
        "number": number,
        "name": name,
        "created_at": clock.now(),
    }
    return Customer.objects.create(**words | more)


def invoice(of: Customer, minor: int, *, late: int, currency: str = "EUR", **more: object) -> Invoice:
    """An open invoice, `late` days past due (negative: due in so many days)."""
    due = clock.today() - timedelta(days=late)
    number = f"F{Invoice.objects.count() + 1:05d}"
    words = {"creditor": of.creditor, "customer": of, "source": "test", "external_id": number, "reference": number}
    words |= {
        "issued_on": due - timedelta(days=30),
        "due_on": due,
        "currency": currency,
        "amount_minor": minor,
        "open_minor": minor,
    }
    return Invoice.objects.create(**words | {"known_at": midday(due - timedelta(days=30))} | more)


def credit(of: Customer, minor: int, *, days_ago: int, currency: str = "EUR", **more: object) -> Credit:
    day = clock.today() - timedelta(days=days_ago)
    number = f"P{Credit.objects.count() + 1:05d}"
    words = {
        "creditor": of.creditor,
        "customer": of,
        "source": "test",
        "external_id": number,
        "received_on": day,
        "currency": currency,
    }
    return Credit.objects.create(**words | {"amount_minor": minor, "open_minor": minor, "known_at": midday(day)} | more)


def document(of: Invoice, content: bytes = b"%PDF-1.7 copy") -> Document:
    """The copy of an invoice, kept as a file."""
    digest = keep(content)
    return Document.objects.create(
        creditor=of.creditor,
        invoice=of,
        name=f"{of.reference}.pdf",
        sha256=digest,
        size=len(content),
        known_at=clock.now(),
    )


def email(of: Customer, address: str) -> ContactPoint:
    contact = Contact.objects.create(customer=of, created_at=clock.now())
    return ContactPoint.objects.create(contact=contact, medium="email", value=address)


def task(of: Customer, kind: str = TaskKind.CALL, **more: object) -> Task:
    words = {
        "creditor": of.creditor,
        "customer": of,
        "kind": kind,
        "key": f"test:{Task.objects.count()}",
        "title": f"{kind} {of.name}",
    }
    return Task.objects.create(**words | {"due_on": clock.today(), "created_at": clock.now()} | more)


def message(of: Customer, **more: object) -> Message:
    words = {
        "key": f"test:{Message.objects.count()}",
        "creditor": of.creditor,
        "customer": of,
        "currency": "EUR",
        "purpose": "reminder_1",
    }
    words |= {
        "medium": "email",
        "language": "fr",
        "tone": "warm",
        "as_of": clock.today(),
        "state": "sent",
        "subject": "Votre facture",
    }
    words |= {"text": "Bonjour", "html": "<p>Bonjour</p>", "created_at": clock.now(), "sent_at": clock.now()}
    return Message.objects.create(**words | more)


def reply(of: Customer | None, text: str = "Bonjour", **more: object) -> Reply:
    """An answer that nobody has read; of no customer where none is named."""
    words = {"source": "test", "external_id": str(Reply.objects.count()), "customer": of, "medium": "email"}
    words |= {"creditor": of.creditor if of else None, "sender": "someone@example.org", "text": text, "words": text}
    return Reply.objects.create(**words | {"at": clock.now(), "intent": "other", "confidence": 0.6} | more)


def full(of: Creditor, name: str) -> Customer:
    """A customer with one row of everything that has an address of its own."""
    found = customer(of, name)
    bill = invoice(found, 10_000, late=40)
    email(found, f"{name.lower()}@example.org")
    hold.place(
        kind="person",
        source_ref=f"test:{found.pk}",
        customer=found,
        since=clock.today(),
        now=clock.now(),
        reason="asked for time",
    )
    Dispute.objects.create(customer=found, invoice=bill, reason="quality", opened_at=clock.now())
    note = Note.objects.create(customer=found, text=f"note about {name}", at=clock.now())
    NoteFile.objects.create(note=note, name="a.pdf", sha256=keep(b"%PDF-1.7"), size=8)
    task(found)
    message(found)
    reply(found)
    return found


def plan(of: Customer, **more: object) -> Plan:
    """A plan that waits for approval, in two parts of 50."""
    words = {"customer": of, "currency": "EUR", "total_minor": 10_000, "offered_at": clock.now(), "needs": "manager"}
    words |= {"invoices": list(of.invoices.values_list("pk", flat=True)), "state": "proposed", "origin": "portal"}
    made = Plan.objects.create(**words | more)
    for n in (1, 2):
        made.instalments.create(due_on=clock.today() + timedelta(days=30 * n), amount_minor=5_000)
    return made


def chain(of: Customer) -> Chain:
    words = {"customer": of, "currency": "EUR", "opened_at": clock.now(), "moved_at": clock.now()}
    return Chain.objects.create(creditor=of.creditor, **words)


def report(of: Creditor, content: bytes = b"%PDF-1.7 report") -> Report:
    """A page of figures that was sent."""
    told = {"board": "direction", "currency": "EUR", "language": "fr", "name": "direction.pdf", "size": len(content)}
    words = {"creditor": of, "kind": "paper.direction.EUR.fr", "as_of": clock.today(), "made_at": clock.now()}
    words |= {"content": told | {"sha256": keep(content)}}
    return Report.objects.create(**words)


def on_the_phone(of: Customer) -> Attempt:
    """A payment that a colleague opened for a customer on the phone."""
    row = of.invoices.filter(open_minor__gt=0).first() or invoice(of, 1_000, late=1)
    return open_attempt(
        customer=of,
        amount_minor=row.open_minor,
        currency=row.currency,
        invoices=[row.pk],
        journey="agent",
        now=clock.now(),
    )


def on_the_keys(of: Customer) -> Attempt:
    """A payment that a colleague has prepared for the customer's own telephone."""
    tried = on_the_phone(of)
    tried.journey, tried.provider = "ivr_agent", "twilio_pay"
    tried.save(update_fields=["journey", "provider"])
    give_code(attempt=tried, now=clock.now())
    return tried


def begun(of: Customer) -> Attempt:
    """A try to pay that the customer began just now."""
    found = on_the_phone(of)
    found.state, found.started_at = "started", clock.now()
    found.save()
    return found


def batch(of: Customer) -> LetterBatch:
    """A batch with the customer's message as a letter: as a row; what is printed is tested elsewhere."""
    made = LetterBatch.objects.create(creditor=of.creditor, made_at=clock.now(), letters=1, pages=1, sheets=1)
    sent = of.messages.get()
    Letter.objects.update_or_create(
        message=sent,
        defaults={"data": {}, "pages": 1, "destination": of.city, "laid_at": clock.now(), "batch": made, "place": 1},
    )
    return made


def colleague(
    name: str, of: Creditor | None = None, role: str = Role.MANAGER, branch: Branch | None = None, own: bool = False
) -> User:
    # No password: hashing one is made slow on purpose, and only the log-in needs it.
    user = User.objects.create_user(name, language="en")
    if of is not None:
        Scope.objects.create(
            user=user, role=role, creditor_ref=of.pk, branch_ref=branch and branch.pk, own_customers_only=own
        )
    return user


def suspense(of: Creditor) -> Match:
    """Money that is nobody's yet, with what was found for it: nothing."""
    number = f"S{Credit.objects.count() + 1:05d}"
    money = Credit.objects.create(
        creditor=of, source="bank:test", external_id=number, received_on=clock.today(), currency="EUR", amount_minor=777,
        open_minor=777, known_at=clock.now(),
    )  # fmt: skip
    return Match.objects.create(credit=money, looked_at=clock.now())


def desk(user: User) -> Client:
    """A browser in which this user is logged in, in English."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def counted(*customers: Customer) -> None:
    """Makes the profiles as the day does."""
    refresh(as_of=clock.today(), customers=[each.pk for each in customers] or None)


def case(of: Customer, *, days_ago: int = 0) -> Case:
    shelf.stock(now=clock.now())
    return Case.objects.create(
        creditor=of.creditor,
        customer=of,
        currency="EUR",
        opened_on=clock.today() - timedelta(days=days_ago),
        opened_overdue_minor=1,
    )


def midday(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def quarantined(of: Creditor) -> QuarantinedRow:
    """A row of a file that could not be read."""
    source, _new = Source.objects.get_or_create(
        creditor=of, key="test", defaults={"kind": "open_items", "created_at": clock.now()}
    )
    file = Import.objects.create(
        creditor=of,
        source=source,
        name="test.csv",
        sha256="0" * 64,
        size=1,
        as_of=clock.today(),
        started_at=clock.now(),
        ended_at=clock.now(),
    )
    return QuarantinedRow.objects.create(
        loaded_by=file, line=2, column="Amount", reason="“x” is not an amount.", raw={"Amount": "x"}
    )


def experiment(of: Creditor) -> Experiment:
    """One that runs on the house's scenario for businesses."""
    shelf.stock(now=clock.now())
    champion = Scenario.objects.get(creditor=None, key="businesses", state="active")
    words = {"champion": champion, "name": "Warmer", "holdout_share": 0.1, "since": clock.today()}
    return Experiment.objects.create(creditor=of, key="businesses-1", until=clock.today() + timedelta(days=30), **words)


def campaign(of: Customer, **more: object) -> Campaign:
    """A draft whose list would hold everyone overdue; with one recipient, as if it had been frozen with them."""
    words = {"creditor": of.creditor, "name": f"Campaign about {of.name}", "template": "reminder_1", "channel": "email"}
    words |= {"starts_on": clock.today(), "ends_on": clock.today() + timedelta(days=5)}
    made = Campaign.objects.create(**words | more)
    Recipient.objects.create(campaign=made, customer=of)
    return made


def returned(of: Creditor) -> StatementLine:
    """A bank statement of one line: something was taken back, and nobody knows what."""
    day = clock.today()
    statement = Statement.objects.create(
        creditor=of, source=f"bank:{of.key}", external_id="s1", iban=f"IBAN-{of.name}", currency="EUR", opened_on=day,
        closed_on=day, known_at=clock.now(),
    )  # fmt: skip
    return StatementLine.objects.create(
        statement=statement, external_id="1.1", entry=1, booked_on=day, value_on=day, currency="EUR", amount_minor=-7000,
        kind="return", payer=of.name,
    )  # fmt: skip
