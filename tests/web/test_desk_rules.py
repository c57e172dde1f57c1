"""House rules at the desk: what a creditor chooses within the law, kept with who and when, and never beyond the law."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from amiable.core.models import AuditEntry, Role
from amiable.ledger.models import Creditor
from amiable.scenario.announce import NEWS
from tests.web import desk_rows as rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("english")]
ASKED = {
    "days_between_contacts": "5", "calls_per_7_days": "1", "sms_saturday": "09:00-12:00", "small_balance": "2,50",
    "promise_grace_days": "2", "name": "Sophie Lambert", "phone": "+33472000077", "hours_fr": "de 9 h à 17 h",
    "email": "", "colour": "#0b5394", "announce": ["receipt", "payment_failed"], "letter": "1.43",
    "survey_share": "0",
}  # fmt: skip
KEPT: dict[str, Any] = {
    "days_between_contacts": 5,
    "calls_per_7_days": 1,
    "contact_hours": {"sms": {"weekdays": "09:00-12:00 14:00-19:00", "saturday": "09:00-12:00"}},
    "small_balance_minor": 250,
    "promise_grace_days": 2,
    "person": {"name": "Sophie Lambert", "phone": "+33472000077", "hours": {"fr": "de 9 h à 17 h"}},
    "colour": "#0b5394",
    "announce": {purpose: False for purpose in NEWS if purpose not in {"receipt", "payment_failed"}},
    "costs": {"channels": {"letter": 143}},
    "survey_share": 0,
}


@pytest.fixture
def ours() -> Creditor:
    found = rows.creditor("ours")
    found.policy = {"channels": {"email": "console"}, "vanished_days": 9}
    found.save()
    return found


@pytest.fixture
def vera(ours: Creditor) -> Client:
    return rows.desk(rows.colleague("vera", ours, Role.MANAGER))


def test_choices_are_kept_read_again_and_known_with_who_made_them(vera: Client, ours: Creditor) -> None:
    answer = vera.post(reverse("desk:rules"), {"creditor": ours.pk, **ASKED}, follow=True)
    found = re.findall(r"\d+ choices kept|Nothing was changed", answer.content.decode())
    assert found == ["11 choices kept"], "what was taken back is a change too"
    ours.refresh_from_db()
    assert ours.policy == {"channels": {"email": "console"}, **KEPT}, "what other pages keep stays"
    entry = AuditEntry.objects.get(act="policy.chosen")
    assert entry.user is not None
    assert (entry.user.username, entry.detail["before"]["vanished_days"]) == ("vera", 9)
    page = vera.get(reverse("desk:rules")).content.decode()
    for said in ("Sophie Lambert", "2.50", "09:00-12:00", "#0b5394"):
        assert f'value="{said}"' in page


def test_what_is_posted_again_changes_nothing(vera: Client, ours: Creditor) -> None:
    for _each in range(2):
        vera.post(reverse("desk:rules"), {"creditor": ours.pk, **ASKED})
    assert AuditEntry.objects.filter(act="policy.chosen").count() == 1


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("days_between_contacts", "1", "greater than or equal to 2"),
        ("contacts_per_7_days", "9", "less than or equal to 4"),
        ("calls_per_7_days", "-1", "greater than or equal to 0"),
        ("sms_saturday", "whenever", "09:00-12:00"),
        ("small_balance", "two", "This is not an amount."),
        ("small_balance", "-2", "must not be less than zero"),
        ("letter", "cheap", "This is not an amount."),
        ("colour", "#ffffff", "dark enough"),
        ("email", "sophie", "valid email"),
        ("announce", "everything", "not one of the available choices"),
        ("promise_grace_days", "0", "greater than or equal to 1"),
        ("survey_share", "101", "less than or equal to 100"),
    ],
)
def test_a_choice_beyond_the_law_or_unreadable_keeps_nothing(
    vera: Client, ours: Creditor, field: str, value: str, sentence: str
) -> None:
    answer = vera.post(reverse("desk:rules"), {"creditor": ours.pk, **ASKED, field: value})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    before = ours.policy
    ours.refresh_from_db()
    assert ours.policy == before


def test_only_who_administers_the_creditor_chooses(ours: Creditor) -> None:
    theirs = rows.creditor("theirs")
    collector = rows.desk(rows.colleague("carl", ours, Role.COLLECTOR))
    assert collector.get(reverse("desk:rules")).status_code in {403, 404}
    manager = rows.desk(rows.colleague("mia", ours, Role.MANAGER))
    answer = manager.post(reverse("desk:rules"), {"creditor": theirs.pk, **ASKED})
    theirs.refresh_from_db()
    assert theirs.policy == {}
    assert answer.status_code in {302, 403, 404}


def test_the_limits_of_plans_are_kept_under_their_one_key(vera: Client, ours: Creditor) -> None:
    ours.policy["plans"] = {"share_percent": 40, "offer_days": 5}
    ours.save()
    said = {"plan_customer_minor": "1500", "plan_customer_parts": "4", "plan_accelerates": "yes", "plan_portal": "no"}
    vera.post(reverse("desk:rules"), {"creditor": ours.pk, **ASKED, **said})
    ours.refresh_from_db()
    assert ours.policy["plans"] == {
        "share_percent": 40, "customer_minor": 150_000, "customer_parts": 4, "accelerates": True, "portal": False,
    }  # fmt: skip
    page = vera.get(reverse("desk:rules"), {"creditor": ours.pk}).content.decode()
    assert 'name="plan_customer_minor" value="1500.00"' in page
    wrong = vera.post(reverse("desk:rules"), {"creditor": ours.pk, **ASKED, "plan_most_parts": "10000"})
    assert wrong.status_code == 422
