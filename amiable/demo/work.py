"""What colleagues do on a working day, as much as it holds: calls, confirmations, disputes, claims.

Each act goes through the door that the desk uses, at its moment.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np

from amiable.casework import task as tasks
from amiable.casework.dispute import resolve_dispute
from amiable.casework.models import Dispute, Task, TaskKind
from amiable.core.models import User
from amiable.demo.answer import dispute, promise
from amiable.demo.stage import Act, Stage
from amiable.ledger.models import Customer
from amiable.scenario import dispatch, respond
from amiable.scenario.engine.channel import CHANNELS
from amiable.scenario.live import NEVER, Draws, flat

CLAIM_DAYS = 9  # after which a claim to have paid that no money followed is closed
REST_DAYS = 14  # for which a customer is left alone when a colleague says no to a step


def work(stage: Stage, day: int, draws: Draws) -> list[Act]:
    """The acts of all colleagues on a day; none at the week-end."""
    if stage.world.on(day).weekday() > 4:
        return []
    return [
        *_calls(stage, day, draws),
        *_confirmations(stage, day),
        *_claims(stage, day),
        *_disputes(stage, day),
    ]


def _open_tasks(stage: Stage, day: int, kind: str) -> list[Task]:
    rows = Task.objects.filter(creditor=stage.creditor, kind=kind, done_at=None, due_on__lte=stage.world.on(day))
    return [row for row in rows.order_by("due_on", "id") if row.customer_id in stage.customer_rows]


def _calls(stage: Stage, day: int, draws: Draws) -> list[Act]:
    """The calls with the most money first, as many as a day holds."""
    waiting = _open_tasks(stage, day, TaskKind.CALL)
    waiting.sort(key=lambda row: -int(row.context.get("amount_minor", 0)))
    chosen = waiting[: stage.crowd.numbers["desk"]["calls_per_day"] * len(stage.collectors)]
    people = stage.customers(row.customer_id for row in chosen)
    owed = stage.open_of(people)
    acts = []
    for n, call in enumerate(chosen):
        customer = people[call.customer_id]
        saying = _talk(stage, day, draws, call, customer, owed[customer.pk])
        acts.append(_outcome(stage, day, customer, saying, stage.collectors[n % len(stage.collectors)]))
    return acts


def _talk(
    stage: Stage, day: int, draws: Draws, call: Task, customer: Customer, owed: dict[int, int]
) -> respond.CallOutcome:
    """What comes of one call. Who is reached takes it in like a strong message."""
    crowd, who = stage.crowd, stage.customer_rows[customer.pk]
    kind = crowd.kind[who]
    rows = [int(row) for row in stage.rows_of(owed) if crowd.due[row] < day]
    unpaid = np.array([row for row in rows if crowd.paid_on[row] == NEVER], dtype=np.int64)
    heard = crowd.hear(
        day,
        draws,
        customer=np.array([who]),
        medium=np.array([CHANNELS.index("call")]),
        message=np.array([0]),
        **flat([unpaid]),
    )
    stage.counts["calls"] += 1
    if not heard.reached[0]:
        return respond.CallOutcome(call.pk, "voicemail" if draws.call[who] < 0.6 else "no_answer")
    stage.counts["conversations"] += 1
    if rows and not unpaid.size:
        return respond.CallOutcome(call.pk, "paid", words="Dit avoir payé par virement.")
    contested = [int(row) for row in unpaid if crowd.contested(day)[row] and not crowd.disputed_told[row]]
    if contested:
        crowd.disputed_told[contested] = True
        return respond.CallOutcome(
            call.pk, "dispute", words="Conteste la facture.", dispute=dispute(stage, contested[0])
        )
    waiting = [int(row) for row in unpaid if crowd.promised_on[row] < day]
    if waiting and draws.promise[who] < crowd.numbers.of("promise", "given")[kind]:
        said = promise(stage, day, waiting, owed, delay=int(draws.delay[who]))
        return respond.CallOutcome(call.pk, "promise", words="Promet de régler.", promise=said)
    if draws.call[who] < crowd.numbers["desk"]["call_back"]:
        return respond.CallOutcome(call.pk, "call_back", words="Rappeler dans la semaine.")
    return respond.CallOutcome(call.pk, "other", words="A pris note, ne s’engage pas.")


def _outcome(stage: Stage, day: int, customer: Customer, saying: respond.CallOutcome, by: User) -> Act:
    def do(now: datetime) -> None:
        task = Task.objects.get(pk=saying.task_id)
        if task.done_at is not None:
            stage.counts["too_late"] += 1  # the customer paid an hour ago, and the call has lost its object
            return
        if (saying.promise or saying.dispute or saying.outcome == "paid") and not _still_open(stage, saying, customer):
            stage.counts["too_late"] += 1
            return
        respond.customer_said(customer=customer, saying=saying, now=now, by=by, origin="call")
        if saying.promise:
            stage.counts["promises"] += 1
        if saying.dispute:
            stage.counts["disputes"] += 1

    return Act(stage.at(day, 9) + timedelta(minutes=int(stage.rng.integers(0, 8 * 60))), do)


def _still_open(stage: Stage, saying: respond.CallOutcome, customer: Customer) -> bool:
    """Whether what was talked about is as it was at the beginning of the day."""
    owed = stage.open_of([customer.pk])[customer.pk]
    if saying.promise:
        return sum(owed.get(pk, 0) for pk in saying.promise.invoices) == saying.promise.amount_minor
    if saying.dispute:
        return saying.dispute.invoice in owed
    wanted = Task.objects.get(pk=saying.task_id).context.get("invoices", ())
    return bool(owed) and all(pk in owed for pk in wanted)


def _confirmations(stage: Stage, day: int) -> list[Act]:
    """Steps that wait for a person's word; most are confirmed."""
    acts = []
    for n, task in enumerate(_open_tasks(stage, day, TaskKind.CONFIRM)):
        by = stage.collectors[n % len(stage.collectors)]
        agrees = stage.rng.random() < stage.crowd.numbers["desk"]["confirmed"]
        acts.append(Act(stage.at(day, 9, 5), _confirm(stage, day, task, by, agrees=agrees)))
    return acts


