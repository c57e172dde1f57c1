"""How the invented customers pay: by the link in a message, in as many tries as it takes, or by bank, which takes its days.

The payment provider is the one for trying things out; its signed calls reach our hook over HTTP.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from amiable.core.errors import UnableTo
from amiable.demo import morning
from amiable.demo.stage import Act, Stage
from amiable.ledger.models import Customer
from amiable.outreach.models import Message
from amiable.payments.attempt import open_attempt
from amiable.payments.models import Journey
from amiable.payments.providers.dummy import payment_of, signature
from amiable.scenario.live import Draws, Payments

HOOK = "/hooks/psp/dummy/"
JOURNEYS = {"email": Journey.EMAIL_LINK, "sms": Journey.SMS_LINK, "letter": Journey.LETTER_LINK}
DECLINES = ("insufficient_funds", "card_declined", "expired_card", "authentication_failed")
BANK_DAYS = 2  # that a transfer takes in the middle
CARD_DAYS = 2  # after which the accounts tell a payment by card, too


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


def browse(
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
                step=_step(message[0]),
                now=now,
            )
        except UnableTo:
            stage.counts["too_late"] += 1
            return
        _tell(stage, attempt.token, [("started", {})], now=now)
        stage.counts["browsed"] += 1

    return do


def _count_alone(stage: Stage, day: int, paid: Payments) -> None:
    """What the same people pay without any contact counts like theirs with contacts: when it has arrived by the day of the
    figures.
    """
    if stage.crowd.working_day(day + BANK_DAYS) <= stage.whole:
        np.add.at(stage.alone_received, paid.invoice, paid.amount_minor)


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
    """Pays by the page: as many tries as the person has patience for, then with a colleague on the telephone, who goes on
    with what came to nothing, or by bank after all.
    """

    def do(now: datetime) -> None:
        rules = stage.crowd.numbers["attempt"]
        ways: list[dict[str, Any]] = [{"journey": journey, "message_ref": message, "step": _step(message)}]
        ways *= rules["tries"]
        if stage.collectors and stage.rng.random() < rules["with_colleague"]:
            ways.append(
                {"journey": Journey.AGENT, "by": stage.collectors[int(stage.rng.integers(len(stage.collectors)))]}
            )
        for way in ways:
            try:
                attempt = open_attempt(
                    customer=customer, amount_minor=amount, currency="EUR", invoices=invoices, now=now, **way
                )
            except UnableTo:
                stage.counts["too_late"] += 1
                return
            end = _tell(stage, attempt.token, _course(stage, amount), now=now)
            stage.counts["attempts"] += 1
            if end == "succeeded":
                stage.counts["paid_by_link" if "message_ref" in way else "paid_by_telephone"] += 1
                _tell_accounts(stage, day, customer, amount, attempt.token)
                return
            now += timedelta(minutes=6)
        stage.on_the_way += morning.told(stage, mine, day=day)

    return do


def _step(message: int) -> str:
    """The step of the message whose link is followed, as the portal knows it."""
    return Message.objects.values_list("step", flat=True).get(pk=message)


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
    stage.call(HOOK, body, headers)
    return course[-1][0]


def _tell_accounts(stage: Stage, day: int, customer: Customer, amount: int, token: str) -> None:
    """The accounts book the same money some days later; it must not be counted twice."""
    row = stage.customer_rows[customer.pk]
    stage.on_the_way.append(
        {
            "customer": row, "day": stage.crowd.working_day(day + CARD_DAYS),
            "amount_minor": amount, "settles": "", "method": "carte", "identity": payment_of(token), "reference": "",
        }
    )  # fmt: skip


def _part(paid: Payments, which: Any) -> Payments:
    return Payments(**{name: value[which] for name, value in vars(paid).items()})
