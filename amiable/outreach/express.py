"""Facts as a customer reads them: amounts, dates and delays in the customer's language, links, ways to pay.

In: Facts. Out: the names that texts may use (names.py lists them all, with their meaning).
Never: an amount that is not the residual of this moment.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import override

from amiable.casework import survey
from amiable.core import links
from amiable.core.calendar import next_business_day
from amiable.law.late import late
from amiable.ledger.choose import named
from amiable.ledger.models import Creditor, CustomerKind
from amiable.ledger.reference import payment_reference
from amiable.outreach.gather import Line, Matter
from amiable.outreach.speak import amount as amount
from amiable.outreach.speak import colour as colour
from amiable.outreach.speak import day as day
from amiable.outreach.speak import delay as delay
from amiable.outreach.speak import grouped as grouped
from amiable.outreach.speak import phone as phone
from amiable.outreach.speak import phone_url as phone_url
from amiable.outreach.speak import short_day as short_day
from amiable.outreach.tell import told

SHOWN_LINES = 25  # more invoices than this are in the statement that goes along
NAMED_LINES = 6  # of each account, where one message tells several
WITH_PAPERS = {"email", "letter"}  # media that can carry a document
ANSWER_DAYS = 8  # a formal notice leaves at least so many days to answer
UNSUBSCRIBE_DAYS = 730  # a wish not to be written to is heard for two years
NO_LINE: dict[str, Any] = {
    **dict.fromkeys(("reference", "issued", "due", "due_short", "delay", "open", "amount"), ""),
    "days_late": 0, "late": False, "settled": False, "part": False,
}  # fmt: skip
FACES = {2: "😞", 4: "😕", 6: "😐", 8: "😊", 10: "😃"}
NO_SURVEY: dict[str, Any] = {"after": "", "scale": []}  # the faces stand in the text that asks, and in no other
STOP = {"fr": "STOP pour ne plus en recevoir", "en": "Reply STOP to opt out"}


def express(facts: Matter) -> dict[str, Any]:
    """The names of a text, filled with the facts of one message."""
    message, language = facts.message, facts.message.language
    about, also = (sorted(part, key=lambda line: (line.due_on, line.id)) for part in (facts.about, facts.also))
    lines = [*about, *also]
    url = portal_url(facts)
    return {
        **_people(facts),
        "colleague": str(message.context.get("colleague") or "…"),  # who is on the phone, in a script
        "purpose": message.purpose,
        "tone": message.tone,
        "as_of": day(facts.as_of, language),
        "answer_by": day(_answer_by(facts), language),
        "count": len(lines),
        "about_count": len(about),
        "first": _line(about[0], facts) if about else NO_LINE,
        "invoices": [_line(line, facts) for line in about[:SHOWN_LINES]],
        "also_apart": facts.apart,
        "summed": len(facts.asked) > 1 or facts.credit_minor > 0,
        "also": [_line(line, facts) for line in also[: max(SHOWN_LINES - len(about), 0)]],
        "more": max(len(lines) - SHOWN_LINES, 0),
        "oldest_days_late": max(((facts.as_of - line.due_on).days for line in lines), default=0),
        "total": _amount(facts.total_minor, facts),
        "about_total": _amount(sum(line.open_minor for line in about), facts),
        "about_to_pay": _amount(max(sum(line.open_minor for line in about) - facts.credit_minor, 0), facts),
        "credit": _amount(facts.credit_minor, facts) if facts.credit_minor else "",
        "to_pay": _amount(facts.to_pay_minor, facts),
        "asked": _asked(facts),
        "nothing_to_pay": facts.to_pay_minor == 0,
        "statement_attached": attaches_statement(facts),
        "by_transfer": transfers(facts),
        "by_qr": transfers(facts) and message.currency == "EUR",
        "pay_url": url,
        "paid_url": f"{url}?to=paid",
        "talk_url": f"{url}?to=talk",
        "preferences_url": f"{url}?to=preferences",
        **_survey(facts, url),
        "unsubscribe_url": unsubscribe_url(facts),
        "sms_stop": str(facts.creditor.policy.get("sms_stop") or STOP[language]),
        "accounts": [_account(each) for each in (facts, *facts.together)] if facts.together else [],
        **_late_charges(facts),
        **told(facts),
    }


def _account(facts: Matter) -> dict[str, Any]:
    """One of several accounts that a message tells."""
    lines = sorted((*facts.about, *facts.also), key=lambda line: (line.due_on, line.id))
    named = ", ".join(line.reference for line in lines[:NAMED_LINES])
    return {
        "name": facts.customer.name,
        "number": facts.customer.number,
        "to_pay": _amount(facts.to_pay_minor, facts),
        "count": len(lines),
        "references": f"{named}…" if len(lines) > NAMED_LINES else named,
        "delay": _line(lines[0], facts)["delay"] if lines else "",
        "pay_url": portal_url(facts),
    }


def _asked(facts: Matter) -> str:
    """The part that whoever ordered the message asks for now; empty where it is not less than all of it."""
    minor = int((facts.message.context.get("pay") or {}).get("amount_minor") or 0)
    return _amount(minor, facts) if 0 < minor < facts.to_pay_minor else ""


def portal_url(facts: Matter) -> str:
    return _link("portal", "p", {"c": facts.customer.pk, "m": facts.message.pk or 0}, facts.now, settings.LINK_DAYS)


def _survey(facts: Matter, portal: str) -> dict[str, Any]:
    """The page of the ask that ordered the message, and its five answers; from any other text the customer's page leads there."""
    asked = facts.message.context.get("survey") or {}
    if facts.message.purpose != survey.PURPOSE and not asked:
        return {"survey_url": f"{portal}?to=survey", "survey": NO_SURVEY}
    url, more = f"{portal}?to=survey", "&"
    if "ask" in asked:
        asked_at = asked.get("asked_at") or facts.message.created_at.isoformat()  # of one ordered before it was kept
        token = survey.token(ask=int(asked["ask"]), asked_at=datetime.fromisoformat(asked_at))
        url, more = f"{settings.BASE_URL}/s/{token}/", "?"
    with override(facts.message.language):
        scale = [
            {"url": f"{url}{more}score={score}", "face": FACES[score], "words": str(text)}
            for score, text in survey.FACES.items()
        ]
    return {"survey_url": url, "survey": {"after": str(asked.get("after", "")), "scale": scale}}


