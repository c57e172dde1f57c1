"""A match becomes money on invoices, or money that is not customers'; and is taken back whole.

In: matches. Out: allocations, what is given up, whose the credit is. Never: a credit that is somebody's already, more
than is open on either side, a half of a match.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import AuditEntry, User
from amiable.core.words import in_house
from amiable.ledger import post
from amiable.ledger.models import (
    Allocation,
    CashAuthority,
    Credit,
    CreditKind,
    Creditor,
    Entry,
    EntryKind,
    Invoice,
)
from amiable.payments.matching import ItemKind
from amiable.payments.models import LineKind, Match, MatchState, StatementLine
from amiable.payments.reconcile import take_over

RULE = "matched"


class UnableToMatch(UnableTo):
    """The match cannot be made, or taken back."""


@transaction.atomic
def accept(
    *, matches: Sequence[Match], creditor: Creditor, as_of: date, now: datetime, by: User | None = None
) -> list[Match]:
    """Applies those matches that still hold: money that is nobody's, invoices that are open for so much. Returns them.

    All in a few statements, however many they are; a match whose ground has gone meanwhile is left out. Matches that are
    not kept yet are the caller's to keep.
    """
    _follow_merges(matches)
    credits = _locked_credits(matches, creditor)
    invoices = _locked_invoices(matches, creditor)
    spoken = _spoken(credits)
    held = [match for match in matches if _holds(match, credits, invoices, spoken)]
    _give_to_customers([match for match in held if match.kind == LineKind.CUSTOMER], credits)
    made = _allocate(held, credits, invoices, as_of=as_of, now=now, by=by)
    _take_over_told(held, credits, creditor=creditor, as_of=as_of, now=now)
    for match in held:
        if match.kind != LineKind.CUSTOMER:
            _set_aside(match, credits, creditor=creditor, as_of=as_of, now=now, by=by)
    _give_up(held, as_of=as_of, now=now, by=by)
    for match in held:
        match.state, match.confirmed_at, match.confirmed_by = MatchState.APPLIED, now, by
        match.netted = made[match.credit_id]
    kept = [match for match in held if match.pk]
    Match.objects.bulk_update(kept, ["state", "confirmed_at", "confirmed_by", "netted", "entries"])
    Match.objects.filter(credit__in=[match.credit_id for match in kept], state=MatchState.PROPOSED).delete()
    audit.record_all(_told("payment.matched", match, creditor, now, by) for match in held)
    return held


@transaction.atomic
def undo(*, match: Match, as_of: date, now: datetime, by: User | None = None) -> Match:
    """Takes a match back: the money is nobody's again, and all that it had paid is open again."""
    row = Match.objects.select_for_update(of=("self",)).select_related("credit__creditor").get(pk=match.pk)
    if row.state != MatchState.APPLIED:
        raise UnableToMatch(_("This match has been taken back already."))
    credit = Credit.objects.select_for_update(no_key=True).get(pk=row.credit_id)
    if credit.confirmed_by_id or credit.confirms.exists():
        raise UnableToMatch(_("This money confirms a payment that was told before; it stays with its customer."))
    mine = Allocation.objects.filter(credit=credit, reverses=None, reversed_by=None)
    netted = Allocation.objects.filter(pk__in=row.netted, reverses=None, reversed_by=None)
    post.reverse_all(list((mine | netted).order_by("id")), as_of=as_of, now=now, by=by)
    for entry in Entry.objects.filter(pk__in=row.entries).order_by("id"):
        post.restore(entry=entry, reason=in_house(gettext_lazy("match taken back")), as_of=as_of, now=now, by=by)
    if row.kind != LineKind.CUSTOMER:
        Credit.objects.filter(confirms=None, pk__in=_paid_out(row)).update(provisional=True)
        StatementLine.objects.filter(credit=credit).update(kind="")
    Credit.objects.filter(pk=credit.pk).update(customer=None, kind=CreditKind.PAYMENT)
    row.state, row.undone_at, row.undone_by = MatchState.UNDONE, now, by
    row.save(update_fields=["state", "undone_at", "undone_by"])
    audit.record_all([_told("payment.unmatched", row, row.credit.creditor, now, by)])
    return row


