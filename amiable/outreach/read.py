"""What an answer means, as far as a machine may say: an intent with its confidence, days, an amount, a reason.

In: words and the day on which they were written. Out: a Reading, to be confirmed. Never: a promise of a day that is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from amiable.outreach import intents, understand

LONGEST = 4_000  # characters: what is wished is said before
BESIDE = 0.15  # a second intent that is likelier than this is told too


@dataclass(frozen=True)
class Reading:
    """`understood`: JSON: `ahead` and `past` (days), amount_minor, currency, reason, also ([[intent, confidence]])."""

    intent: str
    confidence: float
    understood: Mapping[str, Any] = field(default_factory=dict)


def read(
    words: str, *, subject: str = "", automatic: bool = False, on: date, currency: str = "EUR", country: str = "FR"
) -> Reading:
    """Reads the words written on a day. A machine's answer is an absence, or nothing."""
    said = (words.strip() or subject)[:LONGEST]
    proposals = intents.propose(f"{subject}\n{said}" if automatic else said)
    if automatic:
        away = next(each for each in proposals if each.intent == "out_of_office")
        absent = away.confidence >= 0.3
        proposals = [intents.Proposal("out_of_office" if absent else "other", away.confidence if absent else 1.0)]
    first, *rest = proposals
    ahead, past = (understand.days(said, on=on, past=back, country=country) for back in (False, True))
    amounts = understand.amounts(said, currency=currency)
    told = {
        # Whoever is away until a day names the day on which they went before it.
        "ahead": (ahead[-1] if first.intent == "out_of_office" else ahead[0]).isoformat() if ahead else None,
        "past": past[0].isoformat() if past else None,
        "amount_minor": amounts[0] if amounts else None,
        "currency": currency,
        "reason": understand.reason(said) if first.intent == "dispute" else None,
        "also": [[each.intent, round(each.confidence, 2)] for each in rest[:2] if each.confidence >= BESIDE],
    }
    return Reading(first.intent, round(first.confidence, 3), {name: value for name, value in told.items() if value})
