"""Everything that happened with a customer, newest first: one query over every row that names the customer.

What is shown is what was recorded; nothing is left out because it is unpleasant, decisions not taken included.
"""

import json
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import CharField, F, Q, QuerySet, Value

from amiable.core import money
from amiable.ledger.models import Customer
from amiable.web.desk.timeline_sources import SOURCES, Source

ROWS = 40
GROUPS = ("money", "words", "people", "decisions")
LONGEST = 80  # letters that are searched for
NOBODY = -1  # whose place the customer takes in a query that is kept
Rows = QuerySet[Any, dict[str, Any]]
Statement = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Happened:
    """One line: what kind of thing, which row, when, and what is known of it. `day` where only the day counts."""

    kind: str
    ref: int
    at: datetime
    data: dict[str, Any]

    @property
    def day(self) -> date | None:
        told = self.data.get("day")
        return date.fromisoformat(told) if told else None


@dataclass(frozen=True)
class Place:
    """A line's place in the order of all lines; what comes after it is asked for by it, whatever happens meanwhile."""

    at: datetime
    kind: str
    ref: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}~{self.kind}~{self.ref}"


def read(text: str) -> Place | None:
    """A place as an address carries it; None for nonsense."""
    try:
        at, kind, ref = text.split("~")
        place = Place(datetime.fromisoformat(at), kind, int(ref))
    except ValueError:
        return None
    known = kind in {source.kind for source in SOURCES} and place.at.tzinfo is not None and 0 <= place.ref < 1 << 62
    return place if known else None


def happened(
    *,
    customer: Customer,
    group: str = "",
    find: str = "",
    after: Place | None = None,
    only: Mapping[str, Q] | None = None,
) -> tuple[list[Happened], Place | None]:
    """A page of the timeline, and the place after which it goes on (None at the end).

    `group` narrows to money, words, people or decisions; `find` to lines in which these words (or this amount) stand; `only`
    to these kinds of lines, and of each to what it says (agency.py).
    """
    find = find.strip()[:LONGEST]
    if find or after or only is not None:
        sources = [source for source in _sources(group) if only is None or source.kind in only]
        statement = _statement(sources, customer.pk, after, lambda source: _wanted(source, customer, find, only))
    else:
        statement = _first(group)
    if statement is None:
        return [], None
    sql, values = statement
    with connection.cursor() as cursor:
        cursor.execute(sql, [customer.pk if value == NOBODY else value for value in values])
        found = [Happened(kind, ref, at, json.loads(data)) for at, kind, ref, data in cursor.fetchall()]
    lines = found[:ROWS]
    return lines, Place(lines[-1].at, lines[-1].kind, lines[-1].ref) if len(found) > ROWS else None


def groups_of(kinds: Container[str]) -> set[str]:
    """The groups in which lines of these kinds stand."""
    return {source.group for source in SOURCES if source.kind in kinds}


def _sources(group: str) -> list[Source]:
    return [source for source in SOURCES if not group or source.group == group]


@cache
def _first(group: str) -> Statement | None:
    """What a first page asks, with NOBODY in the customer's place: to write it takes longer than to answer it."""
    return _statement(_sources(group), NOBODY, None, lambda source: Q())


def _statement(
    sources: Sequence[Source], customer: int, after: Place | None, meant: Callable[[Source], Q | None]
) -> Statement | None:
    """One query over the sources of which something can be meant, as SQL with its values; None where there is none."""
    pages = [_page(source, customer, told, after) for source in sources if (told := meant(source)) is not None]
    if not pages:
        return None
    rows = pages[0].union(*pages[1:], all=True).order_by("-t_at", "-t_kind", "-t_ref")[: ROWS + 1]
    sql, values = rows.query.sql_with_params()
    return sql, values


def _page(source: Source, customer: int, meant: Q, after: Place | None) -> Rows:
    """The newest lines of one source, no more than a page can show: only for these is anything read and put together."""
    rows = source.rows(customer).order_by().annotate(t_at=source.at).filter(meant)
    if after:
        rows = rows.filter(_after(source.kind, after))
    newest = rows.order_by("-t_at", "-pk").values("pk")[: ROWS + 1]
    return (
        source.model._default_manager.filter(pk__in=newest)
        .order_by()
        .values(t_at=source.at, t_kind=Value(source.kind, output_field=CharField()), t_ref=F("pk"), t_data=source.data)
    )


def _after(kind: str, place: Place) -> Q:
    if kind == place.kind:
        return Q(t_at__lt=place.at) | Q(t_at=place.at, pk__lt=place.ref)
    # Lines of one moment stand in the order of their kinds, backwards as everything is.
    return Q(t_at__lte=place.at) if kind < place.kind else Q(t_at__lt=place.at)


def _wanted(source: Source, customer: Customer, find: str, only: Mapping[str, Q] | None) -> Q | None:
    meant = _meant(source, customer, find)
    return meant if meant is None or only is None else meant & only[source.kind]


def _meant(source: Source, customer: Customer, find: str) -> Q | None:
    """Where the words may stand in a line: each in any of its columns or among the names of its keys; or all as an amount.

    None: nothing of this kind can be meant.
    """
    meant: Q | None = Q()
    for word in find.split():
        either = _word(source, word)
        meant = meant & either if meant is not None and either is not None else None
    for amount in _amounts(find, customer.creditor.currency) if source.amounts else ():
        for column in source.amounts:
            same = Q(**{column: amount})
            meant = same if meant is None else meant | same
    return meant


def _word(source: Source, word: str) -> Q | None:
    if any(word.casefold() in str(name).casefold() for name in source.names):
        return Q()
    parts = [Q(**{f"{column}__icontains": word}) for column in source.words]
    for column, labels in source.labels.items():
        keys = [key for key, label in labels.items() if word.casefold() in str(label).casefold()]
        if keys:
            parts.append(Q(**{f"{column}__in": keys}))
    if not parts:
        return None
    either = parts[0]
    for part in parts[1:]:
        either |= part
    return either


def _amounts(find: str, currency: str) -> Sequence[int]:
    """What is typed, where it is an amount, in minor units, as it may be posted: in or out."""
    text = find.strip("€£$ ")
    if not any(sign in text for sign in ",.") and len(text) > 6:
        return []  # a number of an invoice
    try:
        minor = money.minor(text, currency=currency, decimal="," if text.rfind(",") > text.rfind(".") else ".")
    except money.UnreadableAmount:
        return []
    return [minor, -minor]
