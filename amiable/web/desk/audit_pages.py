"""The trail: who did, or looked at, what and when; searched, paged through and taken along as CSV.

In: a person who answers for a creditor (MAY["audit"]). Out: lines about that creditor, and about people who work for nobody
else, newest first. Never: a line of another creditor, a search that walks through all of them.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from amiable.core import audit
from amiable.core.calendar import end_of_day, start_of_day
from amiable.core.models import AuditEntry, Scope, User
from amiable.ledger.models import Creditor
from amiable.web.desk import audit_words, scope
from amiable.web.ui import clock

SHOWN = 50
CREDITORS = 20  # up to so many are each walked along their own index
EXPORTED = 100_000
PEOPLE = 500


@dataclass(frozen=True)
class Asked:
    """What is looked for; empty: everything."""

    person: int = 0
    act: str = ""
    subject: str = ""
    ref: int = 0
    customer: str = ""
    creditor: int = 0
    since: date | None = None
    until: date | None = None
    words: str = ""
    before: tuple[datetime, int] | None = None

    @classmethod
    def read(cls, said: QueryDict) -> "Asked":
        return cls(
            person=_number(said.get("person", "")),
            act=said.get("act", "")[:60],
            subject=said.get("subject", "")[:40],
            ref=_number(said.get("ref", "")),
            customer=said.get("customer", "").strip()[:100],
            creditor=_number(said.get("creditor", "")),
            since=_day(said.get("since", "")),
            until=_day(said.get("until", "")),
            words=said.get("words", "").strip()[:200],
            before=place(said.get("before", "")),
        )


@require_GET
@scope.inside
def trail(request: scope.Asked) -> HttpResponseBase:
    creditors = list(scope.whole_creditors(request.user, act="audit"))
    if not creditors:
        raise Http404
    asked = Asked.read(request.GET)
    if request.GET.get("format") == "csv":
        return _export(request, _found(request.user, creditors, asked), creditors)
    lines, before = lines_of(request.user, creditors, asked)
    rest = request.GET.copy()
    rest.pop("before", None)
    content = {
        "lines": _told(request.user, lines, creditors),
        "asked": asked,
        "query": rest.urlencode(),
        "before": before,
        "creditors": creditors,
        "people": _people(request.user, creditors).order_by("first_name", "last_name", "username")[:PEOPLE],
        "acts": sorted(((key, audit_words.act(key)) for key in _known("act")), key=lambda pair: pair[1]),
        "subjects": sorted(((key, audit_words.subject(key)) for key in _known("subject")), key=lambda pair: pair[1]),
        "narrowed": bool(rest),
    }
    return render(request, "desk/audit.html", content)


def lines_of(user: User, creditors: list[Creditor], asked: Asked) -> tuple[list[AuditEntry], str]:
    """A page of the lines that are asked for, newest first; and the place where the next one begins, if there is one."""
    lines = _newest(_found(user, creditors, asked), SHOWN + 1, asked.before)
    last = lines[SHOWN - 1] if len(lines) > SHOWN else None
    return lines[:SHOWN], f"{last.at.isoformat()}_{last.pk}" if last else ""


def _found(user: User, creditors: list[Creditor], asked: Asked) -> list[QuerySet[AuditEntry]]:
    """The lines that are asked for, in parts that are each one walk along an index."""
    wanted = [each for each in creditors if asked.creditor in (0, each.pk)]
    rows = _narrowed(user, asked)
    if rows is None:
        return []
    if user.is_superuser:
        return [rows if not asked.creditor else rows.filter(creditor_ref=asked.creditor)]
    if len(wanted) > CREDITORS:
        parts = [rows.filter(creditor_ref__in=[each.pk for each in wanted])]
    else:
        parts = [rows.filter(creditor_ref=each.pk) for each in wanted]
    if not asked.creditor:
        parts.append(rows.filter(creditor_ref=None, user__in=_only_here(creditors)))
    return parts


def _narrowed(user: User, asked: Asked) -> QuerySet[AuditEntry] | None:
    rows = AuditEntry.objects.select_related("user")
    exact = {"user": asked.person, "act": asked.act, "subject": asked.subject, "subject_ref": asked.ref}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if asked.customer:
        about = Q(number__iexact=asked.customer) | Q(name__iexact=asked.customer)
        found = list(scope.customers_for(user).filter(about).values_list("pk", flat=True)[:20])
        rows = rows.filter(subject="customer", subject_ref__in=found)
    if asked.since:
        rows = rows.filter(at__gte=start_of_day(asked.since))
    if asked.until:
        rows = rows.filter(at__lt=end_of_day(asked.until))
    if asked.words:
        rows = rows.annotate(told=SearchVector("detail", config="simple")).filter(
            told=SearchQuery(asked.words, config="simple", search_type="websearch")
        )
    return rows


def _newest(parts: list[QuerySet[AuditEntry]], number: int, before: tuple[datetime, int] | None) -> list[AuditEntry]:
    """The newest lines of all parts, older than a place among them."""
    lines: list[AuditEntry] = []
    for part in parts:
        if before:
            at, pk = before
            part = part.filter(Q(at__lte=at) & (Q(at__lt=at) | Q(pk__lt=pk)))
        lines += part.order_by("-at", "-id")[:number]
    return sorted(lines, key=lambda line: (line.at, line.pk), reverse=True)[:number]


def _export(request: scope.Asked, parts: list[QuerySet[AuditEntry]], creditors: list[Creditor]) -> HttpResponseBase:
    """The same lines as a file; that they were taken along is in the trail itself."""
    asked = {key: value for key, value in request.GET.items() if key not in {"format", "before"} and value}
    audit.record_all(
        audit.line(
            "audit.exported", now=clock.now(), user=request.user, creditor_ref=each.pk, subject="audit", asked=asked
        )
        for each in creditors
        if asked.get("creditor", str(each.pk)) == str(each.pk)
    )
    response = StreamingHttpResponse(_csv(request.user, parts, creditors), content_type="text/csv; charset=utf-8")
    name = f"amiable-audit-{clock.today().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv(user: User, parts: list[QuerySet[AuditEntry]], creditors: list[Creditor]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    names = {each.pk: each.name for each in creditors}
    writer.writerow([_("When"), _("Who"), _("Act"), _("Creditor"), _("Subject"), _("Number"), _("Detail")])
    before: tuple[datetime, int] | None = None
    for _round in range(EXPORTED // 1_000):
        lines = _newest(parts, 1_000, before)
        for line in lines:
            cells = [
                timezone.localtime(line.at).isoformat(timespec="seconds"),
                str(line.user or line.actor),
                line.act,
                names.get(line.creditor_ref or 0, ""),
                line.subject,
                line.subject_ref or "",
                "; ".join(f"{key}={value}" for key, value in line.detail.items()),
            ]
            writer.writerow([harmless(cell) for cell in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        if len(lines) < 1_000:
            return
        before = (lines[-1].at, lines[-1].pk)


def harmless(cell: Any) -> Any:
    """A spreadsheet takes what begins like this for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def _told(user: User, lines: list[AuditEntry], creditors: Iterable[Creditor]) -> list[dict[str, Any]]:
    refs = [line.subject_ref or 0 for line in lines if line.subject == "customer"]
    customers = {each.pk: each for each in scope.customers_for(user).filter(pk__in=refs).only("pk", "name", "number")}
    others = [line.subject_ref for line in lines if line.subject == "user"]
    people = User.objects.in_bulk([ref for ref in others if ref])
    names = {each.pk: each.name for each in creditors}
    return [
        {
            "line": line,
            "act": audit_words.act(line.act),
            "subject": audit_words.subject(line.subject),
            "customer": customers.get(line.subject_ref or 0) if line.subject == "customer" else None,
            "person": people.get(line.subject_ref or 0) if line.subject == "user" else None,
            "creditor": names.get(line.creditor_ref or 0, ""),
            "viewed": line.act.endswith(".viewed"),
        }
        for line in lines
    ]