def _follow_merges(matches: Sequence[Match]) -> None:
    """Whoever was merged since the match was proposed is a pointer to the one whose money it is; merges wait from here on."""
    kept = post.keep_apart(match.customer_id for match in matches if match.customer_id)
    for match in matches:
        match.customer_id = kept.get(match.customer_id or 0) or match.customer_id


def _spoken(credits: Mapping[int, Credit]) -> set[int]:
    """Those of these credits that are the word for another payment already, or have one: nobody's word twice."""
    confirming = Credit.objects.filter(confirmed_by__in=list(credits)).values_list("confirmed_by", flat=True)
    return {pk for pk in confirming if pk} | {pk for pk, row in credits.items() if row.confirmed_by_id}


def _locked_credits(matches: Sequence[Match], creditor: Creditor) -> dict[int, Credit]:
    wanted = {match.credit_id for match in matches}
    wanted |= {ref for match in matches for kind, ref, *_rest in match.parts if kind != ItemKind.INVOICE}
    rows = Credit.objects.select_for_update(no_key=True).filter(pk__in=wanted, creditor=creditor)
    return {row.pk: row for row in rows.order_by("id")}


def _locked_invoices(matches: Sequence[Match], creditor: Creditor) -> dict[int, Invoice]:
    wanted = {ref for match in matches for kind, ref, *_rest in match.parts if kind == ItemKind.INVOICE}
    rows = Invoice.objects.select_for_update(no_key=True).filter(pk__in=wanted, creditor=creditor)
    return {row.pk: row for row in rows.order_by("id")}


def _holds(match: Match, credits: dict[int, Credit], invoices: dict[int, Invoice], spoken: set[int]) -> bool:
    """Whether all of a match can be had now; what it takes is then taken off the rows in hand, so that no other has it."""
    credit = credits.get(match.credit_id)
    if credit is None or credit.customer_id is not None or credit.kind != CreditKind.PAYMENT:
        return False
    paid, notes = 0, 0
    for kind, ref, amount, given_up in match.parts:
        row: Invoice | Credit | None = invoices.get(ref) if kind == ItemKind.INVOICE else credits.get(ref)
        if row is None or row.currency != credit.currency or amount < 0 or given_up < 0:
            return False
        if kind == ItemKind.TOLD:
            if ref in spoken:
                return False
        elif row.open_minor < amount + given_up:
            return False
        paid += amount if kind == ItemKind.INVOICE else 0
        notes += amount if kind == ItemKind.CREDIT_NOTE else 0
    if paid > credit.open_minor + notes or (match.kind == LineKind.CUSTOMER and match.customer_id is None):
        return False
    for kind, ref, amount, given_up in match.parts:
        if kind == ItemKind.INVOICE:
            invoices[ref].open_minor -= amount + given_up
        elif kind == ItemKind.CREDIT_NOTE:
            credits[ref].open_minor -= amount
        else:
            spoken.add(ref)
    return True


def _give_to_customers(held: Sequence[Match], credits: dict[int, Credit]) -> None:
    for match in held:
        credits[match.credit_id].customer_id = match.customer_id
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_credit c SET customer_id = v.customer FROM unnest(%s::bigint[], %s::bigint[]) v (id, customer)"
            " WHERE c.id = v.id",
            [[match.credit_id for match in held], [match.customer_id for match in held]],
        )


def _allocate(
    held: Sequence[Match],
    credits: dict[int, Credit],
    invoices: dict[int, Invoice],
    *,
    as_of: date,
    now: datetime,
    by: User | None,
) -> Mapping[int, list[int]]:
    """Writes the allocations, the credit notes first; returns those of credit notes, by the match's credit."""
    rows, of_note = [], []
    for match in held:
        wanted = [[ref, amount] for kind, ref, amount, _given in match.parts if kind == ItemKind.INVOICE]
        notes = [[ref, amount] for kind, ref, amount, _given in match.parts if kind == ItemKind.CREDIT_NOTE]
        for source, ref, amount in _pieces([*notes, [match.credit_id, credits[match.credit_id].open_minor]], wanted):
            rows.append(
                Allocation(
                    credit_id=source, invoice_id=ref, amount_minor=amount, known_at=now, rule=RULE, by=by,
                    effective_on=max(as_of, credits[source].received_on, invoices[ref].issued_on),
                )
            )  # fmt: skip
            of_note.append(match.credit_id if source != match.credit_id else None)
    made: dict[int, list[int]] = defaultdict(list)
    for row, credit in zip(Allocation.objects.bulk_create(rows, batch_size=10_000), of_note, strict=True):
        if credit is not None:
            made[credit].append(row.pk)
    return made


