"""What late invoices have come to, told apart: claimed and posted, running, only shown, waived; and how each sum was found.

In: invoices of one creditor and a day. Out: one Charged per late invoice, with its pieces. It posts nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction

import polars as pl
from django.db import transaction
from django.db.models import F, Min, Sum

from amiable.law.late import PER_PERCENT
from amiable.ledger import choose
from amiable.ledger.choose import CLAIM, SHOW
from amiable.ledger.gather import Gathered, gather
from amiable.ledger.models import CHARGES, Creditor, Entry, EntryKind, Invoice
from amiable.ledger.reckon import PER_YEAR, reckon


@dataclass(frozen=True)
class Piece:
    """Days on which nothing changed: base × rate × days. `mode`: claim, show, waive, waived, stopped or no_rate."""

    since: date
    until: date
    days: int
    principal_minor: int
    base_minor: int
    mode: str
    millionths: int | None
    why: str
    source: str
    article: str

    @property
    def percent(self) -> Fraction:
        return Fraction(self.millionths or 0, PER_PERCENT)

    @property
    def exact_minor(self) -> Fraction:
        return Fraction(self.base_minor * (self.millionths or 0) * self.days, PER_YEAR)


@dataclass(frozen=True)
class Charged:
    """One late invoice. `posted` and what of it is open; `running`: claimed, not posted yet; `shown`: named and never posted."""

    principal_minor: int = 0
    charges_minor: int = 0
    posted: Mapping[str, int] = field(default_factory=dict)
    due: Mapping[str, int] = field(default_factory=dict)  # what is claimed, posted or not, by kind
    running_minor: int = 0
    shown: Mapping[str, int] = field(default_factory=dict)
    waived_minor: int = 0
    pieces: list[Piece] = field(default_factory=list)

    @property
    def shown_minor(self) -> int:
        return sum(self.shown.values())


def besides(*, creditor: Creditor, invoices: Collection[int], as_of: date) -> dict[int, dict[str, int]]:
    """What has run on each of these invoices and is only shown, by kind of charge; nothing where nobody chose to show."""
    if not any(choice.shows for rule in choose.rules(creditor.policy) for choice in rule.choices.values()):
        return {}
    return {key: dict(each.shown) for key, each in charges(creditor=creditor, invoices=invoices, as_of=as_of).items()}


def charges(*, creditor: Creditor, invoices: Collection[int], as_of: date) -> dict[int, Charged]:
    """Each of these invoices that is late by that day, and whatever has been or may be asked for it."""
    if not invoices:
        return {}
    with transaction.atomic():
        gathered = gather(creditor=creditor, as_of=as_of, only=invoices)
    found = reckon(gathered.books, as_of=as_of)
    posted = _posted(invoices, as_of)
    pieces = _pieces(gathered, found.pieces)
    months: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for invoice, kind, mode, minor in found.due.select("invoice", "kind", "mode", "minor").iter_rows():
        months[invoice, mode][kind] += minor
    told = {}
    for invoice, principal, open_charges in found.left.iter_rows():
        claimed = {kind: posted.get((invoice, kind), 0) for kind in CHARGES}
        due = months[invoice, CLAIM]
        ran = sum(due.values()) - claimed[EntryKind.INTEREST] - claimed[EntryKind.INDEMNITY]
        told[invoice] = Charged(
            principal_minor=principal,
            charges_minor=open_charges,
            posted={kind: minor for kind, minor in claimed.items() if minor},
            due=dict(due),
            running_minor=max(ran, 0),
            shown=dict(months[invoice, SHOW]),
            waived_minor=_whole(
                sum((each.exact_minor for each in pieces[invoice] if each.mode == "waived"), Fraction(0))
            ),
            pieces=pieces[invoice],
        )
    return told


def _posted(invoices: Collection[int], as_of: date) -> dict[tuple[int, str], int]:
    rows = Entry.objects.filter(invoice__in=invoices, kind__in=CHARGES, effective_on__lte=as_of)
    return {
        (row["invoice"], row["kind"]): row["sum"]
        for row in rows.values("invoice", "kind").annotate(sum=Sum("amount_minor"))
    }


def _pieces(gathered: Gathered, table: pl.DataFrame) -> dict[int, list[Piece]]:
    found: dict[int, list[Piece]] = defaultdict(list)
    columns = ("invoice", "term", "day", "days", "principal", "base", "mode", "millionths")
    for invoice, term, day, days, principal, base, mode, millionths in table.select(columns).iter_rows():
        behind = gathered.terms[term]
        found[invoice].append(
            Piece(
                since=day, until=day + timedelta(days=days - 1), days=days, principal_minor=principal, base_minor=base,
                mode=mode, millionths=millionths, why=behind.rate.why, source=behind.rate.source, article=behind.law.article,
            )
        )  # fmt: skip
    return found


def _whole(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


@dataclass(frozen=True)
class Example:
    """What a choice would come to on invoices that are late now, had it counted since their due dates."""

    invoices: dict[int, Charged]
    interest_minor: dict[str, int]  # by currency
    indemnity_minor: dict[str, int]
    count: int


def example(*, creditor: Creditor, rule: choose.Rule, as_of: date, most: int = 500) -> Example:
    """Tries a choice out, on the largest late invoices at most; nothing is kept."""
    late = Invoice.objects.filter(creditor=creditor, due_on__lt=as_of, open_minor__gt=F("charged_minor"))
    rows = dict(late.order_by("-open_minor", "pk").values_list("pk", "currency")[:most])
    since = late.aggregate(first=Min("due_on"))["first"] or as_of
    tried = replace(rule, since=min(since, as_of))
    house = copy(creditor)
    house.policy = {**creditor.policy, choose.POLICY: [choose.written(tried)]}
    told = charges(creditor=house, invoices=rows, as_of=as_of)
    interest: dict[str, int] = defaultdict(int)
    indemnity: dict[str, int] = defaultdict(int)
    for pk, each in told.items():
        asked = {**each.due, **each.shown}
        interest[rows[pk]] += asked.get(EntryKind.INTEREST, 0)
        indemnity[rows[pk]] += asked.get(EntryKind.INDEMNITY, 0)
    return Example(told, dict(interest), dict(indemnity), len(told))