def _people(user: User, creditors: list[Creditor]) -> QuerySet[User]:
    if user.is_superuser:
        return User.objects.all()
    refs = [each.pk for each in creditors]
    return User.objects.filter(pk__in=Scope.objects.filter(creditor_ref__in=refs).values("user"))


def _only_here(creditors: list[Creditor]) -> QuerySet[User]:
    """People who work for these creditors and for nobody else: what they do elsewhere is not told here."""
    refs = [each.pk for each in creditors]
    held = Scope.objects.filter(user=OuterRef("pk"))
    here, elsewhere = held.filter(creditor_ref__in=refs), held.exclude(creditor_ref__in=refs)
    return User.objects.filter(Exists(here), ~Exists(elsewhere), is_superuser=False)


def _known(column: str) -> list[str]:
    """The different values of a column, by leaps along its index, however many lines there are."""
    leap = (
        f"WITH RECURSIVE known AS ((SELECT {column} FROM core_auditentry ORDER BY {column} LIMIT 1) UNION ALL "
        f"SELECT (SELECT {column} FROM core_auditentry WHERE {column} > known.{column} ORDER BY {column} LIMIT 1) "
        f"FROM known WHERE known.{column} IS NOT NULL) SELECT {column} FROM known WHERE {column} > ''"
    )
    with connection.cursor() as cursor:
        cursor.execute(leap)
        return [value for (value,) in cursor.fetchall()]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def place(text: str) -> tuple[datetime, int] | None:
    at, _bar, pk = text.rpartition("_")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, _number(pk)) if moment.tzinfo else None
