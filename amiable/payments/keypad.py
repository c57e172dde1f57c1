"""A try that a colleague prepares for a customer who types the card on a telephone: found there by a short code.

In: an attempt, later a code and the call in which it was typed. Out: the attempt, once.
Never: a code that opens two calls, or one of another creditor; a code that is good for longer than minutes.
"""

import secrets
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.payments.models import Attempt, AttemptState, KeypadCode

DIGITS = 6
GOOD_FOR = timedelta(minutes=10)
DRAWS = 20


class UnableToGiveCode(UnableTo):
    """No code is free, or the try has gone on already."""


def give_code(*, attempt: Attempt, now: datetime) -> KeypadCode:
    """The code that leads a call to this try. Raises UnableToGiveCode."""
    if attempt.state != AttemptState.OPENED:
        raise UnableToGiveCode(_("This payment has begun already."))
    KeypadCode.objects.filter(creditor=attempt.creditor_id, used_at=None, expires_at__lte=now).delete()
    for _draw in range(DRAWS):
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        try:
            with transaction.atomic():
                return KeypadCode.objects.create(
                    attempt=attempt, creditor_id=attempt.creditor_id, code=code, expires_at=now + GOOD_FOR
                )
        except IntegrityError:
            continue  # somebody has this one just now
    raise UnableToGiveCode(_("No code is free just now; try again in a moment."))


def claim(*, creditor_id: int, code: str, call: str, now: datetime) -> Attempt | None:
    """The try that a code means, for the first call in which it is typed, and for the same call asked again."""
    if len(code) != DIGITS or not call:
        return None
    theirs = KeypadCode.objects.filter(creditor=creditor_id, code=code)
    good = theirs.filter(used_at=None, expires_at__gt=now, attempt__state=AttemptState.OPENED)
    good.update(used_at=now, call=call)
    found = theirs.filter(call=call).select_related("attempt__creditor", "attempt__customer", "attempt__by").first()
    return found.attempt if found else None
