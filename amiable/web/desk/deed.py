"""What an act about a customer is, and one act as it reaches the domain; acts.py has them all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.utils.functional import Promise

from amiable.core.models import User
from amiable.ledger.models import Customer
from amiable.web.desk import forms


@dataclass(frozen=True)
class Done:
    """One act as it reaches the domain: about whom, by whom, when, and what was filled in."""

    customer: Customer
    by: User
    as_of: date
    now: datetime
    form: forms.Act
    ref: int
    leads_to: list[str] = field(default_factory=list)  # an address beside the customer's, where the act goes on

    @property
    def said(self) -> dict[str, Any]:
        return self.form.cleaned_data


@dataclass(frozen=True)
class Act:
    title: Promise
    button: Promise
    done: Promise
    right: str
    form: type[forms.Act]
    do: Callable[[Done], Any]
    icon: str
    key: str = ""
    explains: Promise | str = ""
    menu: bool = True
    needs_open: bool = False
    goes_on: bool = False  # with a try to pay that came to nothing, which `ref` names
