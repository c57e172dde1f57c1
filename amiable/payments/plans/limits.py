"""What a creditor allows in a plan, and who of its people may agree to how much: read from its policy in one place.

In: `creditor.policy["plans"]`. Out: Limits, and a refusal with a sentence. Never: a wider limit by a wrong word in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from amiable.core.money import exponent, shown
from amiable.ledger.models import Creditor
from amiable.payments.plans.terms import MOST_PARTS, Terms, UnableToPlan

# Who agrees to a plan, from the least to the most that they may.
LEVELS = ("customer", "collector", "manager")
ANY = 2**62


@dataclass(frozen=True)
class Level:
    """How far one kind of people may go: amount, number of payments, percent of discount."""

    minor: int
    parts: int
    discount_percent: int = 0


@dataclass(frozen=True)
class Limits:
    """Amounts are in minor units of the plan's currency."""

    levels: Mapping[str, Level]
    most_parts: int = 12
    longest_days: int = 366
    first_days: int = 45
    smallest_minor: int = 2_000
    deposit_percent: int = 30
    freeze: bool = True
    accelerates: bool = False
    guarantee_minor: int = ANY
    offer_days: int = 10
    grace_days: int = 3
    cure_days: int = 10
    notice_days: int = 8
    share_percent: int = 50
    portal: bool = True

    def needs(self, *, total_minor: int, count: int, discount_minor: int = 0) -> str:
        """The first level that may agree to such a plan by itself; empty: nobody may."""
        percent = 100 * discount_minor / (total_minor + discount_minor)
        for name in LEVELS:
            level = self.levels[name]
            secured = total_minor < self.guarantee_minor or name == LEVELS[-1]
            if secured and total_minor <= level.minor and count <= level.parts and percent <= level.discount_percent:
                return name
        return ""


def allows(level: str, needed: str) -> bool:
    return LEVELS.index(level) >= LEVELS.index(needed)


def limits_of(creditor: Creditor, currency: str) -> Limits:
    """The limits for a plan in a currency. Amounts of the policy are in the creditor's own: they say nothing of another,
    in which every plan is for whoever approves.
    """
    told = creditor.policy.get("plans")
    told = told if isinstance(told, Mapping) else {}
    own = currency == creditor.currency
    unit = 10 ** exponent(currency)
    most_parts = _whole(told, "most_parts", 12, most=MOST_PARTS)
    customer, collector = (
        _level(told, "customer", 1_000 * unit, 3),
        _level(told, "collector", 10_000 * unit, most_parts),
    )
    manager = Level(ANY, most_parts, _whole(told, "discount_percent", 0, most=100))
    nobody = Level(0, 0)
    return Limits(
        levels={
            "customer": customer if own else nobody,
            "collector": collector if own else nobody,
            "manager": manager,
        },
        most_parts=most_parts,
        longest_days=_whole(told, "longest_days", 366, most=3_660),
        first_days=_whole(told, "first_days", 45, most=366),
        smallest_minor=_whole(told, "smallest_minor", 20 * unit) if own else unit,
        deposit_percent=_whole(told, "deposit_percent", 30, most=90, least=0),
        freeze=told.get("freeze") is not False,
        accelerates=told.get("accelerates") is True,
        guarantee_minor=_whole(told, "guarantee_minor", ANY) if own else ANY,
        offer_days=_whole(told, "offer_days", 10, most=90),
        grace_days=_whole(told, "grace_days", 3, most=60),
        cure_days=_whole(told, "cure_days", 10, most=90),
        notice_days=_whole(told, "notice_days", 8, most=90),
        share_percent=_whole(told, "share_percent", 50, most=100),
        portal=told.get("portal") is not False,
    )


def check(terms: Terms, limits: Limits, *, currency: str, as_of: date) -> str:
    """Who may agree to these terms. Raises UnableToPlan where nobody may, and says what to change."""
    days = [part.due_on for part in terms.parts]
    if not days or len(days) > limits.most_parts + 1 or terms.count > limits.most_parts:
        raise UnableToPlan(_("A plan has at most %(most)s payments here.") % {"most": limits.most_parts})
    if days != sorted(set(days)) or days[0] < as_of:
        raise UnableToPlan(_("The payments follow one another, from today on."))
    if (days[0] - as_of).days > limits.first_days:
        last = as_of + timedelta(days=limits.first_days)
        raise UnableToPlan(_("The first payment must come by %(day)s.") % {"day": date_format(last)})
    if (days[-1] - as_of).days > limits.longest_days:
        raise UnableToPlan(_("A plan ends within %(days)s days here.") % {"days": limits.longest_days})
    least = min(part.amount_minor for part in terms.parts)
    if least <= 0 or (len(days) > 1 and least < limits.smallest_minor):
        amount = shown(limits.smallest_minor, currency, (get_language() or "fr")[:2])
        raise UnableToPlan(_("Each payment must be at least %(amount)s.") % {"amount": amount})
    needed = limits.needs(total_minor=terms.total_minor, count=terms.count, discount_minor=terms.discount_minor)
    if terms.discount_minor < 0 or not needed:
        raise UnableToPlan(_("Nobody may give such a discount here."))
    return needed


def _level(told: Mapping[str, Any], name: str, minor: int, parts: int) -> Level:
    return Level(_whole(told, f"{name}_minor", minor, least=0), _whole(told, f"{name}_parts", parts, least=0))


def _whole(told: Mapping[str, Any], name: str, usual: int, *, most: int = ANY, least: int = 1) -> int:
    """A whole number within its bounds; what is none leaves the usual one."""
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        return min(usual, most)
    return max(least, min(value, most))
