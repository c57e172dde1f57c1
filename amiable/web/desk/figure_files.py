"""A board as a file: paper, a workbook, or its numbers alone, the same as its page shows. Each one is in the trail.

In: the board and what its page is asked for. Out: the same, as PDF, XLSX, CSV or Parquet. Never: another creditor's board in
place of one that may not be seen.
"""

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from amiable.core import audit
from amiable.insight import give, to_workbook
from amiable.insight.board import Board, plans
from amiable.insight.to_paper import board_pdf
from amiable.web.desk import scope
from amiable.web.desk.audit_pages import harmless
from amiable.web.desk.figures import Chosen, asked_board, choose, name_seen
from amiable.web.ui import clock

Maker = Callable[[Board, datetime], bytes]


def _workbook(board: Board, now: datetime) -> bytes:
    file = io.BytesIO()
    to_workbook.write(board, to=file, made_at=now)
    return file.getvalue()


def _csv(board: Board, _now: datetime) -> bytes:
    words = pl.col("name", "column").map_elements(harmless, return_dtype=pl.String)
    return give.csv(give.numbers(board).with_columns(words)).encode()


KINDS: Mapping[str, tuple[str, Maker]] = {
    "pdf": ("application/pdf", lambda board, now: board_pdf(board, made_at=now)),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _workbook),
    "csv": ("text/csv; charset=utf-8", _csv),
    "parquet": ("application/vnd.apache.parquet", lambda board, _now: give.parquet(give.numbers(board))),
}


@require_GET
@scope.inside
def board(request: scope.Asked, board: str, kind: str) -> HttpResponseBase:
    if board not in plans() or kind not in KINDS:
        raise Http404
    chosen = choose(request, board)
    if chosen is None or not _theirs(request, chosen):
        raise Http404
    now = clock.now().astimezone(ZoneInfo(chosen.creditor.time_zone))
    media_type, make = KINDS[kind]
    told = asked_board(chosen, board)
    content = make(told, now)
    name_seen(told)
    audit.record(
        "figures.exported", now=now, user=request.user, creditor_ref=chosen.creditor.pk, subject="figures", board=board,
        kind=kind, currency=chosen.currency, days=chosen.days,
    )  # fmt: skip
    name = f"amiable-{board}-{chosen.creditor.key}-{chosen.currency}-{clock.today().isoformat()}.{kind}"
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type=media_type)


def _theirs(request: scope.Asked, chosen: Chosen) -> bool:
    """A page shows one's own creditor where another is asked for; a file that says something else than its address is worse
    than none.
    """
    return request.GET.get("creditor", "") in {"", str(chosen.creditor.pk)}
