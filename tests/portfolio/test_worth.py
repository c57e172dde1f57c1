"""What a task may bring: the function of the page, the same in the database, and its plain consequences."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiable.casework import pace
from amiable.casework.models import Pace, Task, TaskKind
from amiable.ledger.models import Customer, CustomerKind
from amiable.portfolio.models import Profile, Stale
from amiable.portfolio.weigh import weigh
from amiable.portfolio.worth import Facts, worth
from amiable.web.ui import clock
from tests.web import desk_rows as rows

FACTS = st.builds(
    Facts,
    overdue=st.integers(0, 10**7).map(lambda minor: minor / 100),
    days_late=st.integers(0, 2000),
    habit=st.none() | st.floats(-30, 200).map(lambda days: round(days, 2)),
    calls=st.integers(0, 30),
    answered=st.integers(0, 30),
    kept=st.integers(0, 20),
    broken=st.integers(0, 20),
    consumer=st.booleans(),
)


@given(FACTS, st.sampled_from(TaskKind.values))
def test_more_money_is_worth_more_and_nothing_is_worth_less_than_nothing(facts: Facts, kind: str) -> None:
    found = worth(kind=kind, facts=facts, minutes=5)
    richer = worth(kind=kind, facts=Facts(**{**vars(facts), "overdue": facts.overdue + 1}), minutes=5)
    assert 0 <= found.gain <= richer.gain
    assert 0 <= found.need <= 1
    assert 0 < found.age <= 1
    assert worth(kind=kind, facts=facts, minutes=10).gain == pytest.approx(found.gain / 2)


def test_who_is_late_as_ever_is_left_to_pay_alone_and_who_answers_is_rung_first() -> None:
    def gain(**facts: float) -> float:
        return worth(kind="call", facts=Facts(**{"overdue": 1000, "days_late": 40} | facts), minutes=6).gain  # type: ignore[arg-type]

    assert gain(habit=38) < gain(habit=5) / 2
    assert gain(calls=4, answered=4) > gain() > gain(calls=4)
    assert gain(kept=5) > gain() > gain(broken=5)
    assert gain(days_late=700) < gain(days_late=60)


@pytest.mark.django_db
def test_the_database_weighs_as_the_function_does() -> None:
    ours = rows.creditor("ours")
    anna = rows.customer(ours, "Anna", kind=CustomerKind.CONSUMER)
    task = rows.task(anna, "call")
    today = clock.today()
    Profile.objects.create(creditor=ours, customer=anna, currency="EUR", as_of=today)

    @given(FACTS, st.sampled_from(TaskKind.values))
    def same(facts: Facts, kind: str) -> None:
        Customer.objects.filter(pk=anna.pk).update(kind="consumer" if facts.consumer else "business")
        Task.objects.filter(pk=task.pk).update(kind=kind)
        Profile.objects.filter(customer=anna).update(
            overdue_minor=round(facts.overdue * 100) + 700,
            disputed_minor=700,
            oldest_due_on=today - timedelta(days=facts.days_late),
            days_late_12m=facts.habit,
            calls_30d=facts.calls,
            calls_answered_90d=facts.answered,
            promises_kept=facts.kept,
            promises_broken=facts.broken,
        )
        weigh(as_of=today)
        told = Task.objects.get(pk=task.pk)
        expected = worth(kind=kind, facts=facts, minutes=pace.DECLARED[kind]).gain
        assert told.gain == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert told.owed_minor == round(facts.overdue * 100)

    same()


@pytest.mark.django_db
def test_who_waits_is_told_by_the_task() -> None:
    ours = rows.creditor("ours")
    anna, today = rows.customer(ours, "Anna"), clock.today()
    yesterday = today - timedelta(days=1)
    made = {
        "agreed": rows.task(anna, "call", not_before=clock.now()),
        "reply": rows.task(anna, "reply"),
        "asked": rows.task(anna, "call", key="talk:1:x"),
        "broken": rows.task(anna, "call", key="promise:1:not_kept"),
        "broken before": rows.task(anna, "call", key="promise:2:not_kept", due_on=yesterday),
        "deadline": rows.task(anna, "other", context={"deadline": yesterday.isoformat()}),
        "dispute": rows.task(anna, "other", context={"dispute": 1}),
        "claim": rows.task(anna, "check"),
        "call": rows.task(anna, "call"),
    }
    expected = {
        "agreed": 0, "reply": 1, "asked": 1, "broken": 2, "broken before": 9, "deadline": 3, "dispute": 3, "claim": 4,
        "call": 9,
    }  # fmt: skip
    weigh(as_of=today)
    found = dict(Task.objects.values_list("pk", "rank"))
    assert {name: found[task.pk] for name, task in made.items()} == expected


@pytest.mark.django_db
def test_a_task_is_weighed_when_it_is_made_and_that_makes_nobody_stale() -> None:
    ours = rows.creditor("ours")
    anna = rows.customer(ours, "Anna")
    rows.invoice(anna, 100_000, late=60)
    rows.counted()
    task = rows.task(anna)
    task.refresh_from_db()
    assert task.gain > 0
    assert task.owed_minor == 100_000
    Stale.objects.all().delete()
    weigh(as_of=clock.today() + timedelta(days=3))
    Task.objects.filter(pk=task.pk).update(taken_until=clock.now())
    assert not Stale.objects.exists()
    Task.objects.filter(pk=task.pk).update(done_at=clock.now(), outcome="promise")
    assert list(Stale.objects.values_list("customer_id", flat=True)) == [anna.pk]


@pytest.mark.django_db
def test_minutes_are_measured_once_enough_were_timed() -> None:
    ours = rows.creditor("ours")
    camille, anna, now = rows.colleague("camille", ours), rows.customer(ours, "Anna"), clock.now()
    for n in range(pace.ENOUGH - 1):
        done = {"done_by": camille, "done_at": now, "taken_by": camille, "outcome": "promise"}
        rows.task(anna, key=f"c{n}", taken_at=now - timedelta(minutes=3), **done)
    rows.task(anna, key="forgotten", taken_at=now - timedelta(hours=3), **done)
    assert pace.measure(as_of=clock.today())["call"].measured == 0
    rows.task(anna, key="one more", taken_at=now - timedelta(minutes=3), **done)
    pace.measure(as_of=clock.today())
    kept = Pace.objects.get(kind="call")
    assert (round(kept.minutes, 3), kept.measured) == (3.0, pace.ENOUGH)
    assert pace.paces()["other"].minutes == pace.DECLARED["other"]
