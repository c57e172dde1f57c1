"""What customers do on a day when messages have come: read, pay, claim, promise, contest, leave; by the real doors.

Payments go through the payment provider for trying things out, whose signed calls reach our hook over HTTP.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.conf import settings

from amiable.core import links
from amiable.core.errors import UnableTo
from amiable.demo import morning
from amiable.demo.behave import NEVER, Draws, Payments
from amiable.demo.parameters import MEDIA
from amiable.demo.stage import Stage
from amiable.ledger.models import Customer
from amiable.outreach.models import Message, MessageState
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Journey
from amiable.payments.providers.dummy import payment_of, signature
from amiable.scenario import respond

HOOK = "/hooks/psp/dummy/"
JOURNEYS = {"email": Journey.EMAIL_LINK, "sms": Journey.SMS_LINK, "letter": Journey.LETTER_LINK}
DECLINES = ("insufficient_funds", "card_declined", "expired_card", "authentication_failed")
BANK_DAYS = 2  # that a transfer takes in the middle
CARD_DAYS = 2  # after which the accounts tell a payment by card, too


@dataclass(frozen=True)
class Act:
    """Something that a customer does at a moment."""

    at: datetime
    do: Callable[[datetime], None]


class UnableToPlay(UnableTo):
    """One of our own doors did not do what it promises."""


def receive(stage: Stage, day: int, draws: Draws) -> list[Act]:
    """The messages sent today reach people, or not; what those who were reached say about them."""
    sent = list(
        Message.objects.filter(as_of=stage.world.on(day), state=MessageState.SENT, capped=True)
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
        medium=np.array([MEDIA.index(row[2]) for row in sent]),
        message=np.array([row[0] for row in sent]),
        about=unpaid,
    )
    stage.counts["heard"] += int(heard.reached.sum())
    people = stage.customers(row[1] for row in sent)
    owed = stage.open_of(people)
    acts = [Act(stage.some_time(day), _leave(stage, sent[n][0])) for n in np.flatnonzero(heard.opted_out)]
    for n in np.flatnonzero(heard.reached):
        customer = people[sent[n][1]]
        acts += _reaction(stage, day, draws, customer, message=sent[n], rows=about[n], owed=owed[customer.pk])
    return acts


def pay(stage: Stage, day: int, draws: Draws) -> list[Act]:
    """The day passes; whoever pays does so by the link in a message or by bank, and the bank takes its days."""
    paid = stage.crowd.live(day, draws)
    _count_alone(stage, day, stage.alone.live(day, draws))
    by_bank = _part(paid, ~paid.by_link)
    stage.on_the_way += morning.told(stage, by_bank, day=day)
    linked = np.flatnonzero(paid.by_link)
    people = stage.customers(int(stage.customer_ids[who]) for who in np.unique(paid.customer[linked]))
    owed = stage.open_of(people)
    media = dict(
        Message.objects.filter(id__in=[int(m) for m in np.unique(paid.message[linked])]).values_list("id", "medium")
    )
    acts = []
    for who in np.unique(paid.customer[linked]):
        mine = _part(paid, paid.by_link & (paid.customer == who))
        customer = people[int(stage.customer_ids[who])]
        shown = owed[customer.pk]
        wanted = [int(pk) for pk in stage.invoice_ids[mine.invoice] if int(pk) in shown]
        amount = min(int(mine.amount_minor.sum()), sum(shown[pk] for pk in wanted))
        if amount > 0:
            message = int(mine.message[0])
            journey = JOURNEYS[media[message]]
            acts.append(
                Act(stage.some_time(day), _by_link(stage, day, customer, wanted, amount, message, journey, mine))
            )
    return acts


def _count_alone(stage: Stage, day: int, paid: Payments) -> None:
    """What the same people pay without any contact counts like theirs with contacts: when it has arrived."""
    if stage.crowd.working_day(day + BANK_DAYS) < stage.world.days:
        np.add.at(stage.alone_received, paid.invoice, paid.amount_minor)


def act(stage: Stage, acts: list[Act]) -> None:
    """Everything in its order, each at its moment."""
    for each in sorted(acts, key=lambda one: one.at):
        stage.moment = each.at
        each.do(each.at)


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
        saying = promise(stage, day, waiting, owed, delay=int(draws.delay[who]))
        return [_says(stage, day, customer, saying, "promises")]
    if luck < crowd.numbers.of("browse_share")[kind] and ids:
        return [Act(stage.some_time(day), _browse(stage, customer, ids, sum(owed[pk] for pk in ids), message))]
    return []


def promise(stage: Stage, day: int, rows: list[int], owed: dict[int, int], *, delay: int) -> respond.Promises:
    """A promise of everything open on these invoices, for a working day to come; kept or not is already in the person."""
    on = stage.crowd.working_day(day + delay)
    stage.crowd.promise(np.array(rows), on=on)
    ids = [int(stage.invoice_ids[row]) for row in rows]
    return respond.Promises(
        amount_minor=sum(owed[pk] for pk in ids), currency="EUR", promised_for=stage.world.on(on), invoices=ids
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
        _call(stage, f"/u/{token}/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        stage.counts["opt_outs"] += 1

    return do


def _browse(
    stage: Stage, customer: Customer, invoices: list[int], amount: int, message: tuple[Any, ...]
) -> Callable[[datetime], None]:
    """Goes to pay, looks, and leaves the page open: nobody ever tells how it ended."""

    def do(now: datetime) -> None:
        try:
            attempt = open_attempt(
                customer=customer,
                amount_minor=amount,
                currency="EUR",
                invoices=invoices,
                journey=JOURNEYS[message[2]],
                message_ref=message[0],
                now=now,
            )
        except UnableTo:
            stage.counts["too_late"] += 1
            return
        _tell(stage, attempt.token, [("started", {})], now=now)
        stage.counts["browsed"] += 1

    return do


def _by_link(
    stage: Stage,
    day: int,
    customer: Customer,
    invoices: list[int],
    amount: int,
    message: int,
    journey: Journey,
    mine: Payments,
) -> Callable[[datetime], None]:
    """Pays by the page: as many tries as the person has patience for, then by bank after all."""

    def do(now: datetime) -> None:
        rules = stage.crowd.numbers["attempt"]
        for _try in range(rules["tries"]):
            try:
                attempt = open_attempt(
                    customer=customer,
                    amount_minor=amount,
                    currency="EUR",
                    invoices=invoices,
                    journey=journey,
                    message_ref=message,
                    now=now,
                )
            except UnableTo:
                stage.counts["too_late"] += 1
                return
            end = _tell(stage, attempt.token, _course(stage, amount), now=now)
            stage.counts["attempts"] += 1
            if end == "succeeded":
                stage.counts["paid_by_link"] += 1
                _tell_accounts(stage, day, customer, amount, attempt.token)
                return
            now += timedelta(minutes=6)
        stage.on_the_way += morning.told(stage, mine, day=day)

    return do


def _course(stage: Stage, amount: int) -> list[tuple[str, dict[str, Any]]]:
    """How one try goes: started, mistyped perhaps, and its end; one that is abandoned has none."""
    rules, rng = stage.crowd.numbers["attempt"], stage.rng
    words: list[tuple[str, dict[str, Any]]] = [("started", {})]
    chance = rules["input_error"]
    while rng.random() < chance:
        words.append(("input_error", {"detail": "card_number"}))
        chance = rules["second_input_error"]
    luck = rng.random()
    if luck < rules["abandoned"]:
        return words
    if luck < rules["abandoned"] + rules["failed"]:
        return [*words, ("failed", {"detail": str(rng.choice(DECLINES))})]
    return [*words, ("succeeded", {"amount_minor": amount, "currency": "EUR"})]


def _tell(stage: Stage, token: str, course: list[tuple[str, dict[str, Any]]], *, now: datetime) -> str:
    """The provider's signed call about one try; returns the last thing that it said."""
    events = []
    for n, (kind, more) in enumerate(course):
        event = {
            "id": f"evt_{token}_{n}",
            "kind": kind,
            "attempt": token,
            "at": (now + timedelta(seconds=40 * n)).isoformat(),
        }
        if kind == "succeeded":
            event["payment"] = payment_of(token)
        events.append(event | more)
    stage.moment = now + timedelta(seconds=40 * len(course))
    body = json.dumps({"events": events}).encode()
    headers = {"Content-Type": "application/json", "Dummy-Signature": signature(body, now=stage.moment)}
    _call(stage, HOOK, body, headers)
    return course[-1][0]


def _tell_accounts(stage: Stage, day: int, customer: Customer, amount: int, token: str) -> None:
    """The accounts book the same money some days later; it must not be counted twice."""
    row = stage.customer_rows[customer.pk]
    stage.on_the_way.append(
        {
            "creditor": customer.creditor.key, "customer": row, "day": stage.crowd.working_day(day + CARD_DAYS),
            "amount_minor": amount, "settles": "", "method": "carte", "identity": payment_of(token), "reference": "",
        }
    )  # fmt: skip


def _call(stage: Stage, path: str, body: bytes, headers: dict[str, str]) -> None:
    status, answer = stage.caller.post(path, body, headers)
    if status >= 300:
        raise UnableToPlay(f"{path.split('/')[1]} answered {status}: {answer[:200].decode(errors='replace')}")


def _part(paid: Payments, which: Any) -> Payments:
    return Payments(**{name: value[which] for name, value in vars(paid).items()})
