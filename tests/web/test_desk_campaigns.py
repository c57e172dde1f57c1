"""Campaigns at the desk: written with the list in sight, frozen, released, stopped; who may look and who may act."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Branch, Creditor
from amiable.scenario.models import Campaign, Recipient
from amiable.web.ui import clock
from tests.web import desk_rows as rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Creditor:
    house = rows.creditor("ours")
    for n, minor in enumerate((20_000, 60_000, 90_000)):
        who = rows.customer(house, f"Anna {n}", language="en")
        rows.invoice(who, minor, late=10 + n)
        rows.email(who, f"anna{n}@example.org")
    rows.counted()
    return house


def manager(creditor: Creditor) -> Client:
    return rows.desk(rows.colleague("vera", creditor, Role.MANAGER))


def filled(creditor: Creditor, **given: Any) -> dict[str, Any]:
    day = clock.today()
    return {
        "creditor": creditor.pk, "name": "Before the holidays", "when": "overdue > 500", "template": "reminder_1",
        "tone": "warm", "channel": "email", "minimum": "", "starts_on": day.isoformat(),
        "ends_on": (day + timedelta(days=5)).isoformat(),
    } | given  # fmt: skip


def test_from_the_first_word_to_the_release(ours: Creditor) -> None:
    client = manager(ours)
    assert "New campaign" in client.get(reverse("desk:campaigns")).content.decode()
    assert client.get(reverse("desk:campaign_new")).status_code == 200
    answer = client.post(reverse("desk:campaign_new"), filled(ours, minimum="550,50"))
    made = Campaign.objects.get()
    assert answer["location"] == reverse("desk:campaign", args=[made.pk])
    assert (made.minimum_minor, made.filter, made.currency, made.made_by and made.made_by.username) == (
        55_050, "overdue > 500", "EUR", "vera",
    )  # fmt: skip
    page = client.get(answer["location"]).content.decode()
    assert "Freeze the list" in page
    assert ">2</strong>" in page  # of the three
    for act in ("freeze", "release"):
        client.post(reverse("desk:campaign_act", args=[made.pk, act]))
    made.refresh_from_db()
    assert made.released_by
    assert made.released_by.username == "vera"
    assert set(Recipient.objects.values_list("customer__name", flat=True)) == {"Anna 1", "Anna 2"}
    page = client.get(answer["location"]).content.decode()
    assert "Anna 2" in page
    assert "Running" in page
    assert client.get(reverse("desk:campaign_edit", args=[made.pk])).status_code == 302
    client.post(reverse("desk:campaign_act", args=[made.pk, "stop"]))
    acts = (
        AuditEntry.objects.filter(subject="campaign", act__startswith="campaign.")
        .order_by("pk")
        .values_list("act", "user__username")
    )
    assert list(acts) == [(f"campaign.{act}", "vera") for act in ("frozen", "released", "stopped")]


def test_a_draft_is_written_anew_and_a_list_given_up(ours: Creditor) -> None:
    client = manager(ours)
    client.post(reverse("desk:campaign_new"), filled(ours))
    made = Campaign.objects.get()
    client.post(reverse("desk:campaign_edit", args=[made.pk]), filled(ours, name="Otherwise", when=""))
    made.refresh_from_db()
    assert (made.name, made.filter) == ("Otherwise", "")
    client.post(reverse("desk:campaign_act", args=[made.pk, "freeze"]))
    assert Recipient.objects.count() == 3
    client.post(reverse("desk:campaign_act", args=[made.pk, "thaw"]))
    assert Recipient.objects.count() == 0
    assert client.post(reverse("desk:campaign_act", args=[made.pk, "explode"])).status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": ""}, "Give the campaign a name."),
        ({"when": "overdu > 3"}, "There is no fact named “overdu”; perhaps “overdue” is meant."),
        ({"when": "overdue > 3; DROP TABLE x"}, "one expression"),
        ({"template": "formal_notice"}, "none to be sent to many"),
        ({"minimum": "lots"}, "This is not an amount."),
        ({"starts_on": "soon"}, "This is not a day."),
        ({"channel": "pigeon"}, "Nothing carries this channel yet."),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_and_nothing_is_kept(
    ours: Creditor, given: dict[str, str], said: str
) -> None:
    client = manager(ours)
    answer = client.post(reverse("desk:campaign_new"), filled(ours, **given))
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Campaign.objects.exists()
    seen = client.post(reverse("desk:campaign_preview"), filled(ours, **given)).content.decode()
    assert said in seen or "name" in given


def test_the_preview_follows_what_is_typed_and_writes_nothing(ours: Creditor) -> None:
    client = manager(ours)
    seen = client.post(reverse("desk:campaign_preview"), filled(ours, when=""))
    assert (seen.context["found"].customers, seen.context["found"].amount_minor) == (3, 170_000)
    seen = client.post(reverse("desk:campaign_preview"), filled(ours, when="overdue > 9999"))
    assert "Nobody fits" in seen.content.decode()
    assert not Campaign.objects.exists()
    told = client.post(reverse("desk:campaign_rows"), {"when": "segment = 'new' AND overdue > 5"}).json()
    assert [[row["fact"] for row in block] for block in told["rows"]["blocks"]] == [["segment"], ["overdue"]]
    assert client.post(reverse("desk:campaign_rows"), {"when": "nonsense"}).json()["wrong"]


def test_the_message_is_seen_as_a_customer_would_get_it(ours: Creditor) -> None:
    client = manager(ours)
    client.post(reverse("desk:campaign_new"), filled(ours))
    made = Campaign.objects.get()
    page = client.get(reverse("desk:campaign_message", args=[made.pk])).content.decode()
    assert "Anna 2" in page
    assert "900.00" in page


def test_who_only_looks_may_not_act_and_who_sees_a_part_sees_none(ours: Creditor) -> None:
    who = ours.customer_set.first() if hasattr(ours, "customer_set") else None
    made = rows.campaign(who or rows.customer(ours, "Zed"))
    auditor = rows.desk(rows.colleague("audrey", ours, Role.AUDITOR))
    page = auditor.get(reverse("desk:campaign", args=[made.pk]))
    assert page.status_code == 200
    assert "/act/" not in page.content.decode()
    assert auditor.get(reverse("desk:campaign_edit", args=[made.pk])).status_code == 404
    assert auditor.get(reverse("desk:campaign_new")).status_code == 404
    for act in ("freeze", "thaw", "release", "stop"):
        assert auditor.post(reverse("desk:campaign_act", args=[made.pk, act])).status_code == 404
    lyon = Branch.objects.create(creditor=ours, code="L", name="Lyon")
    part = rows.desk(rows.colleague("bea", ours, Role.BRANCH, branch=lyon))
    assert part.get(reverse("desk:campaign", args=[made.pk])).status_code == 404
    assert "/campaigns/" not in part.get("/").content.decode()


def test_nothing_of_another_creditor_is_listed_previewed_or_written(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    stranger = rows.customer(theirs, "Zoe")
    rows.invoice(stranger, 99_000, late=10)
    rows.counted()
    rows.campaign(stranger)
    client = manager(ours)
    assert "Zoe" not in client.get(reverse("desk:campaigns"), {"creditor": theirs.pk}).content.decode()
    for name in ("campaign_new", "campaign_preview"):
        assert client.post(reverse(f"desk:{name}"), filled(theirs)).status_code == 404
    seen = client.post(reverse("desk:campaign_preview"), filled(ours, when=""))
    assert seen.context["found"].customers == 3
    client.post(reverse("desk:campaign_new"), filled(ours, when=""))
    made = Campaign.objects.get(creditor=ours)
    client.post(reverse("desk:campaign_act", args=[made.pk, "freeze"]))
    assert not Recipient.objects.filter(campaign=made, customer=stranger).exists()


def test_the_customers_page_tells_the_campaign_and_the_arm(ours: Creditor) -> None:
    who = rows.customer(ours, "Zed")
    made = rows.campaign(who)
    Recipient.objects.filter(campaign=made).update(verdict="not", rail="gap", decided_on=clock.today())
    client = manager(ours)
    page = client.get(reverse("desk:customer", args=[who.pk])).content.decode()
    assert "Campaign “Campaign about Zed”: not written to so far" in page
    assert "The last contact is too recent." in page
    Recipient.objects.filter(campaign=made).update(verdict="do", rail="")
    page = client.get(reverse("desk:happened", args=[who.pk]), {"show": "decisions"}).content.decode()
    assert "a message was ordered" in page


def test_a_filter_is_told_in_words_segments_by_their_names(ours: Creditor) -> None:
    who = rows.customer(ours, "Zed")
    made = rows.campaign(who, filter="segment = 'forgetful' AND overdue > 5")
    page = manager(ours).get(reverse("desk:campaign", args=[made.pk])).content.decode()
    assert "the segment = Forgetful and “Open and past due” &gt; 5" in page
