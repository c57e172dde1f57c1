"""The creditor's rules of escalation: too much, too old, too silent, a task left lying, a dispute past its day.

In: rules as data (policy `escalations`). Out: a task for a role, a line for it, or a word asked of the salesperson; once
per rule and case, and the biggest first. Never: about what is held, or more in a day than people can look at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.entrust import ROLES, in_charge
from amiable.casework.models import Escalation, TaskKind
from amiable.casework.pass_up import Wish, pass_up
from amiable.casework.word import UnableToAsk, ask_word
from amiable.core.money import shown
from amiable.ledger.models import Creditor, Customer

POLICY = "escalations"
MOST = 200  # a rule, creditor and day: a new rule on an old ledger comes in parts, the biggest amounts first
WHENS = {
    "overdue": gettext_lazy("More than an amount is overdue"),
    "silence": gettext_lazy("No answer and no payment for so many days"),
    "task": gettext_lazy("A task has been left for so many days"),
    "dispute": gettext_lazy("A dispute is past its deadline"),
}
DOES = {
    "task": gettext_lazy("a task"),
    "tell": gettext_lazy("a line to read"),
    "word": gettext_lazy("a question by e-mail"),
}


@dataclass(frozen=True)
class Rule:
    """When so much is overdue for so many days (or silent, or left), the role gets a task, a line or a question."""

    key: str
    when: str
    days: int
    amount_minor: int
    role: str
    does: str

    def data(self) -> dict[str, Any]:
        return vars(self).copy()


@dataclass(frozen=True)
class Found:
    """What a rule is about: the case, task or dispute, whose, and what was measured."""

    subject: str
    customer: int
    case: int | None
    minor: int
    currency: str
    days: int


def rules_of(creditor: Creditor) -> list[Rule]:
    """The creditor's rules as they are kept; none where it has not declared any."""
    names = Rule.__dataclass_fields__
    return [Rule(**{name: each[name] for name in names}) for each in creditor.policy.get(POLICY, ())]


def escalate(*, creditor: Creditor, as_of: date, now: datetime) -> dict[str, int]:
    """Applies every rule of a creditor; returns how many spoke. Safe to repeat: once per rule and case."""
    return {"escalated": sum(_apply(rule, creditor, as_of=as_of, now=now) for rule in rules_of(creditor))}


def concerned(rule: Rule, *, creditor: Creditor, as_of: date, limit: int = MOST) -> list[Found]:
    """What the rule is about on that day and has not spoken of, the biggest amounts first."""
    values: dict[str, Any] = {
        "creditor": creditor.pk, "currency": creditor.currency, "as_of": as_of, "days": rule.days,
        "amount": rule.amount_minor, "rule": rule.key, "most": limit,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_FIND[rule.when], values)
        return [Found(*row) for row in cursor.fetchall()]


def sentence(rule: Rule, found: Found, language: str) -> str:
    """Why it is passed up, as the task and the line say it."""
    with translation.override(language):
        told = {"amount": shown(found.minor, found.currency, language), "days": found.days}
        return {
            "overdue": _("%(amount)s overdue, %(days)s days late"),
            "silence": _("No answer for %(days)s days, %(amount)s overdue"),
            "task": _("A task has been waiting for %(days)s days, %(amount)s overdue"),
            "dispute": _("Dispute past its deadline by %(days)s days"),
        }[rule.when] % told


@transaction.atomic
def _apply(rule: Rule, creditor: Creditor, *, as_of: date, now: datetime) -> int:
    found = concerned(rule, creditor=creditor, as_of=as_of)
    customers = Customer.objects.select_related("creditor").in_bulk({each.customer for each in found})
    rows = [
        Escalation(
            creditor=creditor, customer_id=each.customer, rule=rule.key, subject=each.subject, role=rule.role,
            does=rule.does, told={**rule.data(), "minor": each.minor, "currency": each.currency, "late": each.days}, at=now,
        )
        for each in found
    ]  # fmt: skip
    Escalation.objects.bulk_create(rows, ignore_conflicts=True)
    if rule.does == "word":
        _ask(rule, found, customers, as_of=as_of, now=now)
    else:
        pass_up(_wishes(rule, found, customers), as_of=as_of, now=now)
    return len(rows)


def _wishes(rule: Rule, found: Sequence[Found], customers: Mapping[int, Customer]) -> Iterator[Wish]:
    for each in found:
        yield Wish(
            key=f"raise:{rule.key}:{each.subject}", customer=customers[each.customer], role=rule.role, case_id=each.case,
            kind=TaskKind.OTHER if rule.does == "task" else "", tells=True,
            title=lambda language, each=each: sentence(rule, each, language),  # type: ignore[misc]
            context={"escalation": rule.key, "amount_minor": each.minor, "currency": each.currency, "days_late": each.days},
        )  # fmt: skip


