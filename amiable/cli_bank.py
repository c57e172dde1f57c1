"""The commands about the bank: statements taken in, invoices sold to the factor. Comes in: files, or a customer's number.
Goes out: figures and sentences, or JSON alone.
"""

from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from amiable.cli import Day, Json, Named, UnableToObey, _bar, _creditor, _day, _start, _tell


@cache
def join(app: typer.Typer) -> None:
    """Adds these commands to the command line, once."""
    app.command("statement")(statement)
    app.command("factor")(factor)


def statement(
    files: Annotated[list[Path], typer.Argument(help="camt.052/053/054, MT940/942, CFONB 120 or a bank's CSV.")],
    creditor: Annotated[
        str, typer.Option("--creditor", help="Whose account it is; found by the account when not said.")
    ] = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="Count also what is in question, as a new account or a wrong balance.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check everything, write nothing.")] = False,
    json: Json = False,
) -> None:
    """Take bank statements in, each file whole or not at all; the same day twice changes nothing."""
    now = _start()
    from django.db import transaction

    from amiable.ledger.models import Creditor
    from amiable.payments.models import StatementState
    from amiable.scenario.bank import bank_told, statement_accepted

    owners = [_creditor(creditor, make=False, now=now)] if creditor else list(Creditor.objects.order_by("pk"))
    total: dict[str, Any] = {}
    rehearsed = transaction.atomic() if dry_run else nullcontext()
    with _bar("Reading", json) as tell, rehearsed:
        for path in files:

            def told(done: int, whole: int, name: str = path.name) -> None:
                tell(name, done, whole)

            with transaction.atomic():
                found = bank_told(path=path, creditors=owners, now=now, progress=told)
                figures = found.figures()
                for outcome in found.booked.outcomes if accept else ():
                    if outcome.statement.state == StatementState.QUESTION and not outcome.already:
                        figures["credits"] += statement_accepted(statement=outcome.statement, now=now).credits
                        figures["in_question"] -= 1
            _add(total, figures | {"files": 1})
        if dry_run:
            transaction.set_rollback(True)
    _tell(total, json)


def factor(
    customer: Annotated[str, typer.Argument(help="The customer's number.")],
    creditor: Named,
    invoices: Annotated[
        list[str] | None, typer.Option("--invoice", help="Only this invoice; may be said several times. Without: all.")
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Bought back: the creditor is to be paid again.")] = False,
    as_of: Day = "",
    json: Json = False,
) -> None:
    """Mark a customer's invoices as sold to the factor, whose account is then the one that letters and pages name."""
    now = _start()
    from amiable.ledger.factor import buy_back, sell
    from amiable.ledger.models import Customer

    owner, on = _creditor(creditor, make=False, now=now), _day(as_of, now)
    who = Customer.objects.filter(creditor=owner, number=customer, merged_into=None).first()
    if who is None:
        raise UnableToObey(f"{owner.name} has no customer with the number {customer}.")
    wanted = set(invoices or ())
    rows = dict(who.invoices.filter(reference__in=wanted).values_list("pk", "reference"))
    if missing := wanted - set(rows.values()):
        raise UnableToObey(f"{who.name} has no invoice {', '.join(sorted(missing))}.")
    if back:
        _tell({"bought_back": len(buy_back(customer=who, on=on, now=now, invoices=list(rows)))}, json)
    else:
        _tell({"sold": len(sell(customer=who, since=on, now=now, invoices=list(rows)))}, json)


def _add(total: dict[str, Any], figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        if isinstance(value, list):
            total[name] = list(dict.fromkeys([*total.get(name, []), *value]))
        else:
            total[name] = total.get(name, 0) + value
