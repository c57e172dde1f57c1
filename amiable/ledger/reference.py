"""The structured reference of a customer's payments (ISO 11649): printed on what goes out, recognised on what comes in."""

import re

from stdnum.iso7064 import mod_97_10

from amiable.ledger.models import Customer

_FITS = re.compile(r"^[A-Z0-9]{1,18}$")


def payment_reference(customer: Customer) -> str:
    """RF, two check digits, then the customer's number; our own number where theirs has signs that banks do not carry."""
    number = customer.number.upper()
    body = number if _FITS.match(number) else f"AMIABLE{customer.pk}"
    return f"RF{mod_97_10.calc_check_digits(body + 'RF')}{body}"
