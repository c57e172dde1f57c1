"""The page of direction on paper, for who gets it by e-mail: made once a creditor, day and language, and kept as it was sent.

In: creditors, a day. Out: Reports. Never: one that was made again, or kept longer than KEPT.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import override

from amiable.insight.board import Board, show
from amiable.insight.models import Report
from amiable.insight.to_paper import board_pdf
from amiable.ledger.keep import keep, place_of
from amiable.ledger.models import Creditor

SENT = "direction"  # the board that is sent
DAYS = 30  # of its period
KEPT = timedelta(days=730)


def board(creditor: Creditor, *, as_of: date) -> Board:
    """The board of direction in the creditor's own currency."""
    return show(key=SENT, creditor=creditor, as_of=as_of, days=DAYS)


def papers(creditors: Iterable[Creditor], *, language: str, as_of: date, now: datetime, most: int) -> list[Report]:
    """The page of each creditor of whom anything was measured, as far as all of them are no larger than `most` bytes."""
    found, size = [], 0
    for creditor in creditors:
        report = _paper(creditor, language, as_of, now)
        if report is not None and size + report.size <= most:
            found.append(report)
            size += report.size
    return found


def _paper(creditor: Creditor, language: str, as_of: date, now: datetime) -> Report | None:
    same = Report.objects.filter(
        creditor=creditor, kind=SENT, as_of=as_of, currency=creditor.currency, language=language
    ).first()
    if same is not None:
        return same
    with override(language):
        told = board(creditor, as_of=as_of)
        if not told.measured:
            return None
        content = board_pdf(told, made_at=now.astimezone(ZoneInfo(creditor.time_zone)))
    return Report.objects.create(
        creditor=creditor, kind=SENT, as_of=as_of, currency=creditor.currency, language=language, made_at=now,
        name=f"{SENT}-{creditor.key}-{as_of.isoformat()}.pdf", sha256=keep(content), size=len(content),
    )  # fmt: skip


def forget(*, as_of: date) -> int:
    """Ends what is older than KEPT: the row, and the file where no other row names it."""
    old = list(Report.objects.filter(as_of__lt=as_of - KEPT).values_list("pk", "sha256"))
    Report.objects.filter(pk__in=[pk for pk, _sha256 in old]).delete()
    shas = {sha256 for _pk, sha256 in old}
    for sha256 in shas - set(Report.objects.filter(sha256__in=shas).values_list("sha256", flat=True)):
        place_of(sha256).unlink(missing_ok=True)
    return len(old)
