"""What experiments brought is weighed once a day and kept, so that no page has to weigh it.

In: a creditor, a day. Out: one report of the day; what the newest says, each with its sentence. Never: an experiment whose
last payments are counted weighed again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from amiable.insight import incremental
from amiable.insight.kpi import declared
from amiable.insight.models import Report
from amiable.ledger.models import Creditor
from amiable.scenario.models import Experiment
from amiable.scenario.weigh import HORIZONS, Difference

KIND = "experiments"
LOOKED_AT = 180  # days after its end an experiment is still told of
SETTLED = max(HORIZONS) + 14  # days after its end the last who was drawn has had the time that is looked at


@dataclass(frozen=True)
class Brought:
    """One experiment by one KPI over so many days from the draw. `arms`: value by arm; `customers`: how many were drawn."""

    experiment: Experiment
    kpi: str
    days: int
    customers: Mapping[str, int]
    arms: Mapping[str, float | None]
    differences: tuple[Difference, ...]

    @property
    def sentences(self) -> list[str]:
        """What the differences say, in the reader's language."""
        currency = self.experiment.creditor.currency
        each = declared()[self.kpi]
        return [incremental.sentence(each, one, days=self.days, currency=currency) for one in self.differences]


def prove(*, creditor: Creditor, as_of: date, now: datetime) -> dict[str, int]:
    """Weighs what runs or ended lately and keeps it as the report of the day; the same day again says it anew."""
    before = Report.objects.filter(creditor=creditor, kind=KIND, as_of__lt=as_of).order_by("-as_of").first()
    known: dict[int, list[Any]] = {}
    for told in before.content["told"] if before else ():
        known.setdefault(told["experiment"], []).append(told)
    content: list[Any] = []
    for each in Experiment.objects.filter(creditor=creditor, since__lte=as_of).order_by("pk"):
        ended = _ended(each, as_of)
        if ended and ended < as_of - timedelta(days=LOOKED_AT):
            continue
        settled = ended and ended < as_of - timedelta(days=SETTLED)
        content += known[each.pk] if settled and each.pk in known else _weighed(each, as_of)
    if content or before:
        Report.objects.update_or_create(
            creditor=creditor, kind=KIND, as_of=as_of, defaults={"content": {"told": content}, "made_at": now}
        )
    return {"weighed": len(content)}


def brought(*, creditor: Creditor, as_of: date) -> list[Brought]:
    """What the newest report by a day says, the newest experiment first."""
    report = Report.objects.filter(creditor=creditor, kind=KIND, as_of__lte=as_of).order_by("-as_of").first()
    told = report.content["told"] if report else []
    rows = Experiment.objects.filter(creditor=creditor).select_related("champion", "creditor")
    known = rows.in_bulk([each["experiment"] for each in told]) if told else {}
    found = [
        Brought(
            known[each["experiment"]], each["kpi"], each["days"], each["customers"], each["arms"],
            tuple(Difference(**one) for one in each["differences"]),
        )
        for each in told
        if each["experiment"] in known and each["kpi"] in declared()
    ]  # fmt: skip
    return sorted(found, key=lambda each: (each.experiment.since, each.experiment.pk), reverse=True)


def _ended(each: Experiment, as_of: date) -> date | None:
    """The day on which it ended, where that is past."""
    days = [day for day in (each.until, each.stopped_on) if day is not None and day < as_of]
    return min(days, default=None)


def _weighed(each: Experiment, as_of: date) -> list[dict[str, Any]]:
    found = []
    for days in HORIZONS:
        told = incremental.compare(experiment=each, key=incremental.RECOVERY, as_of=as_of, days=days)
        found.append(
            {
                "experiment": each.pk, "kpi": told.kpi.key, "days": days, "customers": told.customers, "arms": told.arms,
                "differences": [asdict(one) for one in told.differences],
            }
        )  # fmt: skip
    return found
