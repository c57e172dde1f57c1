"""Two records of one customer: nothing that was said or wished is lost."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from amiable.casework.models import Case, Note
from amiable.outreach.models import OptOut
from amiable.portfolio.models import Profile
from amiable.scenario.unite import unite
from tests import world as tell

NOW = datetime(2026, 9, 14, 9, tzinfo=ZoneInfo("Europe/Paris"))

pytestmark = pytest.mark.django_db


def test_wishes_notes_and_cases_go_along_and_one_case_stays_open() -> None:
    creditor = tell.creditor()
    keep, absorb = tell.customer(creditor, name="Anna"), tell.customer(creditor, name="Anna bis")
    tell.invoice(absorb, 5000, due_on=date(2026, 8, 1))
    for each in (keep, absorb):
        Case.objects.create(creditor=creditor, customer=each, currency="EUR", opened_on=date(2026, 9, 1))
    Note.objects.create(customer=absorb, text="Rings back on Monday", at=NOW)
    OptOut.objects.create(customer=absorb, medium="email", since=NOW, origin="portal")

    united = unite(keep=keep, absorb=absorb, now=NOW)

    assert united.pk == keep.pk
    assert Note.objects.get().customer_id == keep.pk
    assert OptOut.objects.filter(customer=keep, medium="email", until=None).exists()
    assert Case.objects.filter(customer=keep, closed_on=None).count() == 1
    assert Case.objects.get(customer=keep, closed_on__isnull=False).closed_because == "merged"
    assert Profile.objects.get().overdue_minor == 5000