def unsubscribe_url(facts: Matter) -> str:
    return _link("unsubscribe", "u", {"m": facts.message.pk or 0}, facts.now, UNSUBSCRIBE_DAYS)


def hook_url(creditor: Creditor, channel: str) -> str:
    """Where a carrier tells what became of a creditor's messages, and what people answer."""
    return f"{settings.BASE_URL}/hooks/channel/{creditor.pk}/{channel}/"


def talk_url(creditor: Creditor) -> str:
    """Where the carrier of a creditor's payment line asks what its voice says."""
    return f"{settings.BASE_URL}/voice/{creditor.pk}/"


def attaches_statement(facts: Matter) -> bool:
    """The statement goes along where it is the matter, where the list is long, and where the order says so."""
    if facts.message.medium not in WITH_PAPERS:
        return False
    wished = facts.message.context.get("attach_statement")
    if wished is not None:
        return bool(wished)
    return facts.message.purpose in {"statement", "formal_notice"} or len(facts.about) + len(facts.also) > SHOWN_LINES


def transfers(facts: Matter) -> bool:
    return facts.payee is not None and facts.message.currency == facts.creditor.currency


def letterhead(creditor: Creditor) -> dict[str, Any]:
    """Who writes, and how they are reached, as papers and messages say it."""
    return {
        "name": creditor.name,
        "address": [line.strip() for line in creditor.address.splitlines() if line.strip()],
        "siren": creditor.siren,
        "email": creditor.email,
        "phone": phone(creditor.phone, creditor.country),
        "payment_phone": phone(creditor.payment_phone, creditor.country),
    }


def _people(facts: Matter) -> dict[str, Any]:
    creditor, language, payee = facts.creditor, facts.message.language, facts.payee
    name = facts.contact.name.strip() if facts.contact else ""
    if not name and facts.customer.kind == CustomerKind.CONSUMER:
        name = facts.customer.name
    hello = "Bonjour" if language == "fr" else "Hello" if facts.message.tone == "warm" else "Dear"
    nobody = "Bonjour," if language == "fr" else "Hello,"
    return {
        "greeting": f"{hello} {name}," if name else nobody,
        "creditor": {
            **letterhead(creditor),
            "country": creditor.country,
            "phone_url": phone_url(creditor.phone, creditor.country),
            "payment_phone_url": phone_url(creditor.payment_phone, creditor.country),
            "iban": grouped(payee.iban) if payee else "",
            "bic": payee.bic if payee else "",
            "colour": colour(creditor.policy.get("colour")),
            "mediator": str(creditor.policy.get("mediator") or ""),
        },
        "factor": payee.name if payee and payee.factor else "",
        "customer": {"name": facts.customer.name, "number": facts.customer.number},
        "payment_reference": grouped(payment_reference(facts.customer)),
    }


def _line(line: Line, facts: Matter) -> dict[str, Any]:
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


def _late_charges(facts: Matter) -> dict[str, Any]:
    """Interest, indemnity and costs are named only where the law gives them and the creditor chose so: claimed or shown."""
    country, audience, language = facts.creditor.country, facts.customer.kind, facts.message.language
    law = late(country, audience, facts.as_of)
    interest, indemnity = named(facts.creditor.policy, country=country, audience=audience, as_of=facts.as_of)
    lines = facts.asked
    sums = {law.indemnity_minor(line.amount_minor, facts.message.currency) for line in lines} if indemnity else set()
    minor, included = max(sums, default=0), sum(line.charges_minor for line in lines)
    return {
        "late_charges": interest or minor > 0,
        "late_interest": interest,
        "late_law": law.article.partition(":")[0].strip(),
        "indemnity": amount(minor, law.currency, language) if minor else "",
        "charges_included": _amount(included, facts) if included else "",
        "charges_besides": _amount(facts.besides_minor, facts) if facts.besides_minor else "",
    }


def _answer_by(facts: Matter) -> date:
    given = facts.message.context.get("answer_by")
    if given:
        return date.fromisoformat(str(given))
    return next_business_day(facts.as_of + timedelta(days=ANSWER_DAYS), facts.creditor.country)


def _amount(value_minor: int, facts: Matter) -> str:
    return amount(value_minor, facts.message.currency, facts.message.language)


def _link(purpose: str, room: str, content: dict[str, Any], now: datetime, days: int) -> str:
    # The end falls on a whole hour: a link made again within the hour is the same link.
    expires = (now + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
    return f"{settings.BASE_URL}/{room}/{links.sign(purpose, content, expires=expires)}/"
