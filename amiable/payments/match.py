"""Money that is nobody's yet finds its customer and invoices: proposed, and applied where it is sure enough.

In: a creditor and a day. Out: matches, proposed anew at each look; those above the creditor's threshold are applied.
Never: what a person took back applied again by itself, money spread that nobody knows, two runs at once on one creditor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import connection, transaction

from amiable.ledger.models import Creditor
from amiable.payments.accept import accept
from amiable.payments.look import View, look
from amiable.payments.matching import ItemKind, Proposal, propose
from amiable.payments.models import LineKind, Match, MatchState
from amiable.payments.payout import aside

AUTOMATIC = 0.999  # how sure a proposal must be to be applied by itself; policy["matching"]["automatic"]
OUTRIGHT = {"rf", "mandate"}  # what names a customer so surely that money without an invoice goes on account by itself
_TURN = 0x4D415443  # the lock that lets one run at a time look at a creditor's money


@dataclass(frozen=True)
class Summary:
    """`credits`: those that a customer was found for."""

    looked_at: int = 0
    applied: int = 0
    set_aside: int = 0
    proposed: int = 0
    nothing: int = 0
    credits: list[int] = field(default_factory=list)


@transaction.atomic
def match(*, creditor: Creditor, as_of: date, now: datetime, only: Sequence[int] | None = None) -> Summary:
    """Looks at the creditor's money that is nobody's yet (these credits only, where they are named)."""
    _wait_for_turn(creditor)
    view = look(creditor=creditor, as_of=as_of, only=only)
    if not view.waiting:
        return Summary()
    found = _proposals(view, creditor, now)
    looked_at = [each.line.id for each in view.waiting]
    Match.objects.filter(credit__in=looked_at, state=MatchState.PROPOSED).delete()
    applied = accept(matches=_sure(found, creditor), creditor=creditor, as_of=as_of, now=now)
    done = {each.credit_id for each in applied}
    kept = [each for each in found if each.state == MatchState.APPLIED or each.credit_id not in done]
    Match.objects.bulk_create(kept, batch_size=5_000)
    for_customers = [each.credit_id for each in applied if each.kind == LineKind.CUSTOMER]
    nothing = sum(1 for each in found if each.rank == 0 and each.customer_id is None and each.kind == LineKind.CUSTOMER)
    return Summary(
        looked_at=len(looked_at), applied=len(for_customers), set_aside=len(applied) - len(for_customers),
        proposed=len(looked_at) - len(applied) - nothing, nothing=nothing, credits=for_customers,
    )  # fmt: skip


def threshold(creditor: Creditor) -> float:
    """From which confidence on a proposal is applied by itself; above 1 where the creditor wants a person each time."""
    said = creditor.policy.get("matching", {}).get("automatic", AUTOMATIC)
    return 2.0 if said in (False, None) else float(said)


def _wait_for_turn(creditor: Creditor) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_TURN, creditor.pk])


def _proposals(view: View, creditor: Creditor, now: datetime) -> list[Match]:
    """The rows of all proposals; a line for which nothing is found has one that says so."""
    others = aside(waiting=view.waiting, creditor=creditor)
    lines = [each.line for each in view.waiting if each.line.id not in others]
    told = propose(lines=lines, items=view.items, parties=view.parties, memory=view.memory, terms=view.terms)
    rows = []
    for each in view.waiting:
        if each.line.id in others:
            row = others[each.line.id]
            row.looked_at = now
            rows.append(row)
        else:
            rows += _rows(each.line.id, told[each.line.id], now)
    return rows


def _rows(credit: int, proposals: Iterable[Proposal], now: datetime) -> list[Match]:
    rows = [
        Match(
            credit_id=credit, customer_id=each.customer, rank=rank, rest_minor=each.rest_minor, confidence=each.confidence,
            parts=[[part.kind, part.item, part.amount_minor, part.given_up_minor] for part in each.parts],
            reasons=[[reason.code, dict(reason.values)] for reason in each.reasons], looked_at=now,
        )
        for rank, each in enumerate(proposals)
    ]  # fmt: skip
    return rows or [Match(credit_id=credit, looked_at=now)]


def _sure(found: Sequence[Match], creditor: Creditor) -> list[Match]:
    """The best proposals that may be applied without a person."""
    least = threshold(creditor)
    sure = [each for each in found if each.rank == 0 and each.confidence >= least and _whole(each)]
    again = Match.objects.filter(credit__in=[each.credit_id for each in sure], state=MatchState.UNDONE)
    undone = set(again.values_list("credit_id", flat=True))
    return [each for each in sure if each.credit_id not in undone]


def _whole(found: Match) -> bool:
    """Whether every cent of the line has its place: on invoices, or on account by a reference that names the customer."""
    if found.kind != LineKind.CUSTOMER:
        return True
    if found.parts:
        return found.rest_minor == 0 or found.parts[0][0] == ItemKind.TOLD
    return any(code in OUTRIGHT for code, _values in found.reasons)
