"""The portfolio step of the day: facts are computed, segments assigned, both kept."""

from datetime import date

import polars as pl
from django.db import transaction

from amiable.portfolio import facts, segments


@transaction.atomic
def refresh(*, as_of: date, customers: list[int] | None = None) -> dict[str, int]:
    """Makes profiles and memberships true for a day, for all customers or for those named. Safe to repeat."""
    measured = facts.compute(as_of=as_of, customers=customers)
    if measured.is_empty():
        return {"profiles": 0, "moves": 0}
    table = facts.for_conditions(measured, facts.declared(customers=customers))
    parts = []
    for (creditor_id,), rows in table.group_by("creditor_id", maintain_order=True):
        segment = segments.assign(rows, segments.active(int(str(creditor_id))))
        parts.append(rows.select("customer_id", "currency").with_columns(segment))
    assigned = pl.concat(parts)
    facts.store(measured, as_of=as_of, segments=assigned, customers=customers)
    return {"profiles": measured.height, "moves": segments.remember(assigned, as_of=as_of)}
