"""The page of direction on paper, for who gets it by e-mail: made once a creditor, day and language, and kept as it was sent.

In: creditors, a day. Out: Reports. Never: one that was made again, or kept longer than KEPT; one left out in silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import get_language, override

from amiable.core.apart import Apart
from amiable.insight.board import Board, show
from amiable.insight.models import Report
from amiable.insight.to_paper import board_pdf
from amiable.ledger.keep import keep, place_of
from amiable.ledger.models import Creditor

PAPER = "paper"  # how the kind of such a report begins
SENT = "direction"  # the board that is sent
DAYS = 30  # of its period
KEPT = timedelta(days=730)


@dataclass
class Boards:
    """The boards of direction of a day, each in the creditor's own currency and reckoned once a creditor and language."""

    as_of: date
    _known: dict[tuple[int, str | None], Board] = field(default_factory=dict)

    def of(self, creditor: Creditor) -> Board:
        """In the language that is spoken here."""
        key = (creditor.pk, get_language())
        if key not in self._known:
            self._known[key] = show(key=SENT, creditor=creditor, as_of=self.as_of, days=DAYS)
        return self._known[key]


@dataclass
class Papers:
    """What goes along (name, sha256 and size of each), whose page was too large to, and whose could not be made."""

    along: list[dict[str, Any]] = field(default_factory=list)
    large: list[Creditor] = field(default_factory=list)
    failed: list[Creditor] = field(default_factory=list)


def papers(
    creditors: Iterable[Creditor], *, boards: Boards, apart: Apart, language: str, now: datetime, most: int
) -> Papers:
    """The page of each creditor of whom anything was measured, as far as all of them are no larger than `most` bytes."""
    found = Papers()
    for creditor in creditors:
        with apart.each(f"the page of direction of {creditor.key} in {language}"):
            _add(found, creditor, _paper(creditor, boards, language, now), most)
            continue
        found.failed.append(creditor)
    return found


def _add(found: Papers, creditor: Creditor, told: Mapping[str, Any] | None, most: int) -> None:
    if told is None:
        return
    if sum(each["size"] for each in found.along) + told["size"] > most:
        found.large.append(creditor)
    else:
        found.along.append({name: told[name] for name in ("name", "sha256", "size")})


def kept() -> QuerySet[Report]:
    """Every page that was made to be sent."""
    return Report.objects.filter(kind__startswith=f"{PAPER}.")


def _paper(creditor: Creditor, boards: Boards, language: str, now: datetime) -> dict[str, Any] | None:
    as_of = boards.as_of
    kind = f"{PAPER}.{SENT}.{creditor.currency}.{language}"
    same = Report.objects.filter(creditor=creditor, kind=kind, as_of=as_of).first()
    if same is not None:
        return dict(same.content)
    with override(language):
        told = boards.of(creditor)
        if not told.measured:
            return None
        content = board_pdf(told, made_at=now.astimezone(ZoneInfo(creditor.time_zone)))
    words = {"board": SENT, "currency": creditor.currency, "language": language, "size": len(content)}
    words |= {"name": f"{SENT}-{creditor.key}-{as_of.isoformat()}.pdf", "sha256": keep(content)}
    # Whoever else made it meanwhile was first, and what they made is the page.
    report, _new = Report.objects.get_or_create(
        creditor=creditor, kind=kind, as_of=as_of, defaults={"content": words, "made_at": now}
    )
    return dict(report.content)


def forget(*, as_of: date) -> int:
    """Ends what is older than KEPT: the row, and the file where no other row names it."""
    old = list(kept().filter(as_of__lt=as_of - KEPT).values_list("pk", "content__sha256"))
    Report.objects.filter(pk__in=[pk for pk, _sha256 in old]).delete()
    shas = {sha256 for _pk, sha256 in old}
    for sha256 in shas - set(kept().filter(content__sha256__in=shas).values_list("content__sha256", flat=True)):
        place_of(sha256).unlink(missing_ok=True)
    return len(old)
