"""Any KPI between arms: counted as by hand, only within the days after the draw, said in a plain sentence."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from amiable.insight.incremental import UnableToCompare, compare
from amiable.ledger.models import Creditor
from amiable.outreach.models import Event
from amiable.scenario.models import Assignment, Experiment, Scenario
from amiable.scenario.weigh import Difference
from tests.insight.rows import DAY, NOW, at, before, creditor, customer, message

pytestmark = pytest.mark.django_db


def trial(at: Creditor) -> Experiment:
    scenario = Scenario.objects.create(creditor=at, key="b", version=1, state="active", data={}, made_at=NOW)
    return Experiment.objects.create(
        creditor=at, key="x", champion=scenario, challenger=scenario, challenger_share=0.5, since=before(40)
    )


def drawn(one: Experiment, arm: str, number: int, opened: int, **fields: Any) -> None:
    """So many customers with a message each, so many of whom open it."""
    for n in range(number):
        who = customer(one.creditor, f"{arm}{n}")
        Assignment.objects.create(
            experiment=one,
            customer=who,
            unit=who.pk,
            **{"arm": arm, "propensity": 0.5, "assigned_on": before(30)} | fields,
        )
        told = message(who, days=25)
        message(who, days=3)  # after the fourteen days
        if n < opened:
            Event.objects.create(source="t", external_id=f"{who.pk}", message=told, kind="opened", at=at(24))


def test_the_arms_beside_each_other_by_any_kpi() -> None:
    one = trial(creditor())
    drawn(one, "champion", 40, 10)
    drawn(one, "challenger", 40, 28)
    found = compare(experiment=one, key="contact_rate", as_of=DAY)
    assert found.customers == {"champion": 40, "challenger": 40, "holdout": 0}
    assert found.arms == {"champion": 0.25, "challenger": 0.7, "holdout": None}
    (difference,) = found.differences
    assert (difference.arm, difference.verdict) == ("challenger", "more")
    assert difference.points == pytest.approx(0.45)
    # 1.96 · √(0.25·0.75/39 + 0.7·0.3/39)
    assert difference.low == pytest.approx(0.45 - 0.1978, abs=0.001)
    with translation.override("en"):
        (said,) = compare(experiment=one, key="contact_rate", as_of=DAY).sentences
        assert said == (
            "Contact rate: the challenger brings 45.0 points more in 14 days, between 25.2 and 64.8; enough to decide."
        )
    with translation.override("fr"):
        (said,) = compare(experiment=one, key="contact_rate", as_of=DAY).sentences
        assert "45,0 points de plus en 14 jours" in said


def test_a_sum_is_compared_per_customer_and_few_say_nothing() -> None:
    one = trial(creditor())
    drawn(one, "champion", 31, 0)
    drawn(one, "holdout", 5, 0)
    found = compare(experiment=one, key="messages_sent", as_of=DAY)
    assert found.arms["champion"] == 1.0  # the second message came too late
    (difference,) = found.differences
    assert (difference.verdict, difference.needed) == ("few", 25)
    with translation.override("en"):
        said = compare(experiment=one, key="messages_sent", as_of=DAY).sentences
        assert said == ("Messages sent: too few customers yet; at least 25 more are needed in the smaller arm.",)


def test_who_was_drawn_too_late_is_not_there_yet() -> None:
    one = trial(creditor())
    drawn(one, "champion", 2, 1, assigned_on=DAY - timedelta(days=13))
    found = compare(experiment=one, key="recovery_rate", as_of=DAY)
    assert (found.customers["champion"], found.differences) == (0, ())


@pytest.mark.parametrize("key", ["dso", "workload", "nonsense"])
def test_what_does_not_add_up_by_customer_cannot_be_compared(key: str) -> None:
    with pytest.raises(UnableToCompare, match="does not add up by customer"):
        compare(experiment=trial(creditor()), key=key, as_of=DAY)


def test_an_open_difference_names_its_interval() -> None:
    from amiable.insight.incremental import sentence
    from amiable.insight.kpi import declared

    one = Difference("challenger", 120.0, -30.0, 270.0, "open", 400)
    with translation.override("en"):
        said = sentence(declared()["cost_per_contact"], one, days=14, currency="EUR")
    assert "between -€0.30 and €2.70" in said
    assert "400 more customers" in said
