"""Every open task is weighed by today's facts: what it may bring per minute, and who waits (worth.py, weigh.sql)."""

from datetime import date

from django.db import connection

from amiable.casework import pace
from amiable.ledger.models import Creditor


def weigh(*, as_of: date, creditor: Creditor | None = None) -> dict[str, int]:
    """Weighs the open tasks (of one creditor) as of a day. Returns how many weigh something else than before."""
    pace.measure(as_of=as_of)
    with connection.cursor() as cursor:
        cursor.execute("SELECT portfolio_weigh(NULL, %s, %s)", [creditor.pk if creditor else None, as_of])
        return {"weighed": cursor.fetchone()[0]}
