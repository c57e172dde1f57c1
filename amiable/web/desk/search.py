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
    anywhere = _pattern(words)
    means = Q(number__ilike=anywhere)
    named = Q()
    for word in words.split():
        named &= Q(name__ilike=_pattern(word))
    means |= named
    if any(letter.isdigit() for letter in words):
        invoices = Invoice.objects.filter(scope.reach(user, path="customer__"), reference__ilike=anywhere)
        means |= Q(pk__in=invoices.values("customer_id"))
        phone = "".join(letter for letter in words if letter.isdigit() or letter == "+").lstrip("0")
        if len(phone) >= 6 and len(phone) >= len(words) / 2:
            means |= Q(pk__in=ContactPoint.objects.filter(value__ilike=_pattern(phone)).values("contact__customer_id"))
    if "@" in words:
        means |= Q(pk__in=ContactPoint.objects.filter(value__ilike=anywhere).values("contact__customer_id"))
    return scope.customers_for(user).filter(means, merged_into__isnull=True)


def _pattern(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
