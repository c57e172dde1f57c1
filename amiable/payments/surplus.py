"""Money that came by a try to pay and is more than what was open: it stays to the customer's credit, and a person is asked.

In: a credit that has been spread. Out: a task. Never: a surplus that nobody sees, money given back by itself.
"""

from datetime import date, datetime

from django.utils.translation import gettext_lazy

from amiable.casework.models import Task, TaskKind
from amiable.casework.task import ask
from amiable.core.money import shown
from amiable.core.words import in_house
from amiable.ledger.models import Credit
from amiable.payments.models import Attempt, AttemptState


def ask_about_surplus(*, attempt: Attempt, credit: Credit, as_of: date, now: datetime) -> Task | None:
    """Asks a person to give back what nothing was open for; none where all of it was needed.

    Two people who pay one invoice in the same minute both succeed; only one of them was needed.
    """
    credit.refresh_from_db(fields=["open_minor"])
    if credit.open_minor <= 0 or credit.customer is None:
        return None
    twice = Attempt.objects.filter(
        state=AttemptState.SUCCEEDED,
        customer=attempt.customer,
        invoices__overlap=attempt.invoices,
        credit__isnull=False,
    ).exclude(pk=attempt.pk)
    paid_twice = gettext_lazy("Paid twice: %(amount)s to give back to the customer")
    too_much = gettext_lazy("Paid too much: %(amount)s to give back to the customer")
    return ask(
        kind=TaskKind.CHECK,
        key=f"surplus:{credit.pk}",
        customer=credit.customer,
        title=in_house(
            paid_twice if twice.exists() else too_much,
            amount=shown(credit.open_minor, credit.currency),
        ),
        due_on=as_of,
        context={"credit": credit.pk, "attempt": attempt.pk, "invoices": attempt.invoices},
        currency=credit.currency,
        now=now,
    )
