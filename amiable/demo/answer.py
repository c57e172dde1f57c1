"""What customers say when messages have come: that they have paid, when they will, what is wrong, or that they leave.

Each saying enters by the door that the portal and the mail programs use.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.conf import settings

from amiable.core import links
from amiable.core.errors import UnableTo
from amiable.demo.pay import browse
from amiable.demo.stage import Act, Stage
from amiable.ledger.models import Customer
from amiable.outreach.models import Message, MessageState
from amiable.payments.plans.terms import Part, Terms
from amiable.scenario import respond
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.live import NEVER, Draws, flat

PARTS = 3  # bills that somebody plans to pay one after the other


def receive(stage: Stage, day: int, draws: Draws) -> list[Act]:
    """The messages sent today reach people, or not; what those who were reached say about them."""
    sent = list(
        Message.objects.filter(
            sent_at__gte=stage.at(day, 0), sent_at__lt=stage.at(day + 1, 0), state=MessageState.SENT, capped=True
        )
        .order_by("id")
        .values_list("id", "customer_id", "medium", "about", "also")
    )
    sent = [row for row in sent if row[1] in stage.customer_rows]
    if not sent:
        return []
    who = np.array([stage.customer_rows[row[1]] for row in sent])
    about = [stage.rows_of([*row[3], *row[4]]) for row in sent]
    unpaid = [rows[stage.crowd.paid_on[rows] == NEVER] for rows in about]
    heard = stage.crowd.hear(
        day,
        draws,
        customer=who,
        medium=np.array([CHANNELS.index(row[2]) for row in sent]),
        message=np.array([row[0] for row in sent]),
        **flat(unpaid),
    )
    stage.counts["heard"] += int(heard.reached.sum())
    people = stage.customers(row[1] for row in sent)
    owed = stage.open_of(people)
    acts = [Act(stage.some_time(day), _leave(stage, sent[n][0])) for n in np.flatnonzero(heard.opted_out)]
    for n in np.flatnonzero(heard.reached):
        customer = people[sent[n][1]]
        acts += _reaction(stage, day, draws, customer, message=sent[n], rows=about[n], owed=owed[customer.pk])
    return acts


def _reaction(
    stage: Stage,
    day: int,
    draws: Draws,
    customer: Customer,
    *,
    message: tuple[Any, ...],
    rows: Any,
    owed: dict[int, int],
) -> list[Act]:
    """What a person who has read a message says, if anything."""
    crowd, who = stage.crowd, stage.customer_rows[customer.pk]
    kind, luck = crowd.kind[who], draws.say[who]
    open_rows = [int(row) for row in rows if int(stage.invoice_ids[row]) in owed]
    done = [row for row in open_rows if crowd.paid_on[row] != NEVER]
    contested = [row for row in open_rows if crowd.contested(day)[row] and not crowd.disputed_told[row]]
    waiting = [row for row in open_rows if crowd.paid_on[row] == NEVER and crowd.promised_on[row] < day]
    ids = [int(stage.invoice_ids[row]) for row in open_rows]
    if done and luck < crowd.numbers.of("claim_share")[kind]:
        numbers = [int(stage.invoice_ids[row]) for row in done]
        paid_on = stage.world.on(int(crowd.paid_on[done[0]]))
        return [_says(stage, day, customer, respond.AlreadyPaid(numbers, paid_on=paid_on), "claims")]
    if contested:
        crowd.disputed_told[contested] = True
        return [_says(stage, day, customer, dispute(stage, row), "disputes") for row in contested[:2]]
    if luck > 1 - crowd.numbers.of("promise_unasked")[kind] and waiting:
        delay = int(draws.delay[who])
        if 1 < len(waiting) <= PARTS:
            return [_says(stage, day, customer, _plan(stage, day, customer, waiting, owed, delay=delay), "plans")]
        return [_says(stage, day, customer, promise(stage, day, waiting, owed, delay=delay), "promises")]
    if luck < crowd.numbers.of("browse_share")[kind] and ids:
        return [Act(stage.some_time(day), browse(stage, customer, ids, sum(owed[pk] for pk in ids), message))]
    return []


def promise(stage: Stage, day: int, rows: list[int], owed: dict[int, int], *, delay: int) -> respond.Promises:
    """A promise of everything open on these invoices, for a working day to come; kept or not is already in the person."""
    on = stage.crowd.working_day(day + delay)
    stage.crowd.promise(np.array(rows), on=on)
    ids = [int(stage.invoice_ids[row]) for row in rows]
    return respond.Promises(
        amount_minor=sum(owed[pk] for pk in ids), currency="EUR", promised_for=stage.world.on(on), invoices=ids
    )


def _plan(
    stage: Stage, day: int, customer: Customer, rows: list[int], owed: dict[int, int], *, delay: int
) -> respond.BuildsPlan:
    """A plan by which one bill after the other is paid, two weeks apart; kept or not is already in the person."""
    ids, parts = [int(stage.invoice_ids[row]) for row in rows], []
    for n, (row, pk) in enumerate(zip(rows, ids, strict=True)):
        on = stage.crowd.working_day(day + delay + 14 * n)
        stage.crowd.promise(np.array([row]), on=on)
        parts.append(Part(stage.world.on(on), owed[pk]))
    return respond.BuildsPlan(
        currency="EUR", invoices=ids, terms=Terms(tuple(parts)), name=customer.name, ip="192.0.2.1", reason="temporary"
    )


def dispute(stage: Stage, row: int) -> respond.Disputes:
    reasons = ("amount", "not_received", "quality", "credit_expected", "other")
    words = {
        "amount": "Le montant ne correspond pas à ce qui était convenu.",
        "not_received": "Je n’ai rien reçu de tel.",
        "quality": "Ce n’est pas ce que j’avais demandé.",
        "credit_expected": "Un avoir m’a été promis.",
        "other": "Merci de me rappeler à ce sujet.",
    }
    reason = reasons[int(stage.rng.choice(len(reasons), p=[0.35, 0.2, 0.2, 0.15, 0.1]))]
    return respond.Disputes(invoice=int(stage.invoice_ids[row]), reason=reason, words=words[reason])


def _says(stage: Stage, day: int, customer: Customer, saying: respond.Saying, count: str) -> Act:
    def do(now: datetime) -> None:
        try:
            respond.customer_said(customer=customer, saying=saying, now=now, origin="portal")
        except UnableTo:
            # The invoice was settled an hour ago: the portal says so, and the customer goes away.
            stage.counts["too_late"] += 1
        else:
            stage.counts[count] += 1

    return Act(stage.some_time(day), do)


def _leave(stage: Stage, message: int) -> Callable[[datetime], None]:
    """The one click of a mail program (RFC 8058)."""

    def do(now: datetime) -> None:
        token = links.sign("unsubscribe", {"m": message}, expires=now + timedelta(days=settings.LINK_DAYS))
        body = urlencode({"List-Unsubscribe": "One-Click"}).encode()
        stage.call(f"/u/{token}/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        stage.counts["opt_outs"] += 1

    return do
