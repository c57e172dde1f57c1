"""What is new in a statement: movements that others told before are not counted again; sums give way to their parts.

In: the staged lines of a statement that holds. Out: its rows, and a credit for each new movement in. Never: a movement
counted twice, one left uncounted because another one looks like it.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from amiable.core.words import in_house
from amiable.ledger import post
from amiable.ledger.models import CashAuthority, Credit, Creditor
from amiable.payments import stage
from amiable.payments.models import Statement, StatementLine, StatementState, Telling
from amiable.payments.pair import NEAR, pair

WAIT = timedelta(days=2)  # a statement of so many days later would have told what was announced


def count(statement: Statement, measured: stage.Measured, *, now: datetime) -> tuple[int, int]:
    """Makes the staged lines rows, with credits for the money that nobody told before: how many, and how many again."""
    pairs = _told_before(statement, measured)
    sums = stage.summed(pairs) if pairs else {}
    freed = [root for root in sums if _give_way(root, as_of=statement.closed_on, now=now)]
    for root in freed:
        del pairs[sums[root]]
    if pairs:
        stage.same(pairs)
    provisional = statement.creditor.cash_authority != CashAuthority.BANK
    credits = stage.keep(statement, provisional=provisional)
    for root in freed:
        first = StatementLine.objects.filter(statement=statement, entry=sums[root]).order_by("pk").first()
        StatementLine.objects.filter(pk=root).update(same_as=first)
        StatementLine.objects.filter(same_as=root).exclude(pk=root).update(same_as=first)
    if pairs:
        stage.enrich(statement)
    _say_again(statement, len(pairs))
    _replace_doubtful(statement, now=now)
    return credits, len(pairs)


def _told_before(statement: Statement, measured: stage.Measured) -> dict[Any, Any]:
    """Entries of the staged lines that other statements of the account told: entry → the line that told it first."""
    if measured.first is None or measured.last is None:
        return {}
    first, last = measured.first - NEAR, measured.last + NEAR
    others = Statement.objects.filter(
        creditor=statement.creditor, iban=statement.iban, currency=statement.currency, state=StatementState.COUNTED,
        opened_on__lte=last, closed_on__gte=first,
    ).exclude(pk=statement.pk)  # fmt: skip
    booked = statement.telling == Telling.BOOKED
    soft: dict[int, bool] = {}
    announcing = []
    for other in others:
        if booked and other.telling == Telling.BOOKED:
            if (
                other.opened_on <= measured.last
                and other.closed_on >= measured.first
                and not disjoint(other, statement)
            ):
                soft[other.pk] = other.format != statement.format
        else:
            soft[other.pk] = other.telling != statement.telling or other.format != statement.format
            if booked:
                announcing.append(other.pk)
    known = stage.known(soft, first=first, last=last, open_only=announcing) if soft else []
    return pair(stage.told(), known) if known else {}


def disjoint(one: Statement, other: Statement) -> bool:
    """Whether two statements of the same days surely tell different movements: pages of one day, not its repetition."""
    if one.format != other.format:
        return False
    if None not in (one.opening_minor, one.closing_minor, other.opening_minor, other.closing_minor):
        moved = one.opening_minor != one.closing_minor and other.opening_minor != other.closing_minor
        if moved and (_goes_on(one, other) or _goes_on(other, one)):
            return True
        if one.opening_minor == other.opening_minor or one.closing_minor == other.closing_minor:
            return False
    return bool(one.number and other.number and one.number != other.number)


def _goes_on(one: Statement, other: Statement) -> bool:
    """Whether the second begins where the first ends, in time as in money: one that holds the other's days does not."""
    return one.closing_minor == other.opening_minor and one.closed_on <= other.opened_on


def _give_way(root: int, *, as_of: date, now: datetime) -> bool:
    """A sum that is now told in its parts gives way to them, where nobody has used its money yet."""
    line = StatementLine.objects.select_related("credit").get(pk=root)
    if line.credit is None:
        return True
    credit = Credit.objects.select_for_update(no_key=True).get(pk=line.credit.pk)
    if credit.customer_id is not None or credit.open_minor != credit.amount_minor:
        return False
    reason = in_house(gettext_lazy("Told in its parts by another statement"))
    post.empty([(credit, reason)], as_of=max(as_of, credit.received_on), now=now)
    return True


def _say_again(statement: Statement, again: int) -> None:
    if again:
        statement.said = [
            *statement.said,
            ngettext(
                "%(count)d movement was told before and is not counted again.",
                "%(count)d movements were told before and are not counted again.",
                again,
            )
            % {"count": again},
        ]
        statement.save(update_fields=["said"])


def _replace_doubtful(statement: Statement, *, now: datetime) -> None:
    """A statement in question of the same days has found its right one."""
    doubtful = Statement.objects.filter(
        creditor=statement.creditor, iban=statement.iban, currency=statement.currency, telling=statement.telling,
        opened_on=statement.opened_on, closed_on=statement.closed_on, state=StatementState.QUESTION,
    ).exclude(pk=statement.pk)  # fmt: skip
    if doubtful.update(state=StatementState.DROPPED, decided_at=now):
        statement.said = [
            *statement.said,
            _("It takes the place of a statement of the same days that was in question."),
        ]
        statement.save(update_fields=["said"])


def unconfirmed(creditor: Creditor, iban: str) -> QuerySet[StatementLine]:
    """Movements that a notice announced, and that no statement told although one of a later day has come."""
    latest = (
        Statement.objects.filter(creditor=creditor, iban=iban, telling=Telling.BOOKED, state=StatementState.COUNTED)
        .order_by("-closed_on")
        .values_list("closed_on", flat=True)
        .first()
    )
    if latest is None:
        return StatementLine.objects.none()
    return (
        StatementLine.objects.filter(
            statement__creditor=creditor, statement__iban=iban, statement__state=StatementState.COUNTED, same_as=None,
            booked_on__lte=latest - WAIT,
        )
        .exclude(statement__telling=Telling.BOOKED)
        .exclude(told_again__statement__telling=Telling.BOOKED)
    )  # fmt: skip