def _pieces(sources: list[list[int]], invoices: list[list[int]]) -> Iterable[tuple[int, int, int]]:
    """What each source pays of each invoice, both in their order."""
    for source in sources:
        for invoice in invoices:
            piece = min(source[1], invoice[1])
            if piece > 0:
                source[1] -= piece
                invoice[1] -= piece
                yield source[0], invoice[0], piece


def _take_over_told(
    held: Sequence[Match], credits: dict[int, Credit], *, creditor: Creditor, as_of: date, now: datetime
) -> None:
    """The same money told before: the word of the cash authority stands, the other one is closed by it."""
    words: dict[int, Credit] = {}
    for match in held:
        for kind, ref, *_rest in match.parts:
            if kind == ItemKind.TOLD and match.kind == LineKind.CUSTOMER:
                mine, told = credits[match.credit_id], credits[ref]
                firm = told.provisional and not mine.provisional
                words[told.pk if firm else mine.pk] = mine if firm else told
    if words:
        take_over(words, creditor=creditor, as_of=as_of, now=now)


def _set_aside(
    match: Match, credits: dict[int, Credit], *, creditor: Creditor, as_of: date, now: datetime, by: User | None
) -> None:
    """Not customers' money: it leaves the suspense. A payout confirms, as the bank's word, the payments it sums up."""
    credit = credits[match.credit_id]
    reason = in_house(gettext_lazy("not a customer's payment: %(what)s"), what=LineKind(match.kind).label)
    entry = post.refund(credit=credit, amount_minor=credit.open_minor, reason=reason, as_of=as_of, now=now, by=by)
    match.entries = [entry.pk]
    Credit.objects.filter(pk=credit.pk).update(kind=CreditKind.OTHER)
    StatementLine.objects.filter(credit=credit).update(kind=match.kind)
    if creditor.cash_authority == CashAuthority.BANK:
        Credit.objects.filter(pk__in=_paid_out(match)).update(provisional=False)


def _paid_out(match: Match) -> list[int]:
    return [ref for kind, ref, *_rest in match.parts if kind == ItemKind.TOLD]


def _give_up(held: Sequence[Match], *, as_of: date, now: datetime, by: User | None) -> None:
    """What a payer kept back within the creditor's terms is written off with its reason."""
    wanted = [(match, ref, given) for match in held for kind, ref, _amount, given in match.parts if given]
    entries = Entry.objects.bulk_create(
        Entry(
            kind=EntryKind.WRITE_OFF, invoice_id=ref, amount_minor=-given, effective_on=as_of, known_at=now, by=by,
            reason=_kept_back(match),
        )
        for match, ref, given in wanted
    )  # fmt: skip
    for (match, _ref, _given), entry in zip(wanted, entries, strict=True):
        match.entries = [*match.entries, entry.pk]


def _kept_back(match: Match) -> str:
    codes = {code for code, _values in match.reasons}
    if "discount" in codes:
        return in_house(gettext_lazy("cash discount"))
    return in_house(gettext_lazy("bank fees") if "fees" in codes else gettext_lazy("small difference"))


def _told(act: str, match: Match, creditor: Creditor, now: datetime, by: User | None) -> AuditEntry:
    return audit.line(
        act, now=now, user=by, actor="" if by else "day", creditor_ref=creditor.pk,
        subject="customer" if match.customer_id else "credit", subject_ref=match.customer_id or match.credit_id,
        credit=match.credit_id, kind=match.kind, parts=match.parts, confidence=round(match.confidence, 4),
    )  # fmt: skip
