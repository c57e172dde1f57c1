"""What the bank tells enters here: a file is booked, and what it takes back is taken out of the money it was.

In: a file of statements, or a person's word about one. Out: rows, and invoices that are open again. Never: half of it;
each call is one transaction, and the same file twice changes nothing more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.models import Credit, Creditor
from amiable.payments import book, trace
from amiable.payments.models import Statement, StatementLine
from amiable.scenario.hear import UnableToRespond
from amiable.scenario.respond import payment_returned

REASONS = {
    "direct_debit": gettext_lazy("Direct debit returned %(why)s"),
    "cheque": gettext_lazy("Cheque bounced %(why)s"),
    "bill": gettext_lazy("Bill of exchange unpaid %(why)s"),
}


@dataclass(frozen=True)
class Told:
    """`taken_back`: returns whose money was found; `unknown`: those that wait for a person."""

    booked: book.Booked
    taken_back: int = 0
    unknown: int = 0

    def figures(self) -> dict[str, Any]:
        return self.booked.figures() | {"taken_back": self.taken_back, "returns_unknown": self.unknown}


@transaction.atomic
def bank_told(
    *,
    path: Path | str,
    creditors: Sequence[Creditor],
    now: datetime,
    name: str = "",
    by: User | None = None,
    progress: book.Progress | None = None,
) -> Told:
    """Books a file, then takes back what it and earlier ones told to be returned."""
    booked = book.book(path=path, creditors=creditors, now=now, name=name, by=by, progress=progress)
    concerned = list({each.creditor_id: each.creditor for each in booked.counted}.values())
    return Told(booked, *_take_back(concerned, now=now))


@transaction.atomic
def statement_accepted(*, statement: Statement, now: datetime, by: User | None = None) -> book.Outcome:
    """A person's word that a statement in question counts."""
    outcome = book.accept(statement=statement, now=now, by=by)
    _take_back([statement.creditor], now=now)
    return outcome


@transaction.atomic
def return_found(*, line: StatementLine, credit: Credit, now: datetime, by: User) -> None:
    """A person's word which money a return takes back."""
    locked = StatementLine.objects.select_for_update(of=("self",)).select_related("statement__creditor").get(pk=line.pk)
    if locked.credit_id is not None:
        raise UnableToRespond(_("This return has taken its money back already."))
    if not trace.alike(locked).filter(pk=credit.pk).exists():
        raise UnableToRespond(_("Only money of the same amount that came before can be taken back."))
    _return(locked, credit, now=now, by=by)


def _take_back(creditors: Sequence[Creditor], *, now: datetime) -> tuple[int, int]:
    taken = unknown = 0
    for line in trace.waiting(creditors):
        credit = trace.trace(line)
        if credit is None:
            unknown += 1
        else:
            _return(line, credit, now=now)
            taken += 1
    return taken, unknown


def _return(line: StatementLine, credit: Credit, *, now: datetime, by: User | None = None) -> None:
    words = REASONS.get(line.method or credit.method, gettext_lazy("Payment returned %(why)s"))
    why = f"({line.return_reason})" if line.return_reason else ""
    payment_returned(
        credit=credit,
        amount_minor=min(-line.amount_minor, credit.amount_minor),
        key=f"bank:{line.pk}",
        reason=in_house(words, why=why).strip(),
        now=now,
        by=by,
    )
    line.credit = credit
    line.save(update_fields=["credit"])
