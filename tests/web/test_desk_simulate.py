"""The page that tries two scenarios: who may open it, what it shows, and that it writes nothing."""

from datetime import timedelta

import pytest
from django.urls import reverse

from amiable.core.models import Role
from amiable.ledger.models import Creditor
from amiable.scenario import shelf
from amiable.scenario.models import Decision
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db
URL = reverse("desk:simulate")


@pytest.fixture
def ours() -> Creditor:
    house = rows.creditor("ours")
    for n in range(8):
        rows.invoice(rows.customer(house, f"Anna {n}"), 30_000 + n, late=5 * n - 12)
    return house


def test_two_scenarios_stand_side_by_side_and_nothing_is_written(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("boss", ours, role=Role.MANAGER))
    page = client.get(URL)
    assert page.status_code == 200
    assert "found" not in page.context
    page = client.get(URL, {"scenario": "businesses", "against": "none", "days": "30"})
    found = page.context["found"]
    assert found["customers"] == found["of_customers"] == 8
    assert found["open"] == sum(30_000 + n for n in range(8))
    text = page.content.decode()
    assert str(found["verdict"]) in text.replace("&#x27;", "'")
    assert [each["effect"][-3:-2] for each in found["strengths"]] == ["0", "1", "3"]
    assert len(found["curve"]["chart"]["names"]) == 30
    assert [len(line["values"]) for line in found["curve"]["chart"]["series"]] == [30, 30]
    assert Decision.objects.count() == 0


def test_only_whole_creditors_can_be_simulated_and_no_other_ones(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    rows.invoice(rows.customer(theirs, "Zoe"), 990_000, late=3)
    client = rows.desk(rows.colleague("anna", ours, role=Role.MANAGER))
    page = client.get(URL, {"creditor": str(theirs.pk), "scenario": "businesses", "against": "none", "days": "30"})
    assert page.context["creditor"] == ours
    assert page.context["found"]["customers"] == 8
    draft = shelf.save(
        data={"key": "secret", "steps": [{"key": "reminder_1", "level": 10, "days": 1, "channel": "email"}]},
        creditor=theirs, now=clock.now() - timedelta(days=1),
    )  # fmt: skip
    page = client.get(URL, {"scenario": f"secret@{draft.version}", "against": "none", "days": "30"})
    assert not [key for key, _label in page.context["choices"] if "secret" in key]
    assert page.context["scenario"] == page.context["choices"][0][0]
    seller = rows.desk(rows.colleague("seller", ours, role=Role.SALES, own=True))
    page = seller.get(URL, {"scenario": "businesses"})
    assert page.context["creditors"] == []
    assert "found" not in page.context


def test_words_that_nobody_offers_fall_back_to_what_is_offered(ours: Creditor) -> None:
    client = rows.desk(rows.colleague("boss", ours, role=Role.MANAGER))
    page = client.get(URL, {"scenario": "/etc/passwd.yaml", "against": "x' OR 1", "days": "9999", "creditor": "x"})
    assert page.status_code == 200
    assert page.context["against"] == "none"
    assert page.context["days"] == 60
    assert page.context["scenario"] == "businesses,consumers"


def test_a_draft_is_offered_before_it_is_activated(ours: Creditor) -> None:
    data = {
        "key": "mine",
        "label": {"fr": "Le mien", "en": "Mine"},
        "steps": [{"key": "reminder_1", "level": 10, "days": 1, "channel": "email"}],
    }
    draft = shelf.save(data=data, creditor=ours, now=clock.now())
    client = rows.desk(rows.colleague("boss", ours, role=Role.MANAGER))
    page = client.get(URL, {"scenario": f"mine@{draft.version}", "against": "businesses", "days": "30"})
    assert page.context["scenario"] == f"mine@{draft.version}"
    assert page.context["found"]["customers"] == 8


def test_a_draft_of_the_house_is_not_taken_for_a_version_of_the_creditor(ours: Creditor) -> None:
    step = {"key": "reminder_1", "level": 10, "days": 1, "channel": "email"}
    for owner, label, applies in ((None, "House", ""), (ours, "Ours", "overdue > 99999")):
        data = {"key": "mine", "label": {"en": label, "fr": label}, "applies": applies, "steps": [step]}
        shelf.save(data=data, creditor=owner, now=clock.now())
    client = rows.desk(rows.colleague("boss", ours, role=Role.MANAGER))
    choices = dict(client.get(URL).context["choices"])
    (name,) = (key for key, label in choices.items() if label.startswith("House"))
    page = client.get(URL, {"scenario": name, "days": "30"})
    assert page.context["scenario"] == name
    assert page.context["found"]["customers"] == 8  # the creditor's own is for nobody


def test_the_door_is_closed_to_strangers() -> None:
    from django.test import Client

    assert Client().get(URL).status_code == 302
