"""Experiments at the desk: started, changed, stopped by who may; figures and one plain sentence."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from amiable.scenario.models import Assignment, Experiment, Scenario
from amiable.scenario.weigh import Difference
from amiable.web.desk import experiment_words
from amiable.web.ui import clock
from tests import world as worlds
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    shelf.stock(now=clock.now())
    return rows.creditor("ours")


def house(key: str = "businesses") -> Scenario:
    return Scenario.objects.get(creditor=None, key=key)


def rival(creditor: Creditor) -> Scenario:
    label = {"fr": "Plus doux", "en": "Gentler"}
    return shelf.save(data={**house().data, "label": label}, creditor=creditor, now=clock.now())


def manager(creditor: Creditor) -> Client:
    return rows.desk(rows.colleague("vera", creditor, Role.MANAGER))


def begin(client: Client, creditor: Creditor, **given: Any) -> Any:
    day = (clock.today() + timedelta(days=40)).isoformat()
    wished = {"creditor": creditor.pk, "name": "Warmer words", "challenger_share": "30", "holdout_share": "10"}
    return client.post(reverse("desk:experiment", args=[house().pk]), wished | {"until": day} | given)


def test_one_is_started_changed_and_stopped(ours: Creditor) -> None:
    client, tried = manager(ours), rival(ours)
    page = client.get(reverse("desk:experiment", args=[house().pk])).content.decode()
    assert "Gentler, version 1" in page
    assert begin(client, ours, challenger=tried.pk, challenger_share="32,5").status_code == 302
    made = Experiment.objects.get()
    assert (made.challenger, made.challenger_share, made.holdout_share) == (tried, 0.325, 0.1)
    assert (made.creditor, made.started_by and made.started_by.username) == (ours, "vera")
    page = client.get(reverse("desk:experiment", args=[house().pk])).content.decode()
    assert "Warmer words" in page
    assert "32%" in page or "33%" in page
    assert "Start an experiment" not in page
    assert "this version is the challenger" in client.get(reverse("desk:scenario", args=[tried.pk])).content.decode()
    until = (clock.today() + timedelta(days=20)).isoformat()
    client.post(
        reverse("desk:experiment_change", args=[made.pk]),
        {"challenger_share": "50", "holdout_share": "5", "until": until},
    )
    made.refresh_from_db()
    assert (made.challenger_share, made.holdout_share, str(made.until)) == (0.5, 0.05, until)
    refused = client.post(reverse("desk:scenario_activate", args=[tried.pk]), follow=True).content.decode()
    assert "An experiment runs on this scenario" in refused
    client.post(reverse("desk:experiment_stop", args=[made.pk]), {"winner": "challenger"})
    made.refresh_from_db(), tried.refresh_from_db()
    assert (made.winner, made.stopped_on, tried.state) == ("challenger", clock.today(), "active")
    acts = AuditEntry.objects.filter(subject="experiment").order_by("pk").values_list("act", "user__username")
    assert list(acts) == [(f"experiment.{act}", "vera") for act in ("started", "changed", "stopped")]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"holdout_share": "21"}, "The hold-out may have 20 % at most."),
        ({"until": ""}, "A hold-out has a last day"),
        ({"holdout_share": "lots"}, "A share is a number"),
        ({"until": "tomorrow"}, "This is not a day."),
        ({"holdout_share": "0"}, "Give the challenger or the hold-out a share."),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_and_what_was_typed_stays(
    ours: Creditor, given: dict[str, str], said: str
) -> None:
    answer = begin(manager(ours), ours, **given)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert 'value="Warmer words"' in page
    assert not Experiment.objects.exists()


def test_figures_of_each_arm_are_shown(ours: Creditor) -> None:
    client = manager(ours)
    begin(client, ours)
    made = Experiment.objects.get()
    day = clock.today() - timedelta(days=20)
    for n in range(80):
        who = rows.customer(ours, f"Firm {n}")
        bill = rows.invoice(who, 10_000, late=40)
        Assignment.objects.create(
            experiment=made, customer=who, arm="champion" if n < 40 else "holdout", propensity=0.5, assigned_on=day,
            unit=who.pk,
        )  # fmt: skip
        if n < 40 and n % 4:
            worlds.paid(bill, on=day + timedelta(days=3))
    page = client.get(reverse("desk:experiment", args=[house().pk])).content.decode()
    assert "75.0%" in page
    assert "Left alone, customers pay 75.0 points less in 14 days, between 61.4 and 88.6" in page
    assert "Too few customers yet: at least 30 more" not in page.partition("14 days")[0]


def test_who_only_looks_may_not_act_and_who_sees_a_part_sees_nothing(ours: Creditor) -> None:
    made = rows.experiment(ours)
    auditor = rows.desk(rows.colleague("audrey", ours, Role.AUDITOR))
    page = auditor.get(reverse("desk:experiment", args=[made.champion_id]))
    assert page.status_code == 200
    assert "/change/" not in page.content.decode()
    assert begin(auditor, ours).status_code == 404
    for name in ("experiment_change", "experiment_stop"):
        assert auditor.post(reverse(f"desk:{name}", args=[made.pk])).status_code == 404
    part = rows.desk(rows.colleague("karim", ours, Role.SALES, own=True))
    assert part.get(reverse("desk:experiment", args=[made.champion_id])).status_code == 404
    assert "Champion, challenger" not in part.get(reverse("desk:scenario", args=[made.champion_id])).content.decode()


def test_a_creditor_that_is_not_theirs_is_not_there(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    rows.experiment(theirs)
    client = manager(ours)
    address = reverse("desk:experiment", args=[house().pk])
    assert client.get(address, {"creditor": theirs.pk}).status_code == 404
    assert "Warmer" not in client.get(address).content.decode()
    assert begin(client, theirs).status_code == 404
    assert Experiment.objects.count() == 1


def test_the_sentences() -> None:
    def said(arm: str, verdict: str, needed: int = 0) -> str:
        signs = {"more": (0.021, 0.009, 0.033), "less": (-0.021, -0.033, -0.009), "open": (0.01, -0.02, 0.04)}
        return experiment_words.sentence(Difference(arm, *signs[verdict], verdict, needed), 14)

    with override("en"):
        assert said("challenger", "more") == (
            "The challenger recovers 2.1 points more in 14 days, between 0.9 and 3.3: enough to decide."
        )
        assert "2.1 points less in 14 days, between 0.9 and 3.3" in said("challenger", "less")
        assert "between −2.0 and 4.0 points. About 800 more customers per arm" in said("challenger", "open", 800)
        assert "the contacts do harm" in said("holdout", "more")
    with override("fr"):
        assert "2,1" in said("challenger", "more")
        assert "enough" not in said("challenger", "more")