def _confirm(stage: Stage, day: int, task: Task, by: User, *, agrees: bool) -> Callable[[datetime], None]:
    def do(now: datetime) -> None:
        as_of = stage.world.on(day)
        if agrees:
            dispatch.confirm(task=task, as_of=as_of, now=now, by=by)
        else:
            reason = "Client connu, à laisser tranquille quelques jours."
            dispatch.decline(task=task, days=REST_DAYS, reason=reason, as_of=as_of, now=now, by=by)

    return do


def _claims(stage: Stage, day: int) -> list[Act]:
    """Claims to have paid that no money followed are closed after a while."""
    before = stage.world.on(day - CLAIM_DAYS)
    old = [row for row in _open_tasks(stage, day, TaskKind.CHECK) if row.due_on < before]
    return [Act(stage.at(day, 16), _finish(task, stage.collectors[0])) for task in old]


def _finish(task: Task, by: User) -> Callable[[datetime], None]:
    def do(now: datetime) -> None:
        if Task.objects.filter(pk=task.pk, done_at=None).exists():
            tasks.finish(task=task, outcome="not_found", now=now, by=by)

    return do


def _disputes(stage: Stage, day: int) -> list[Act]:
    """Disputes are answered when their time has come: accepted with a credit note, or refused."""
    acts = []
    for row in Dispute.objects.filter(resolved_at=None, customer__creditor=stage.creditor).select_related("invoice"):
        place = stage.invoice_rows.get(row.invoice_id)
        if place is not None and stage.crowd.disputed_to[place] <= day:
            accepted = stage.rng.random() < stage.crowd.numbers["desk"]["disputes_accepted"]
            acts.append(Act(stage.at(day, 17), _resolve(stage, day, row, stage.collectors[0], accepted=accepted)))
    return acts


def _resolve(stage: Stage, day: int, row: Dispute, by: User, *, accepted: bool) -> Callable[[datetime], None]:
    def do(now: datetime) -> None:
        resolution = "accepted" if accepted else "refused"
        row.invoice.refresh_from_db(fields=["open_minor"])
        if not resolve_dispute(dispute=row, resolution=resolution, as_of=stage.world.on(day), now=now, by=by):
            return
        place = stage.invoice_rows[row.invoice_id]
        if accepted and row.invoice.open_minor:
            stage.forgive(place, day)
            stage.to_credit.append(
                {
                    "creditor": stage.world.invoices["creditor"][place], "customer": int(stage.crowd.customer[place]),
                    "day": day + 1, "amount_minor": row.invoice.open_minor, "settles": row.invoice.reference,
                    "reference": f"AV{row.invoice.reference}",
                }
            )  # fmt: skip

    return do
