"""A house whose customers have habits, and its forecast of a day."""

from datetime import date, timedelta
from typing import Any

from amiable.insight.forecast.foresee import Outlook, foresee
from tests.world import DAY, World, build, invoice, paid


def payers() -> World:
    """Boris has paid fifteen invoices, each ten days late; Emil fifteen, on the day."""
    world = build()
    for n in range(15):
        due = DAY - timedelta(days=40 + 18 * n)
        paid(invoice(world.boris, due_on=due), on=due + timedelta(days=10))
        paid(invoice(world.emil, due_on=due), on=due)
    return world


def told(world: World, *, as_of: date = DAY, weeks: int = 8, **asked: Any) -> Outlook:
    return foresee(creditor=world.house, as_of=as_of, weeks=weeks, **asked)
