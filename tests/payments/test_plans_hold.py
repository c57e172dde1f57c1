"""What holds of plans whatever happens: sums, exposure, order of payments; and many hands at once."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from amiable.ledger import hold, post
from amiable.ledger.models import Allocation, Customer, Invoice
from amiable.payments.models import Instalment, Plan, PlanState
from amiable.payments.plans.judge import judge_plans, standing
from tests.payments.plan_rows import accept, agreed, offered, pays, then
from tests.payments.rows import TODAY, creditor, customer, invoice

ACTS = st.lists(
    st.tuples(st.sampled_from(["pay", "other", "back", "forgive"]), st.integers(0, 2), st.integers(1, 40_000), st.integers(0, 9)),
    max_size=5,
)  # fmt: skip


class Whatever(TestCase):
    """Random payments, of any size and for any invoice, taken back, forgiven, on any day: what must hold does."""

    @given(amounts=st.lists(st.integers(3_000, 60_000), min_size=1, max_size=3), count=st.integers(1, 3), acts=ACTS)
    @settings(max_examples=25)  # each makes an agreement on paper
    def test_a_plan(self, amounts: list[int], count: int, acts: list[tuple[str, int, int, int]]) -> None:
        owner = customer(creditor(policy={"plans": {"smallest_minor": 1}}))
        rows = [invoice(owner, amount, TODAY - timedelta(days=n)) for n, amount in enumerate(amounts)]
        other = invoice(owner, 500_000)
        plan, day = agreed(owner, rows, count), TODAY
        for act, which, amount, days in acts:
            day += timedelta(days=days)
            do(act, rows[which % len(rows)], other, amount, day)
            judge_plans(as_of=day, now=then(day))
            holds_true(Plan.objects.get(pk=plan.pk), rows, day)


def do(act: str, row: Invoice, other: Invoice, amount: int, day: object) -> None:
    row = other if act == "other" else row
    row.refresh_from_db()
    amount = min(amount, row.open_minor)
    if act == "back":
        made = Allocation.objects.filter(invoice=row, reverses=None, reversed_by=None).first()
        if made:
            post.reverse(allocation=made, as_of=day, now=then(day))  # type: ignore[arg-type]
    elif amount and act == "forgive":
        post.write_off(invoice=row, amount_minor=amount, reason="x", as_of=day, now=then(day))  # type: ignore[arg-type]
    elif amount:
        pays(row, amount, day)  # type: ignore[arg-type]


def holds_true(plan: Plan, rows: list[Invoice], day: object) -> None:
    parts = list(plan.instalments.order_by("due_on"))
    assert sum(part.amount_minor for part in parts) == plan.total_minor
    left = sum(Invoice.objects.get(pk=row.pk).open_minor for row in rows)
    running = plan.state in PlanState.running()
    if running:
        assert sum(part.amount_minor - part.paid_minor for part in parts) == left
        touched = [part.paid_minor for part in parts]
        assert all(
            part.paid_minor == part.amount_minor for part, after in zip(parts, touched[1:], strict=False) if after
        )
        assert (plan.state == PlanState.LATE) == (standing(plan, as_of=day).missing_minor > 0)  # type: ignore[arg-type]
    else:
        assert plan.state in {PlanState.DONE, PlanState.BROKEN}
        assert plan.ended_on is not None
    held = hold.active(as_of=day).filter(invoice__in=[row.pk for row in rows]).count()  # type: ignore[arg-type]
    assert held == (len(rows) if running else 0)


def at_once(*works: object) -> list[BaseException]:
    """Runs these in threads that start together; returns what went wrong."""
    wrong: list[BaseException] = []
    gate = threading.Barrier(len(works))

    def run(work: object) -> None:
        gate.wait()
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return wrong


@pytest.mark.django_db(transaction=True)
def test_many_hands_at_once_never_meet() -> None:
    """Accepting twice, paying, judging, all at the same moment: one agreement, every cent counted, no deadlock."""
    owner: Customer = customer(creditor())
    rows = [invoice(owner, 30_000, TODAY - timedelta(days=n)) for n in range(2)]
    plan = offered(owner, rows)
    wrong = at_once(
        *[lambda: accept(plan)] * 3,
        *[lambda row=row: pays(row, 10_000, TODAY) for row in (*rows, *reversed(rows))],
        *[lambda: judge_plans(as_of=TODAY, now=then(TODAY))] * 3,
    )
    assert wrong == []
    judge_plans(as_of=TODAY, now=then(TODAY))
    plan.refresh_from_db()
    assert plan.state == "agreed"
    assert sum(Instalment.objects.values_list("paid_minor", flat=True)) == 40_000


@pytest.mark.django_db(transaction=True)
def test_two_plans_on_one_invoice_at_the_same_moment_are_one() -> None:
    owner: Customer = customer(creditor())
    row = invoice(owner, 30_000)
    wrong = at_once(*[lambda: agreed(owner, [row])] * 4)
    assert Plan.objects.filter(state__in=PlanState.running()).count() == 1
    assert len(wrong) == 3
