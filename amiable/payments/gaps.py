"""What is missing between the statements of an account: a balance that does not go on, numbers that skip.

In: the statements of one account and currency that count. Out: gaps, each with its sentence. Never: a gap left unsaid
because both of its sides are in order.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from amiable.core.money import shown
from amiable.ledger.models import Creditor
from amiable.payments.models import Statement, StatementState, Telling


@dataclass(frozen=True)
class Gap:
    """Between two statements that should follow one another."""

    before: Statement
    after: Statement
    sentence: str
    missing_minor: int = 0


def gaps_of(creditor: Creditor, iban: str) -> list[Gap]:
    """The gaps of an account, oldest first. A statement that only tells again what others told stands in no chain."""
    rows = Statement.objects.filter(
        creditor=creditor, iban=iban, telling=Telling.BOOKED, state=StatementState.COUNTED
    ).annotate(told=Count("lines"), first=Count("lines", filter=Q(lines__same_as=None)))
    found: list[Gap] = []
    kept = [row for row in rows if not row.told or row.first]
    for currency in sorted({row.currency for row in kept}):
        found += gaps(row for row in kept if row.currency == currency)
    return found


def gaps(statements: Iterable[Statement]) -> list[Gap]:
    """The gaps of a chain of statements in the order of their days and numbers."""
    found: list[Gap] = []
    before: Statement | None = None
    for after in sorted(statements, key=_place):
        if before is not None and after.opened_on >= before.opened_on:
            gap = _between(before, after)
            if gap is not None:
                found.append(gap)
        if before is None or after.closed_on >= before.closed_on:
            before = after
    return found


def _between(before: Statement, after: Statement) -> Gap | None:
    missing = 0
    if before.closing_minor is not None and after.opening_minor is not None:
        missing = after.opening_minor - before.closing_minor
    skipped = _skipped(before, after)
    sentences = []
    if missing and after.opened_on >= before.closed_on:
        language = get_language() or "fr"
        sentences.append(
            _("After %(before)s the account held %(closing)s, before %(after)s %(opening)s: %(missing)s is missing.")
            % {
                "before": date_format(before.closed_on),
                "after": date_format(after.opened_on),
                "closing": shown(before.closing_minor or 0, before.currency, language),
                "opening": shown(after.opening_minor or 0, after.currency, language),
                "missing": shown(missing, before.currency, language),
            }
        )
    else:
        missing = 0
    if skipped:
        one, last = skipped[0], skipped[-1]
        sentences.append(
            ngettext(
                "Statement %(first)d was not brought.",
                "Statements %(first)d to %(last)d were not brought.",
                len(skipped),
            )
            % {"first": one, "last": last}
        )
    return Gap(before, after, " ".join(sentences), missing) if sentences else None


def _skipped(before: Statement, after: Statement) -> range:
    """The bank's numbers between two statements of one year; where it counts anew or not at all, none."""
    one, other = _count(before.number), _count(after.number)
    if not one or not other or before.format != after.format or before.closed_on.year != after.closed_on.year:
        return range(0)
    return range(one + 1, other) if other > one + 1 and other - one < 400 else range(0)


def _place(statement: Statement) -> tuple[object, ...]:
    return (
        statement.opened_on,
        statement.closed_on,
        _count(statement.number),
        _page(statement.number),
        statement.pk or 0,
    )


def _count(number: str) -> int:
    found = re.match(r"\d{1,9}", number)
    return int(found[0]) if found else 0


def _page(number: str) -> int:
    found = re.search(r"/(\d{1,6})", number)
    return int(found[1]) if found else 0