def _ask(rule: Rule, found: Sequence[Found], customers: Mapping[int, Customer], *, as_of: date, now: datetime) -> None:
    """The one who has the role for the customer is asked; where nobody is, or cannot be written to, the line stands alone."""
    users = in_charge(role=rule.role, customers=customers.values(), as_of=as_of)
    for each in found:
        user = users.get(each.customer)
        if user is None:
            continue
        question = sentence(rule, each, user.language)
        try:
            ask_word(
                customer=customers[each.customer],
                user=user,
                question=question,
                key=f"raise:{rule.key}:{each.subject}",
                now=now,
            )
        except UnableToAsk:
            pass_up(_wishes(rule, [each], customers), as_of=as_of, now=now)


def checked(data: Mapping[str, Any]) -> Rule:
    """A rule as a form tells it. Raises KeyError where it names what there is not."""
    rule = Rule(**{name: data[name] for name in Rule.__dataclass_fields__})
    if rule.when not in WHENS or rule.does not in DOES or rule.role not in ROLES:
        raise KeyError(rule.when)
    return rule


# What is held (a promise, a plan, a dispute, a pause) is somebody's already: only the rest is counted.
_NEW = "NOT EXISTS (SELECT FROM casework_escalation e WHERE e.creditor_id = %(creditor)s AND e.rule = %(rule)s AND e.subject = "
_FREE = """
  k.creditor_id = %(creditor)s AND k.closed_on IS NULL AND k.currency = %(currency)s
  AND p.overdue_minor - p.held_minor > 0 AND p.overdue_minor - p.held_minor >= %(amount)s
  AND NOT EXISTS (SELECT FROM ledger_hold h WHERE h.customer_id = k.customer_id AND h.invoice_id IS NULL
                  AND h.since <= %(as_of)s AND (h.until IS NULL OR h.until > %(as_of)s))"""
_CASES = "casework_case k JOIN portfolio_profile p ON p.customer_id = k.customer_id AND p.currency = k.currency"
_HEARD = "greatest(k.opened_on, p.last_reply_on, p.last_paid_on)"
_FIND = {
    "overdue": f"""
SELECT 'case:' || k.id, k.customer_id, k.id, p.overdue_minor - p.held_minor, k.currency, %(as_of)s - p.oldest_due_on
FROM {_CASES} WHERE {_FREE} AND p.oldest_due_on <= %(as_of)s - %(days)s AND {_NEW} 'case:' || k.id)
ORDER BY 4 DESC, k.id LIMIT %(most)s""",
    "silence": f"""
SELECT 'case:' || k.id, k.customer_id, k.id, p.overdue_minor - p.held_minor, k.currency, %(as_of)s - {_HEARD}
FROM {_CASES} WHERE {_FREE} AND {_HEARD} <= %(as_of)s - %(days)s AND p.last_contact_on >= {_HEARD}
  AND {_NEW} 'case:' || k.id)
ORDER BY 4 DESC, k.id LIMIT %(most)s""",
    "task": f"""
SELECT 'task:' || t.id, t.customer_id, t.case_id, coalesce(p.overdue_minor, 0), %(currency)s, %(as_of)s - t.due_on
FROM casework_task t LEFT JOIN portfolio_profile p ON p.customer_id = t.customer_id AND p.currency = %(currency)s
WHERE t.creditor_id = %(creditor)s AND t.done_at IS NULL AND t.due_on <= %(as_of)s - greatest(%(days)s, 1)
  AND t.key NOT LIKE 'raise:%%' AND coalesce(p.overdue_minor, 0) >= %(amount)s AND {_NEW} 'task:' || t.id)
ORDER BY 4 DESC, t.id LIMIT %(most)s""",
    "dispute": f"""
SELECT 'dispute:' || d.id, d.customer_id, NULL::bigint, coalesce(d.disputed_minor, i.open_minor), i.currency,
       %(as_of)s - d.due_on
FROM casework_dispute d JOIN ledger_invoice i ON i.id = d.invoice_id
WHERE i.creditor_id = %(creditor)s AND d.resolved_at IS NULL AND d.due_on < %(as_of)s - %(days)s
  AND coalesce(d.disputed_minor, i.open_minor) >= CASE WHEN i.currency = %(currency)s THEN %(amount)s ELSE 0 END
  AND {_NEW} 'dispute:' || d.id)
ORDER BY 4 DESC, d.id LIMIT %(most)s""",
}
