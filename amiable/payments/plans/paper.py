"""The agreement as a PDF, as it was accepted: who owes what to whom, when it is paid, what else holds, who said yes.

In: a plan with its instalments and acceptance. Out: the bytes. Never: a charge to a consumer, a figure of somebody's means.
"""

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date, format_time

from amiable.core.money import shown
from amiable.core.typeset import numbered, pdf
from amiable.ledger.models import Customer, CustomerKind, Invoice
from amiable.ledger.reference import payment_reference
from amiable.payments.models import Plan
from amiable.payments.plans.limits import limits_of

PAPERS = Path(__file__).parent / "papers"
LOCALES = {"fr": "fr_FR", "en": "en_GB"}


def agreement_pdf(plan: Plan, *, as_of: date, now: datetime) -> bytes:
    """The agreement in the customer's language, else in the creditor's."""
    data = agreement_data(plan, as_of=as_of)
    return numbered(lambda pages: pdf(PAPERS / "agreement.typ", {**data, "pages": pages}, made_at=now))


def agreement_data(plan: Plan, *, as_of: date) -> dict[str, Any]:
    """Everything that the page says, in words."""
    customer, creditor = plan.customer, plan.customer.creditor
    language = _language(customer)
    words = _words(language)
    parts = list(plan.instalments.order_by("due_on", "id"))
    open_now = plan.total_minor + plan.discount_minor

    def amount(minor: int) -> str:
        return shown(minor, plan.currency, language).replace("\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")

    return {
        "language": language,
        "words": words,
        "title": words["title_one" if len(parts) == 1 else "title"].format(n=len(parts)),
        "creditor": {
            "name": creditor.name,
            "address": [line for line in creditor.address.splitlines() if line.strip()],
            "siren": creditor.siren,
        },
        "reach": [value for value in (creditor.phone, creditor.email) if value],
        "customer": _address(customer),
        "facts": [
            [words["number"], customer.number],
            [words["agreement"], f"{plan.pk}"],
            [words["reference"], payment_reference(customer)],
        ],
        "invoices": [
            [row.reference, _day(row.issued_on, language), _day(row.due_on, language)]
            for row in Invoice.objects.filter(pk__in=plan.invoices).order_by("due_on", "id")
        ],
        "covered": amount(open_now),
        "discount": amount(plan.discount_minor) if plan.discount_minor else "",
        "parts": [[str(n), _day(part.due_on, language), amount(part.amount_minor)] for n, part in enumerate(parts, 1)],
        "deposit": words["deposit"] if plan.terms.get("deposit") else "",
        "total": amount(plan.total_minor),
        "clauses": _clauses(plan, words, amount=amount),
        "accepted": _accepted(plan, words, language),
    }


def _clauses(plan: Plan, words: dict[str, Any], *, amount: Any) -> list[str]:
    """What else holds, in the order of a reader's questions."""
    limits = limits_of(plan.customer.creditor, plan.currency)
    consumer = plan.customer.kind == CustomerKind.CONSUMER
    said = ["free_consumer" if consumer else "free" if plan.terms.get("freeze", True) else "interest"]
    said += ["rest", "early", "collected" if plan.mandate_id else "by_hand", "change"]
    said += ["accelerates"] if plan.terms.get("accelerates") else ["late"]
    said += ["discount"] if plan.discount_minor else []
    said += ["guarantee"] if plan.terms.get("guarantee") else []
    said += ["recognised"]
    values = {
        "grace": limits.grace_days,
        "cure": limits.cure_days,
        "notice": limits.notice_days,
        "discount": amount(plan.discount_minor),
        "guarantee": plan.terms.get("guarantee", ""),
    }
    return [words["clauses"][name].format(**values) for name in said]


def _accepted(plan: Plan, words: dict[str, Any], language: str) -> str:
    assert plan.accepted_at is not None
    at = plan.accepted_at.astimezone(ZoneInfo(plan.customer.creditor.time_zone))
    told = {
        "name": plan.accepted_name,
        "day": _day(at.date(), language),
        "time": format_time(at, "HH:mm:ss", locale=LOCALES[language]),
        "zone": plan.customer.creditor.time_zone,
        "ip": plan.accepted_from or "",
    }
    return str(words["accepted" if plan.accepted_from else "accepted_told"]).format(**told)


def _day(value: date, language: str) -> str:
    said = format_date(value, "d MMMM y", locale=LOCALES[language])
    return f"1er{said[1:]}" if language == "fr" and said.startswith("1 ") else said


def _language(customer: Customer) -> str:
    return next((one[:2] for one in (customer.language, customer.creditor.language) if one[:2] in LOCALES), "fr")


def _address(customer: Customer) -> list[str]:
    lines = [customer.name, customer.street, f"{customer.postcode} {customer.city}".strip()]
    return [line for line in lines if line]


@cache
def _words(language: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PAPERS / f"agreement.{language}.yaml").read_text(encoding="utf-8"))
    return found
