"""Money on the bank that is not a customer's payment: payouts of payment providers, own transfers, fees, interest.

In: lines that wait. Out: matches that set them aside, with what they sum up. Never: a customer's payment among them
because of a name alone: what only looks so is proposed, and a person decides.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from amiable.ledger.models import Credit, CreditKind, Creditor
from amiable.payments.look import Waiting
from amiable.payments.matching import ItemKind
from amiable.payments.matching.read import plain, squeezed
from amiable.payments.models import LineKind, Match
from amiable.payments.providers import providers

# Under these names providers pay out; those of our own adapters are added.
NAMES = (
    "STRIPE", "ADYEN", "PAYPAL", "GOCARDLESS", "MOLLIE", "SUMUP", "WORLDLINE", "PAYPLUG", "STANCER", "LYRA", "MONEXT",
    "HIPAY", "CHECKOUT", "SLIMPAY", "LEMONWAY", "MANGOPAY",
)  # fmt: skip
LATEST = timedelta(days=14)  # between a payment and its payout
MOST_FEES = 40  # per thousand that a provider keeps
SUMMED, NAMED, KNOWN = 0.999, 0.9, 0.999
_PREFIX = "psp:"


def aside(*, waiting: Sequence[Waiting], creditor: Creditor) -> dict[int, Match]:
    """By credit, the match that sets it aside."""
    names = re.compile(r"\b(" + "|".join({*NAMES, *(re.escape(key.upper()) for key in providers())}) + r")\b")
    own = {squeezed(creditor.iban)} - {""}
    found: dict[int, Match] = {}
    payouts = []
    for each in waiting:
        if each.source.startswith(_PREFIX):
            continue
        if each.kind in (LineKind.FEE, LineKind.OWN, LineKind.OTHER, LineKind.RETURN):
            found[each.line.id] = _match(each, each.kind, KNOWN, ["bank", {}])
        elif squeezed(each.line.payer_iban) in own:
            found[each.line.id] = _match(each, LineKind.OWN, KNOWN, ["own_account", {}])
        elif (named := names.search(plain(each.line.payer))) or each.kind == LineKind.PAYOUT:
            payouts.append((each, named[1] if named else ""))
    if payouts:
        told = _told(creditor, max(each.line.booked_on for each, _name in payouts))
        for each, name in sorted(payouts, key=lambda one: (one[0].line.booked_on, one[0].line.id)):
            found[each.line.id] = _payout(each, name, told)
    return found


def _payout(each: Waiting, name: str, told: dict[str, list[Credit]]) -> Match:
    """The payout with the payments that it sums up, where whole days of them add up to it and to nothing else."""
    batch = _batch(each, told[each.line.currency])
    if not batch:
        return _match(each, LineKind.PAYOUT, NAMED, ["provider", {"name": name}])
    told[each.line.currency] = [credit for credit in told[each.line.currency] if credit not in batch]
    fees = sum(credit.amount_minor for credit in batch) - each.line.amount_minor
    match = _match(each, LineKind.PAYOUT, SUMMED if not fees else NAMED, ["provider", {"name": name}])
    match.parts = [[ItemKind.TOLD, credit.pk, credit.amount_minor, 0] for credit in batch]
    match.reasons += [["payments", {"count": len(batch), "fees_minor": fees}]]
    return match


def _batch(each: Waiting, told: Sequence[Credit]) -> list[Credit]:
    """The run of whole days whose payments come nearest above the line's amount, fees within reason."""
    days: dict[date, list[Credit]] = defaultdict(list)
    for credit in told:
        if timedelta() <= each.line.booked_on - credit.received_on <= LATEST:
            days[credit.received_on].append(credit)
    order, best = sorted(days), None
    for start in range(len(order)):
        total = 0
        for end in range(start, len(order)):
            total += sum(credit.amount_minor for credit in days[order[end]])
            fees = total - each.line.amount_minor
            if 0 <= fees <= total * MOST_FEES // 1000 and (best is None or fees < best[0]):
                best = (fees, start, end)
    return [credit for day in order[best[1] : best[2] + 1] for credit in days[day]] if best else []


def _told(creditor: Creditor, until: date) -> dict[str, list[Credit]]:
    """Payments that providers have told and nobody has confirmed, by currency, oldest first."""
    found: dict[str, list[Credit]] = defaultdict(list)
    rows = Credit.objects.filter(
        creditor=creditor, source__startswith=_PREFIX, kind=CreditKind.PAYMENT, provisional=True, confirmed_by=None,
        received_on__lte=until, received_on__gte=until - timedelta(days=120),
    )  # fmt: skip
    for credit in rows.order_by("received_on", "id"):
        found[credit.currency].append(credit)
    return found


def _match(each: Waiting, kind: str, confidence: float, reason: list[object]) -> Match:
    return Match(credit_id=each.line.id, kind=kind, confidence=confidence, reasons=[reason])
