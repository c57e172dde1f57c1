"""A sender killed again and again while it sends ten thousand e-mails over a real SMTP server."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from amiable.casework.models import Task
from amiable.ledger.models import Contact, ContactPoint, Customer, Invoice
from amiable.outreach.models import Delivery, Message, MessageState
from amiable.outreach.order import Order, order
from amiable.outreach.send import BATCH, send
from tests.outreach.conftest import PostOffice
from tests.outreach.rows import NOW, TODAY, a_creditor, a_customer, an_invoice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

MESSAGES, KILLS = 10_000, 20
PROGRAM = f"""
import django; django.setup()
from datetime import datetime
from amiable.outreach.send import send
now = datetime.fromisoformat({NOW.isoformat()!r})
send(as_of=now.date(), now=now)
"""


@pytest.fixture
def environment(post_office: PostOffice) -> dict[str, str]:
    database = connection.settings_dict
    address = "postgresql://{USER}@/{NAME}?host={HOST}&port={PORT}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "amiable.settings",
        "DATABASE_URL": address.format(**{**database, "PORT": database["PORT"] or 5432}),
        "AMIABLE_SMTP_HOST": "127.0.0.1",
        "AMIABLE_SMTP_PORT": str(post_office.controller.port),
        "AMIABLE_SMTP_TLS": "none",
        "AMIABLE_MAIL_FROM": "facturation@lumen.example",
    }


def test_each_message_leaves_once_or_not_at_all_however_often_its_sender_dies(
    post_office: PostOffice, environment: dict[str, str]
) -> None:
    many(MESSAGES)
    chance = random.Random(seed := random.SystemRandom().randrange(10**6))
    for _kill in range(KILLS):
        killed_after(chance.randint(1, MESSAGES // KILLS + 150), post_office, environment)
    wait_until_gone()
    send(as_of=TODAY, now=NOW)
    taken = Counter(letter["Message-ID"] for letter in post_office.letters())
    states = Counter(Message.objects.values_list("state", flat=True))
    doubtful = states[MessageState.IN_DOUBT]
    told = f"seed {seed}, states {dict(states)}, {len(taken)} e-mails taken"
    assert max(taken.values()) == 1, told
    assert set(states) <= {MessageState.SENT, MessageState.IN_DOUBT}, told
    assert states.total() == MESSAGES, told
    assert doubtful <= KILLS * BATCH, told
    assert Task.objects.filter(kind="check", done_at=None).count() == doubtful, told  # none lost from view
    # What is recorded as sent was taken, and what was taken is recorded as sent or in doubt.
    ids = dict(Delivery.objects.values_list("external_id", "message__state"))
    sent = {external_id for external_id, state in ids.items() if state == MessageState.SENT}
    assert sent <= set(taken) <= set(ids), told


def killed_after(letters: int, post_office: PostOffice, environment: dict[str, str]) -> None:
    """A sender that dies once so many more e-mails have been taken."""
    goal = count(post_office) + letters
    sender = subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, cwd=Path(__file__).parents[2])
    patience = time.monotonic() + 120
    while count(post_office) < goal and sender.poll() is None and time.monotonic() < patience:
        time.sleep(0.002)
    sender.send_signal(signal.SIGKILL)
    assert sender.wait() == -signal.SIGKILL, "the sender ended before it could be killed"


def count(post_office: PostOffice) -> int:
    index = post_office.folder / "index.jsonl"
    return index.read_bytes().count(b"\n") if index.exists() else 0


def wait_until_gone() -> None:
    """The server notices a killed client when it next writes to it: its locks go with it."""
    for _each in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()")
            if cursor.fetchone() == (0,):
                return
        time.sleep(0.05)
    raise AssertionError("A killed sender still holds its lock.")


def many(messages: int) -> None:
    """So many customers, each with a late invoice and a reminder ordered about it."""
    creditor = a_creditor()
    first = a_customer(creditor, "C0", email="c0@example.org")
    due = an_invoice(first, "F-0", 12_345, days_late=9)
    numbers = range(1, messages)
    customers = Customer.objects.bulk_create(_like(first, external_id=f"C{n}", number=f"C{n}") for n in numbers)
    contact = Contact.objects.get()
    contacts = Contact.objects.bulk_create(_like(contact, customer=each) for each in customers)
    point = ContactPoint.objects.get()
    ContactPoint.objects.bulk_create(
        _like(point, contact=each, value=f"c{n}@example.org") for n, each in zip(numbers, contacts, strict=True)
    )
    Invoice.objects.bulk_create(
        _like(due, customer=each, external_id=f"F-{n}", reference=f"F-{n}")
        for n, each in zip(numbers, customers, strict=True)
    )
    rows = Invoice.objects.values_list("customer_id", "id")
    wish = {"creditor_id": creditor.pk, "currency": "EUR", "purpose": "reminder_1", "medium": "email", "tone": "warm"}
    order(
        (
            Order(key=f"crash:{customer}", customer_id=customer, as_of=TODAY, about=[invoice], level=20, **wish)
            for customer, invoice in rows
        ),
        now=NOW,
    )


def _like(row: Any, **changes: object) -> Any:
    """Another row with the same values but these."""
    values = {
        field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields if not field.primary_key
    }
    copy = type(row)(**values)
    for name, value in changes.items():
        setattr(copy, name, value)
    return copy
