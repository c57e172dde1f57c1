"""Finds customers by what a person has at hand: a name, a number, an invoice, an e-mail or a phone number."""

from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Lookup, Q, QuerySet

from amiable.core.models import User
from amiable.ledger.models import ContactPoint, Customer, Invoice
from amiable.web.desk import scope

if TYPE_CHECKING:
    Base = Lookup[Any]  # generic for the type checker only
else:
    Base = Lookup

MOST = 1_000  # more than this mean that too little was typed


@CharField.register_lookup
class ILike(Base):
    """ILIKE itself: unlike icontains it is answered from the trigram index."""

    lookup_name = "ilike"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{left} ILIKE {right}", (*left_values, *right_values)


def find(user: User, text: str) -> QuerySet[Customer]:
    """The customers whom the text may mean, among those this user sees."""
    words = text.strip()[:120]
    means = Q(number__ilike=_pattern(words)) | _named(words)
    seen = scope.customers_for(user).filter(merged_into__isnull=True)
    elsewhere = _elsewhere(user, words)
    meant = seen.filter(means | Q(pk__in=elsewhere)) if elsewhere else seen.filter(means)
    # A page asks more than once: who was found is kept, unless the words fit half the house.
    found = list(meant.values_list("pk", flat=True)[: MOST + 1])
    return scope.customers_for(user).filter(pk__in=found) if len(found) <= MOST else meant


def _named(words: str) -> Q:
    named = Q()
    for word in words.split():
        named &= Q(name__ilike=_pattern(word))
    return named


def _elsewhere(user: User, words: str) -> list[int]:
    """Customers of an invoice, e-mail or phone number that the words may be a part of: asked only where they look like one.

    Asked first and by itself: together with the name, no index would be of use.
    """
    reach = scope.reach(user, path="customer__", creditor="creditor_id")
    points = ContactPoint.objects.filter(scope.reach(user, path="contact__customer__"))
    found: set[int] = set()
    if any(letter.isdigit() for letter in words):
        invoices = Invoice.objects.filter(reach, reference__ilike=_pattern(words))
        found |= set(invoices.values_list("customer_id", flat=True)[:MOST])
        phone = "".join(letter for letter in words if letter.isdigit() or letter == "+").lstrip("0")
        if len(phone) >= 6 and len(phone) >= len(words) / 2:
            found |= set(
                points.filter(value__ilike=_pattern(phone)).values_list("contact__customer_id", flat=True)[:MOST]
            )
    if "@" in words:
        found |= set(points.filter(value__ilike=_pattern(words)).values_list("contact__customer_id", flat=True)[:MOST])
    return sorted(found)


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
