"""The structured reference of a customer's payments (ISO 11649): printed on what goes out, recognised on what comes in."""

import re
from collections.abc import Mapping

from stdnum.iso7064 import mod_97_10

from amiable.ledger.models import Customer

_STRUCTURED = re.compile(r"^RF\d\d[A-Z0-9]{1,21}$")
_FITS = re.compile(r"^[A-Z0-9]{1,18}$")


def payment_reference(customer: Customer) -> str:
    """RF, two check digits, then the customer's number; our own number where theirs has signs that banks do not carry."""
    body = carried(customer.number, customer.pk)
    return f"RF{mod_97_10.calc_check_digits(body + 'RF')}{body}"


def bearer(code: str, known: Mapping[str, int]) -> int | None:
    """Whose a structured reference is, among these by what `carried` says of them; None where its check digits are wrong."""
    if not _STRUCTURED.match(code) or not mod_97_10.is_valid(code[4:] + code[:4]):
        return None
    return known.get(code[4:])


def carried(number: str, pk: int) -> str:
    """What the reference of a customer carries after its check digits."""
    return number.upper() if _FITS.match(number.upper()) else f"AMIABLE{pk}"
