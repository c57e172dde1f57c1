"""Which bank accounts are whose: the creditor's own, as their files name them, and by their IBAN.

In: an account as a file tells it. Out: the creditor and the name under which the books know the account.
"""

import re
from collections.abc import Sequence

from django.utils.translation import gettext as _
from stdnum import iban

from amiable.ledger.models import Creditor
from amiable.payments.models import Statement, StatementState

_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$")


def accounts_of(creditor: Creditor) -> list[str]:
    """The creditor's accounts: the one on its letters first, then those whose statements count."""
    counted = Statement.objects.filter(creditor=creditor, state=StatementState.COUNTED)
    own = [iban.compact(creditor.iban)] if creditor.iban else []
    return list(dict.fromkeys([*own, *counted.order_by("iban").values_list("iban", flat=True).distinct()]))


def owner_of(told: str, creditors: Sequence[Creditor]) -> tuple[Creditor, str] | None:
    """Whose account this is, and how the books name it; None where nobody of these is known to have it."""
    known = [(creditor, own) for creditor in creditors for own in accounts_of(creditor)]
    if not told:
        return known[0] if len(known) == 1 else None
    return next(((creditor, own) for creditor, own in known if same(own, told)), None)


def same(own: str, told: str) -> bool:
    """The same account: the IBAN, or its bank's number of it alone or behind the bank's code."""
    if own == told:
        return True
    if not _IBAN.match(own) or _IBAN.match(told):
        return False
    *bank, number = (re.sub(r"\D", "", part) for part in told.split("/"))
    digits = re.sub(r"\D", "", own[4:])
    if len(number.lstrip("0")) < 6 or (bank and not own[4:].startswith(bank[0])):
        return False
    return digits.endswith(number) or (bool(bank) and digits[len(bank[0]) :].lstrip("0") == number.lstrip("0"))


def doubt(told: str, creditor: Creditor) -> str:
    """Why a statement of this account, which nobody is known to have, waits for a person."""
    if _IBAN.match(told) and not iban.is_valid(told, check_country=False):
        return _("The IBAN %(iban)s of the account has a wrong check digit.") % {"iban": told}
    return _("The account %(iban)s is not known as one of %(creditor)s.") % {"iban": told, "creditor": creditor.name}
