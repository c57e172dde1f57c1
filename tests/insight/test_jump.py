"""Input errors that jump: seen by a stated rule, told once to who leads, and never out of a handful of tries."""

from datetime import timedelta

import pytest

from amiable.casework.models import Notification
from amiable.core.models import Role, Scope, User
from amiable.insight import jump
from amiable.insight.measure import measure
from amiable.ledger.models import Creditor
from amiable.payments.models import Attempt
from tests.insight.rows import DAY, NOW, attempt, creditor, customer

pytestmark = pytest.mark.django_db


def tries(at: Creditor, journey: str, *, errors: int, of: int, days: int) -> None:
    who = customer(at, f"{journey}{days}")
    for n in range(of):
        attempt(who, journey, "succeeded", errors=int(n < errors), days=days)


def house(*, recent: tuple[int, int], before: tuple[int, int]) -> Creditor:
    helia = creditor()
    tries(helia, "portal", errors=recent[0], of=recent[1], days=2)
    tries(helia, "portal", errors=before[0], of=before[1], days=15)
    measure(as_of=DAY, now=NOW)
    return helia


@pytest.mark.parametrize(
    ("recent", "before", "seen"),
    [
        ((12, 40), (4, 60), True),  # 30 % after 7 %
        ((4, 40), (4, 60), False),  # 10 % after 7 %: chance
        ((12, 40), (18, 60), False),  # as before
        ((9, 10), (0, 60), False),  # a handful
        ((12, 40), (0, 10), False),  # nothing to compare with
        ((4, 40), (0, 60), False),  # fewer than five errors
        ((40, 40), (60, 60), False),  # always
        ((0, 40), (30, 60), False),  # better
    ],
)
def test_the_rule(recent: tuple[int, int], before: tuple[int, int], seen: bool) -> None:
    helia = house(recent=recent, before=before)
    assert [each.journey for each in jump.jumps(creditor=helia, as_of=DAY)] == (["portal"] if seen else [])


def test_what_is_not_measurable_and_other_journeys_do_not_count() -> None:
    helia = house(recent=(12, 40), before=(4, 60))
    tries(helia, "email_link", errors=2, of=40, days=2)
    tries(helia, "email_link", errors=2, of=40, days=15)
    Attempt.objects.filter(journey="portal").update(provider="elsewhere")
    measure(as_of=DAY, now=NOW + timedelta(hours=1))
    assert jump.jumps(creditor=helia, as_of=DAY) == []


def test_nothing_measured_for_a_week_is_no_alarm() -> None:
    helia = house(recent=(12, 40), before=(4, 60))
    assert jump.jumps(creditor=helia, as_of=DAY + timedelta(days=1))
    assert jump.jumps(creditor=helia, as_of=DAY + timedelta(days=7)) == []
    assert jump.jumps(creditor=creditor("empty"), as_of=DAY) == []


def test_it_is_told_once_to_who_leads_in_their_language() -> None:
    helia = house(recent=(12, 40), before=(4, 60))
    for name, role, language in (("lea", Role.MANAGER, "fr"), ("ann", Role.ADMIN, "en"), ("col", Role.COLLECTOR, "fr")):
        user = User.objects.create(username=name, language=language)
        Scope.objects.create(user=user, role=role, creditor_ref=helia.pk)
    assert jump.tell(creditor=helia, as_of=DAY, now=NOW) == 1
    for n in range(1, 5):
        later = DAY + timedelta(days=n)
        measure(as_of=later, now=NOW + timedelta(days=n))
        assert jump.jumps(creditor=helia, as_of=later)
        assert jump.tell(creditor=helia, as_of=later, now=NOW + timedelta(days=n)) == 0
    lines = dict(Notification.objects.values_list("user__username", "text"))
    assert set(lines) == {"lea", "ann"}
    assert "12 of 40 tries in the last 7 days (30.0%)" in lines["ann"]
    assert Notification.objects.filter(url__startswith="/payments/?").count() == 2
