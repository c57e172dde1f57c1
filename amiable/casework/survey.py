"""How it went: whom we may ask, what they answer, and what follows from an answer that is not good.

In: an ask (the day's sample, or one that a visit of the portal made), what was tapped. Out: one answer, which may be changed
for some days; a task where the customer is not content. Never: a customer asked twice in 90 days; a second row for a second tap.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override, pgettext_lazy

from amiable.casework import task
from amiable.casework.entrust import all_of, in_charge, responsible
from amiable.casework.models import Dispute, NotificationKind, SurveyAfter, SurveyAnswer, SurveyAsk, Task, TaskKind
from amiable.casework.notify import notify
from amiable.core import links
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Customer, HoldKind

PURPOSE = "survey"  # of the message that asks, and of the link in it
AT_ONCE = 1_000  # customers asked about in one query
REST_DAYS = 90  # nobody is asked again so soon; the constraint survey_once_in_90_days holds it
OPEN_DAYS = 21  # how long the link answers, and the answer may be changed
SHARE = 25  # of a hundred things that end, about how many are asked about; the creditor's policy may say `survey_share`
LOW = 6  # up to this score a person looks why
MOST_WORDS = 2_000
WORDS_KEPT = timedelta(days=730)  # what was answered in words; the score stays
# Ask nothing of those of whom any invoice is held for this: whatever ended, something harder has not.
NOT_NOW = (
    HoldKind.DISPUTE,
    HoldKind.INSOLVENCY,
    HoldKind.VULNERABLE,
    HoldKind.MORATORIUM,
    HoldKind.PLACED,
    HoldKind.OUT,
)
WAITS = (TaskKind.CALL, TaskKind.CONFIRM, TaskKind.REPLY, TaskKind.MANUAL)  # for a person: one of us has the word
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


def asks(creditor: Creditor, *, now: datetime) -> bool:
    """Whether the creditor asks anybody now: not in dry run, not while it is stopped, and not where its share is nought."""
    leaves = creditor.released_at is not None and creditor.released_at <= now and creditor.stopped_at is None
    return leaves and share_of(creditor) > 0


def spared(customers: Collection[int], *, as_of: date) -> set[int]:
    """Whom nobody asks, whatever has ended: on hold as a whole, in something harder, or waiting for one of us."""
    held = hold.active(as_of=as_of).filter(Q(invoice=None) | Q(kind__in=NOT_NOW))
    contested = Dispute.objects.filter(resolved_at=None)
    waiting = Task.objects.filter(done_at=None, kind__in=WAITS)
    # However many they are, each question names so many: a list of a day's customers has no bound.
    given, found = list(customers), set[int]()
    for start in range(0, len(given), AT_ONCE):
        among = given[start : start + AT_ONCE]
        for rows in (held, contested, waiting):
            found |= set(rows.filter(customer__in=among).values_list("customer", flat=True))
    return found


def may_be_offered(*, customer: Customer, address: str, now: datetime) -> bool:
    """Whether a page may ask this customer, whom a message brought here that went to `address` (empty: none did)."""
    as_of = day_of(now, customer.creditor.time_zone)
    return (
        asks(customer.creditor, now=now)
        and not asked_lately(customer=customer, as_of=as_of)
        and not addresses_asked([address], creditor=customer.creditor_id, as_of=as_of)
        and not spared([customer.pk], as_of=as_of)
    )


def asked_lately(*, customer: Customer, as_of: date) -> SurveyAsk | None:
    """The ask of the last 90 days."""
    mine = SurveyAsk.objects.filter(customer=customer, asked_on__gt=as_of - timedelta(days=REST_DAYS), void_since=None)
    return mine.order_by("-asked_on").first()


def addresses_asked(addresses: Iterable[str], *, creditor: int, as_of: date) -> set[str]:
    """Those of these addresses at which somebody was asked in the last 90 days, for whichever customer."""
    lower = {address.lower() for address in addresses if address}
    recent = SurveyAsk.objects.filter(
        address__in=lower, asked_on__gt=as_of - timedelta(days=REST_DAYS), customer__creditor=creditor, void_since=None
    )
    return set(recent.values_list("address", flat=True)) if lower else set()


def let_go(asked: Collection[int], *, now: datetime) -> None:
    """These questions reached nobody: their customers may be asked another time. What was answered has reached somebody."""
    SurveyAsk.objects.filter(pk__in=asked, answer=None, void_since=None).update(void_since=now)


def readdress(ask: int, *, address: str, as_of: date) -> bool:
    """The question goes to another address; False where whoever is there has been asked, and must not be again."""
    row = SurveyAsk.objects.select_related("customer").filter(pk=ask).first()
    if row is None or addresses_asked([address], creditor=row.customer.creditor_id, as_of=as_of):
        return False
    SurveyAsk.objects.filter(pk=ask).update(address=address.lower())
    return True


def offer(*, customer: Customer, after: str, subject_ref: str, now: datetime, address: str = "") -> SurveyAsk:
    """The ask of somebody who answers on a page without having been written to. Raises UnableToRate.

    `address`: where the message went whose link they came by, so that the same person is not asked there for another.
    """
    as_of = day_of(now, customer.creditor.time_zone)
    wish = SurveyAsk(
        customer=customer, after=SurveyAfter(after), subject_ref=subject_ref, medium="portal", address=address.lower(),
        asked_on=as_of, asked_at=now,
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
        context={"survey": ask.pk},  # the words stand with the answer alone, which forgets them
    )  # fmt: skip
    for user in charged:
        with override(user.language):
            text = _("%(name)s is not content: %(score)s out of 10") % {"name": customer.name, "score": answer.score}
        notify(users=[user], text=text, key=key, kind=NotificationKind.SURVEY, customer=customer, now=now)


def words_of(tasks: Iterable[Task]) -> dict[int, str]:
    """What the customer said, by the task that it made; no query where none of these tasks is about an answer."""
    about = {task.context["survey"]: task.pk for task in tasks if "survey" in task.context}
    told = SurveyAnswer.objects.filter(ask__in=about).values_list("ask", "words") if about else ()
    return {about[ask]: words for ask, words in told}


def forget(*, now: datetime) -> dict[str, int]:
    """An address is kept while it keeps somebody from being asked twice, words for two years; ask, score and day stay."""
    asked = SurveyAsk.objects.filter(asked_at__lt=now - timedelta(days=REST_DAYS + 1)).exclude(address="")
    said = SurveyAnswer.objects.filter(answered_at__lt=now - WORDS_KEPT).exclude(words="")
    return {"survey_addresses": asked.update(address=""), "survey_words": said.update(words="")}


def _in_charge(customer: Customer, as_of: date) -> Sequence[User]:
    """Whose customer it is: of the case, of the rules, of the collector, of the manager; else of every manager."""
    named = responsible(customer=customer, case=task.open_case(customer=customer), as_of=as_of)
    for role in ("collector", "credit_manager"):
        named = named or in_charge(role=role, customers=[customer], as_of=as_of).get(customer.pk)
    return [named] if named else all_of(role="credit_manager", customer=customer, as_of=as_of)
