"""The projection of two scenarios through the real engine, beside the same people in the same number of worlds without it.

Fills an empty database with customers and open invoices (as the bench of the day does), reads the portfolio, and lets
the shipped scenarios run against nobody so many days; then the behaviour model alone does the same days, in the same run.
A customer-day is one customer on one day in one world.
"""

import resource
import time
from typing import Any

from amiable.ledger.models import Creditor
from amiable.portfolio.refresh import refresh
from amiable.scenario import shelf, simulate
from amiable.scenario.contend import NOBODY, Contender, contender
from amiable.scenario.stand import stand
from bench.day import AS_OF, NOW, execute, fill

SEED = 1


def run(*, customers: int, days: int) -> dict[str, Any]:
    """Seconds of a projection with both contenders at one strength, of the reference, and their ratio."""
    values = {"customers": customers, "invoices": customers * 4, "as_of": AS_OF, "now": NOW}
    fill(values)
    execute("VACUUM ANALYZE ledger_customer, ledger_contact, ledger_contactpoint, ledger_invoice, ledger_entry", {})
    shelf.stock(now=NOW)
    refresh(as_of=AS_OF)
    creditor = Creditor.objects.get(key="bench")
    both = contender(name="businesses,consumers", creditor=creditor)
    nobody = Contender(NOBODY, ())
    began = time.perf_counter()
    portfolio = simulate.treated(stand(creditor=creditor, currency="EUR", as_of=AS_OF), both)
    read = time.perf_counter() - began
    began = time.perf_counter()
    # One world with the engine and one without are followed beside the one that is always: three worlds, two of them idle.
    found = simulate.follow(portfolio, both, nobody, days=days, seed=SEED, effects=(1.0,))
    three = time.perf_counter() - began
    began = time.perf_counter()
    simulate.follow(portfolio, nobody, nobody, days=days, seed=SEED, effects=(1.0,))
    reference = (time.perf_counter() - began) / 3
    seconds = three - 2 * reference
    contacts = found["sweep"][0]["scenario"]["contacts"]
    return {
        "customers": portfolio.size, "invoices": found["invoices"], "days": days, "contacts": contacts,
        "read_seconds": round(read, 2), "seconds": round(seconds, 2), "per_second": round(portfolio.size * days / seconds),
        "reference": "the same people living the same days without engine and contacts",
        "reference_seconds": round(reference, 2), "ratio": round(seconds / reference, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip
