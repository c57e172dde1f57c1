"""Facts as a customer reads them: amounts, dates and delays in the customer's language, links, ways to pay.

In: Facts. Out: the names that texts may use (SAMPLE lists them all).
Never: an amount that is not the residual of this moment.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import phonenumbers
from babel.dates import format_date
from django.conf import settings

from amiable.core import links, money
from amiable.core.calendar import next_business_day
from amiable.ledger.models import Creditor, CustomerKind
from amiable.ledger.reference import payment_reference
from amiable.outreach.gather import Facts, Line

LOCALES = {"fr": "fr_FR", "en": "en_GB"}
SHOWN_LINES = 25  # more invoices than this are in the statement that goes along
ANSWER_DAYS = 8  # a formal notice leaves at least so many days to answer
UNSUBSCRIBE_DAYS = 730  # a wish not to be written to is heard for two years
COLOUR = "#1b5e7b"


def express(facts: Facts) -> dict[str, Any]:
    """The names of a text, filled with the facts of one message."""
    message, language = facts.message, facts.message.language
    about, also = (sorted(part, key=lambda line: (line.due_on, line.id)) for part in (facts.about, facts.also))
    lines = [*about, *also]
    url = portal_url(facts)
    return {
        **_people(facts),
        "colleague": str(message.context.get("colleague", "")),  # who is on the phone, in a script
        "purpose": message.purpose,
        "tone": message.tone,
        "as_of": day(facts.as_of, language),
        "answer_by": day(_answer_by(facts), language),
        "count": len(lines),
        "about_count": len(about),
        "first": _line(about[0], facts) if about else None,
        "invoices": [_line(line, facts) for line in about[:SHOWN_LINES]],
        "also": [_line(line, facts) for line in also[: max(SHOWN_LINES - len(about), 0)]],
        "more": max(len(lines) - SHOWN_LINES, 0),
        "oldest_days_late": max(((facts.as_of - line.due_on).days for line in lines), default=0),
        "total": _amount(facts.total_minor, facts),
        "about_total": _amount(sum(line.open_minor for line in about), facts),
        "about_to_pay": _amount(max(sum(line.open_minor for line in about) - facts.credit_minor, 0), facts),
        "credit": _amount(facts.credit_minor, facts) if facts.credit_minor else "",
        "to_pay": _amount(facts.to_pay_minor, facts),
        "nothing_to_pay": facts.to_pay_minor == 0,
        "statement_attached": attaches_statement(facts),
        "by_transfer": transfers(facts),
        "pay_url": url,
        "paid_url": f"{url}?to=paid",
        "talk_url": f"{url}?to=talk",
        "preferences_url": f"{url}?to=preferences",
        "unsubscribe_url": unsubscribe_url(facts),
        "payment": _payment(message.context, facts),
    }


def portal_url(facts: Facts) -> str:
    return _link("portal", "p", {"c": facts.customer.pk, "m": facts.message.pk or 0}, facts.now, settings.LINK_DAYS)


def unsubscribe_url(facts: Facts) -> str:
    return _link("unsubscribe", "u", {"m": facts.message.pk or 0}, facts.now, UNSUBSCRIBE_DAYS)


def hook_url(creditor: Creditor, channel: str) -> str:
    """Where a carrier tells what became of a creditor's messages, and what people answer."""
    return f"{settings.BASE_URL}/hooks/channel/{creditor.pk}/{channel}/"


def attaches_statement(facts: Facts) -> bool:
    """The statement goes along where it is the matter, where the list is long, and where the order says so."""
    wished = facts.message.context.get("attach_statement")
    if wished is not None:
        return bool(wished)
    return facts.message.purpose in {"statement", "formal_notice"} or len(facts.about) + len(facts.also) > SHOWN_LINES


def transfers(facts: Facts) -> bool:
    return bool(facts.creditor.iban) and facts.message.currency == facts.creditor.currency


@lru_cache(maxsize=4096)
def day(value: date, language: str) -> str:
    """A date as it is said: 12 novembre 2025, 12 November 2025."""
    said = format_date(value, "d MMMM y", locale=LOCALES[language]).replace(" ", "\u00a0", 1)
    return f"1er{said[1:]}" if language == "fr" and said.startswith("1\u00a0") else said


@lru_cache(maxsize=4096)
def short_day(value: date, language: str) -> str:
    return format_date(value, "dd/MM/y" if language == "fr" else "d MMM y", locale=LOCALES[language])


@lru_cache(maxsize=8192)
def amount(value_minor: int, currency: str, language: str) -> str:
    # The narrow space of French typography all but vanishes in columns of figures: the full one is read faster.
    return money.shown(value_minor, currency, language).replace("\u202f", "\u00a0").replace("-", "\u2212")


def delay(days_late: int, language: str) -> str:
    """How late, in words; a date to come is said so."""
    if language == "fr":
        if days_late <= 0:
            return (
                "à régler aujourd’hui" if days_late == 0 else f"dans {-days_late} jour{'s' if days_late < -1 else ''}"
            )
        return f"{days_late} jour{'s' if days_late > 1 else ''} de retard"
    if days_late <= 0:
        return "due today" if days_late == 0 else f"in {-days_late} day{'s' if days_late < -1 else ''}"
    return f"{days_late} day{'s' if days_late > 1 else ''} late"


def _people(facts: Facts) -> dict[str, Any]:
    creditor, language = facts.creditor, facts.message.language
    name = facts.contact.name.strip() if facts.contact else ""
    if not name and facts.customer.kind == CustomerKind.CONSUMER:
        name = facts.customer.name
    hello = "Bonjour" if language == "fr" else "Hello" if facts.message.tone == "warm" else "Dear"
    nobody = "Bonjour," if language == "fr" else "Hello,"
    return {
        "greeting": f"{hello} {name}," if name else nobody,
        "creditor": {
            "name": creditor.name,
            "address": [line.strip() for line in creditor.address.splitlines() if line.strip()],
            "siren": creditor.siren,
            "country": creditor.country,
            "email": creditor.email,
            "phone": phone(creditor.phone, creditor.country),
            "phone_url": phone_url(creditor.phone, creditor.country),
            "payment_phone": phone(creditor.payment_phone, creditor.country),
            "payment_phone_url": phone_url(creditor.payment_phone, creditor.country),
            "iban": grouped(creditor.iban),
            "bic": creditor.bic,
            "colour": colour(creditor.policy.get("colour")),
        },
        "customer": {"name": facts.customer.name, "number": facts.customer.number},
        "payment_reference": grouped(payment_reference(facts.customer)),
    }


def _line(line: Line, facts: Facts) -> dict[str, Any]:
    language = facts.message.language
    days_late = (facts.as_of - line.due_on).days
    return {
        "reference": line.reference,
        "issued": short_day(line.issued_on, language),
        "due": day(line.due_on, language),
        "due_short": short_day(line.due_on, language),
        "days_late": days_late,
        "late": days_late > 0,
        "delay": delay(days_late, language),
        "open": _amount(line.open_minor, facts),
        "settled": line.open_minor == 0,
        "part": line.amount_minor != line.open_minor and line.open_minor > 0,
        "amount": _amount(line.amount_minor, facts),
    }


def _payment(context: Mapping[str, Any], facts: Facts) -> dict[str, str]:
    """What a receipt or a confirmed promise speaks of: context {"amount_minor", "received_on", "promised_for"}."""
    language = facts.message.language
    told = {"amount": _amount(int(context.get("amount_minor") or 0), facts), "received_on": "", "promised_for": ""}
    for name in ("received_on", "promised_for"):
        if context.get(name):
            told[name] = day(date.fromisoformat(str(context[name])), language)
    return told


def _answer_by(facts: Facts) -> date:
    given = facts.message.context.get("answer_by")
    if given:
        return date.fromisoformat(str(given))
    return next_business_day(facts.as_of + timedelta(days=ANSWER_DAYS), facts.creditor.country)


def _amount(value_minor: int, facts: Facts) -> str:
    return amount(value_minor, facts.message.currency, facts.message.language)


def _link(purpose: str, room: str, content: dict[str, Any], now: datetime, days: int) -> str:
    # The end falls on a whole hour: a link made again within the hour is the same link.
    expires = (now + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    return f"{settings.BASE_URL}/{room}/{links.sign(purpose, content, expires=expires)}/"


def grouped(text: str) -> str:
    """IBAN and references in groups of four, as banks print them."""
    bare = re.sub(r"\s", "", text)
    return " ".join(bare[start : start + 4] for start in range(0, len(bare), 4))


@lru_cache(maxsize=1024)
def phone(number: str, country: str) -> str:
    """The number as it is dialled from the creditor's country; what cannot be read is shown as it was given."""
    parsed = _parsed(number, country)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL) if parsed else number


@lru_cache(maxsize=1024)
def phone_url(number: str, country: str) -> str:
    parsed = _parsed(number, country)
    return f"tel:{phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)}" if parsed else ""


def _parsed(number: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number, country) if number else None
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=256)
def colour(wished: object) -> str:
    """The creditor's colour where white words on it can be read (4.5:1), else the house's."""
    if not isinstance(wished, str) or not re.fullmatch(r"#[0-9a-fA-F]{6}", wished):
        return COLOUR
    parts: Sequence[float] = [int(wished[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return wished if 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5 else COLOUR


_LINE: dict[str, Any] = dict.fromkeys(
    ["reference", "issued", "due", "due_short", "days_late", "late", "delay", "open", "settled", "part", "amount"], ""
)
_CREDITOR = "name address siren country email phone phone_url payment_phone payment_phone_url iban bic colour"
# Every name that a text may use.
SAMPLE: dict[str, Any] = {
    **dict.fromkeys(
        [
            "greeting",
            "colleague",
            "purpose",
            "tone",
            "as_of",
            "answer_by",
            "count",
            "about_count",
            "more",
            "oldest_days_late",
            "total",
            "about_total",
            "about_to_pay",
            "credit",
            "to_pay",
            "nothing_to_pay",
            "statement_attached",
            "by_transfer",
            "pay_url",
            "paid_url",
            "talk_url",
            "preferences_url",
            "unsubscribe_url",
            "payment_reference",
        ],
        "",
    ),
    "first": _LINE,
    "invoices": [_LINE],
    "also": [_LINE],
    "payment": dict.fromkeys(["amount", "received_on", "promised_for"], ""),
    "creditor": dict.fromkeys(_CREDITOR.split(), ""),
    "customer": dict.fromkeys(["name", "number"], ""),
    "statement": dict.fromkeys(["open", "overdue", "not_due", "credit", "net", "nothing_open"], ""),
}
