"""How it went: whom we may ask, what they answer, and what follows from an answer that is not good.

In: an ask (the day's sample, or one that a visit of the portal made), what was tapped. Out: one answer, which may be changed
for some days; a task where the customer is not content. Never: a customer asked twice in 90 days; a second row for a second tap.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override, pgettext_lazy

from amiable.casework import task
from amiable.casework.entrust import all_of, in_charge, responsible
from amiable.casework.models import NotificationKind, SurveyAfter, SurveyAnswer, SurveyAsk, Task, TaskKind
from amiable.casework.notify import notify
from amiable.core import links
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer

PURPOSE = "survey"  # of the message that asks, and of the link in it
REST_DAYS = 90  # nobody is asked again so soon; the constraint survey_once_in_90_days holds it
OPEN_DAYS = 21  # how long the link answers, and the answer may be changed
SHARE = 25  # of a hundred things that end, about how many are asked about; the creditor's policy may say `survey_share`
LOW = 6  # up to this score a person looks why
MOST_WORDS = 2_000
# How it went, in five faces from the saddest; the two best of five are what counts as content (8 of 10).
FACES: dict[int, Any] = {
    2: pgettext_lazy("survey", "Very bad"),
    4: pgettext_lazy("survey", "Bad"),
    6: pgettext_lazy("survey", "So-so"),
    8: pgettext_lazy("survey", "Good"),
    10: pgettext_lazy("survey", "Very good"),
}


class UnableToRate(UnableTo):
    """The answer cannot be taken."""


def share_of(creditor: Creditor) -> float:
    """Which part of what ends is asked about, from 0 to 1. What cannot be read asks nobody."""
    told = creditor.policy.get("survey_share", SHARE)
    fits = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= 100
    return told / 100 if fits else 0.0


def may_be_offered(*, customer: Customer, as_of: date) -> bool:
    """Whether a page may ask this customer: one whom nobody has asked lately, and whom nothing keeps from being spoken to."""
    return (
        share_of(customer.creditor) > 0
        and not asked_lately(customer=customer, as_of=as_of)
        and not hold.active(as_of=as_of).filter(customer=customer, invoice=None).exists()
    )


def asked_lately(*, customer: Customer, as_of: date) -> SurveyAsk | None:
    """The ask of the last 90 days."""
    mine = SurveyAsk.objects.filter(customer=customer, asked_on__gt=as_of - timedelta(days=REST_DAYS))
    return mine.exclude(medium="").order_by("-asked_on").first()


def offer(*, customer: Customer, after: str, subject_ref: str, now: datetime) -> SurveyAsk:
    """The ask of somebody who answers on a page without having been written to. Raises UnableToRate."""
    as_of = day_of(now, customer.creditor.time_zone)
    wish = SurveyAsk(
        customer=customer, after=SurveyAfter(after), subject_ref=subject_ref, medium="portal", asked_on=as_of, asked_at=now
    )  # fmt: skip
    # Two taps at once, or the day's own question at the same moment: the database lets one of them be.
    SurveyAsk.objects.bulk_create([wish], ignore_conflicts=True)
    found = asked_lately(customer=customer, as_of=as_of)
    if found is None or not is_open(found, now=now):
        raise UnableToRate(_("You have told us lately what you think. Thank you!"))
    return found


def token(*, ask: int, asked_at: datetime) -> str:
    """What opens the page of one ask, from the message or from the portal, and nothing else."""
    return links.sign(PURPOSE, {"a": ask}, expires=asked_at + timedelta(days=OPEN_DAYS))


def is_open(ask: SurveyAsk, *, now: datetime) -> bool:
    return now < ask.asked_at + timedelta(days=OPEN_DAYS)


def rate(
    *, ask: SurveyAsk, now: datetime, score: int | None = None, recommend: int | None = None, words: str | None = None
) -> SurveyAnswer:
    """Notes what was answered; what is None stays as it was. Inside the transaction of the saying. Raises UnableToRate."""
    row = (
        SurveyAsk.objects.select_for_update(of=("self",))
        .select_related("customer__creditor", "customer__merged_into__creditor")
        .get(pk=ask.pk)
    )
    if not is_open(row, now=now):
        raise UnableToRate(_("This question has expired."))
    told = {"score": score, "recommend": recommend, "words": None if words is None else _plain(words)}
    told = {name: value for name, value in told.items() if value is not None}
    if not all(0 <= value <= 10 for value in told.values() if isinstance(value, int)):
        raise UnableToRate(_("Please choose one of the answers."))
    before = SurveyAnswer.objects.filter(ask=row).first()
    if before is None and score is None:
        raise UnableToRate(_("Please choose one of the faces first."))
    answer, _new = SurveyAnswer.objects.update_or_create(
        ask=row, defaults={**told, "answered_at": now, "customer_id": _whose(row).pk}
    )
    if before is None or (before.score, before.words) != (answer.score, answer.words):
        _follow(row, answer, now=now)
    return answer


def _whose(ask: SurveyAsk) -> Customer:
    """A record that was merged away speaks for the one that stayed."""
    return ask.customer.merged_into or ask.customer


def _plain(words: str) -> str:
    return words.replace("\x00", "").strip()[:MOST_WORDS]


def _follow(ask: SurveyAsk, answer: SurveyAnswer, *, now: datetime) -> None:
    """Whoever is in charge looks why somebody is not content; where it was a slip of the finger, nobody need look."""
    customer = _whose(ask)
    key = f"survey:{ask.pk}"
    if answer.score > LOW:
        slip = Task.objects.filter(key=key, done_at=None, taken_at=None).first()
        if slip is not None:
            task.finish(task=slip, outcome="settled", now=now)
        return
    as_of = day_of(now, customer.creditor.time_zone)
    charged = _in_charge(customer, as_of)
    alone = charged[0] if len(charged) == 1 else None
    after = SurveyAfter(ask.after).label
    task.ask(
        kind=TaskKind.OTHER, key=key, customer=customer, due_on=as_of, now=now, assignee=alone,
        title=in_house(gettext_lazy("Not content: %(score)s out of 10 (%(after)s)"), score=answer.score, after=after),
        context={"words": answer.words, "score": answer.score, "survey": ask.pk},
    )  # fmt: skip
    for user in charged:
        with override(user.language):
            text = _("%(name)s is not content: %(score)s out of 10") % {"name": customer.name, "score": answer.score}
        notify(users=[user], text=text, key=key, kind=NotificationKind.SURVEY, customer=customer, now=now)


def _in_charge(customer: Customer, as_of: date) -> Sequence[User]:
    """Whose customer it is: of the case, of the rules, of the collector, of the manager; else of every manager."""
    named = responsible(customer=customer, case=task.open_case(customer=customer), as_of=as_of)
    for role in ("collector", "credit_manager"):
        named = named or in_charge(role=role, customers=[customer], as_of=as_of).get(customer.pk)
    return [named] if named else all_of(role="credit_manager", customer=customer, as_of=as_of)
