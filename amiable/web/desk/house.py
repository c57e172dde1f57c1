"""A list narrowed to one creditor and one currency, as boards lead to it: both in its address, each with a way out.

In: the words of an address. Out: the rows that fit, chips. Never: a row that was out of reach before.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import QueryDict

from amiable.core.models import User
from amiable.web.desk import scope

Row = TypeVar("Row", bound=Model)


def day_asked(text: str) -> date | None:
    """A day of an address; None for what is none, and for one so far off that it cannot be reckoned from."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2200 else None


@dataclass(frozen=True)
class House:
    """Of which creditor, in which currency; what cannot be one is left out."""

    creditor: int | None = None
    currency: str = ""

    @classmethod
    def read(cls, query: QueryDict) -> "House":
        creditor, code = query.get("creditor", ""), query.get("currency", "")
        return cls(
            creditor=int(creditor) if creditor.isdecimal() and len(creditor) < 18 else None,
            currency=code if len(code) == 3 and code.isascii() and code.isupper() else "",
        )

    def of(self, rows: QuerySet[Row, Any], *, creditor: str, currency: str) -> QuerySet[Row, Any]:
        """The rows that fit, by where they say their creditor and their currency."""
        wanted = {creditor: self.creditor, currency: self.currency}
        return rows.filter(**{name: value for name, value in wanted.items() if value})

    @property
    def query(self) -> str:
        """Its words behind others of an address."""
        return "".join(f"&{urlencode({name: value})}" for name, value in vars(self).items() if value)

    def chips(self, user: User) -> list[tuple[str, str]]:
        """What it is narrowed to, each with the words that stay without it."""
        found = []
        if self.creditor:
            named = scope.visible_creditors(user).filter(pk=self.creditor).values_list("name", flat=True).first()
            found.append((named or f"{self.creditor}", replace(self, creditor=None).query))
        if self.currency:
            found.append((self.currency, replace(self, currency="").query))
        return found
