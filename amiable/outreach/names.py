"""Every name that a text may use: what it means, and how it reads in an example.

In: nothing. Out: NAMES for the editor and the documents, and a whole sample for trying a text out.
Never: a name that express does not fill (a test holds both together).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

LANGUAGES = ("fr", "en")


@dataclass(frozen=True)
class Name:
    """`path` as it is written; what stands in a list has `[]` after the list's name."""

    path: str
    meaning: str | Promise
    fr: Any
    en: Any = None  # the same in both languages where it is not given

    def example(self, language: str) -> Any:
        return self.fr if language == "fr" or self.en is None else self.en


# As long as a real one, so that the segments of an SMS are counted as they will be.
_PAGE = (
    "https://compte.lumen.example/p/eyJjIjoxMDQyMDAsIm0iOjEyMzQ1NjcsImUiOjE3OTg3NjE2MDB9:1xV1qo"
    ":WzKXC-zaFkYXWI_NYhDnaxOpx3JKK4CxXWlnKZh90ZQ/"
)
_RATE = (
    "https://compte.lumen.example/s/eyJhIjoxMDQyMDAsImUiOjE3OTg3NjE2MDB9:WzKXC-zaFkYXWI_NYhDnaxOpx3JKK4CxXWlnKZh90ZQ/"
)
_LINE = (
    Name("reference", _("the invoice’s number"), "F-2026-0143"),
    Name("issued", _("its date, short"), "12/12/2025", "12 Dec 2025"),
    Name("due", _("its due date, in words"), "11 janvier 2026", "11 January 2026"),
    Name("due_short", _("its due date, short"), "11/01/2026", "11 Jan 2026"),
    Name("days_late", _("days past due; below zero: still to come"), 12),
    Name("late", _("whether it is past due"), True),
    Name("delay", _("the same in words"), "12 jours de retard", "12 days late"),
    Name("open", _("what is left to pay of it"), "123,45 €", "€123.45"),
    Name("settled", _("whether nothing is left of it"), False),
    Name("part", _("whether a part of it has been paid"), False),
    Name("amount", _("its whole amount"), "123,45 €", "€123.45"),
)
_INSTALMENT = (
    Name("number", _("its place in the plan"), 1),
    Name("due", _("its day, in words"), "1er février 2026", "1 February 2026"),
    Name("due_short", _("its day, short"), "01/02/2026", "1 Feb 2026"),
    Name("amount", _("its whole amount"), "41,15 €", "€41.15"),
    Name("paid", _("what of it has been paid; empty: nothing"), ""),
    Name("left", _("what is left of it"), "41,15 €", "€41.15"),
    Name("late", _("whether its day has passed and it is not paid"), False),
    Name("settled", _("whether it is paid"), False),
)


def _of(place: str, rows: tuple[Name, ...]) -> Iterator[Name]:
    for row in rows:
        yield Name(f"{place}.{row.path}", row.meaning, row.fr, row.en)


NAMES: tuple[Name, ...] = (
    Name("greeting", _("the opening, by name where it is known"), "Bonjour Anna Martin,", "Hello Anna Martin,"),
    Name("customer.name", _("the customer’s name"), "Anna Martin"),
    Name("customer.number", _("the customer’s number"), "C1042"),
    Name("to_pay", _("what is to be paid now, credits taken off"), "123,45 €", "€123.45"),
    Name("asked", _("the part that a colleague asks for now; empty: all of it"), ""),
    Name("nothing_to_pay", _("whether credits cover everything"), False),
    Name("total", _("what is open of all invoices named, before credits"), "123,45 €", "€123.45"),
    Name("credit", _("what the customer has to their credit; empty: nothing"), ""),
    Name("about_to_pay", _("what the message is about, credits taken off"), "123,45 €", "€123.45"),
    Name("about_total", _("what the message is about, before credits"), "123,45 €", "€123.45"),
    Name("about_count", _("how many invoices it is about"), 1),
    Name("count", _("how many invoices it names, those besides included"), 1),
    Name("more", _("how many more stand only in the statement"), 0),
    Name("oldest_days_late", _("days past due of the oldest"), 12),
    *_of("first", _LINE),
    *_of("invoices[]", _LINE),
    *_of("also[]", _LINE),
    Name("also_apart", _("whether those besides are only named, as in a formal notice"), False),
    Name("summed", _("whether the sum says more than its only line"), False),
    Name("as_of", _("the day on which the figures are true"), "23 janvier 2026", "23 January 2026"),
    Name("answer_by", _("the day by which an answer is asked for"), "2 février 2026", "2 February 2026"),
    Name("pay_url", _("the customer’s page, where they pay"), _PAGE),
    Name("paid_url", _("the same, to say that it is paid"), _PAGE + "?to=paid"),
    Name("talk_url", _("the same, to answer or ask"), _PAGE + "?to=talk"),
    Name("preferences_url", _("the same, to choose how and when to be reached"), _PAGE + "?to=preferences"),
    Name("survey_url", _("the page of one question, to say how it went"), _RATE),
    Name("unsubscribe_url", _("the page to get no more such e-mails"), "https://compte.lumen.example/u/eyJtIjo3fQ/"),
    Name("sms_stop", _("how to get no more text messages"), "STOP pour ne plus en recevoir", "Reply STOP to opt out"),
    Name("payment_reference", _("the reference for a bank transfer"), "RF47 C104 2"),
    Name("by_transfer", _("whether the customer can pay by bank transfer"), True),
    Name("by_qr", _("whether a code for banking apps is on the customer’s page"), True),
    Name("statement_attached", _("whether the statement of account goes along"), False),
    Name("creditor.name", _("the creditor’s name"), "Lumen Énergie"),
    Name("creditor.address[]", _("the lines of its address"), "12 rue des Tanneurs"),
    Name("creditor.country", _("its country"), "FR"),
    Name("creditor.siren", _("its registration number"), "552100554"),
    Name("creditor.email", _("its e-mail address"), "comptabilite@lumen.example"),
    Name("creditor.phone", _("its telephone number"), "04 72 00 00 01"),
    Name("creditor.phone_url", _("the same as a link"), "tel:+33472000001"),
    Name("creditor.payment_phone", _("the number kept for payments"), "04 72 00 00 02"),
    Name("creditor.payment_phone_url", _("the same as a link"), "tel:+33472000002"),
    Name("factor", _("the factor to whom the invoices were sold, and who is to be paid; empty: nobody"), ""),
    Name("creditor.iban", _("the bank account to be paid"), "FR76 3000 6000 0112 3456 7890 189"),
    Name("creditor.bic", _("its bank"), "AGRIFRPP"),
    Name("creditor.colour", _("its colour"), "#1b5e7b"),
    Name("creditor.mediator", _("the consumers’ mediator; empty: not told"), "Médiateur de l’énergie, www.mediateur.example"),
    Name("person.name", _("whom to ask for; empty: nobody by name"), "Sophie Lambert"),
    Name("person.phone", _("their telephone number, else the creditor’s"), "04 72 00 00 01"),
    Name("person.phone_url", _("the same as a link"), "tel:+33472000001"),
    Name("person.email", _("their e-mail address, else the creditor’s"), "comptabilite@lumen.example"),
    Name(
        "person.hours", _("when they can be reached; empty: not told"),
        "du lundi au vendredi, de 9 h à 17 h", "Monday to Friday, 9 am to 5 pm",
    ),
    Name("colleague", _("the colleague who calls"), "Sophie Lambert"),
    Name("purpose", _("the text’s own purpose"), "reminder_1"),
    Name("tone", _("the tone asked for"), "warm"),
    Name("late_charges", _("whether late-payment interest or the indemnity may be named; never to consumers"), False),
    Name("late_interest", _("whether late-payment interest may be named"), False),
    Name("late_law", _("the articles of the law of late payment"), "Code de commerce, art. L.441-10 II et D.441-5"),
    Name("indemnity", _("the fixed indemnity for late payment, where it may be named"), "40,00 €", "€40.00"),
    Name("charges_included", _("interest, indemnity and costs that are in the sum asked for; empty: none"), ""),
    Name("charges_besides", _("interest and indemnity that have run by now and are not in the sum; empty: none"), ""),
    Name("statement.open", _("all that is open"), "523,45 €", "€523.45"),
    Name("statement.overdue", _("what of it is past due"), "123,45 €", "€123.45"),
    Name("statement.not_due", _("what is not due yet"), "400,00 €", "€400.00"),
    Name("statement.credit", _("what the customer has to their credit; empty: nothing"), ""),
    Name("statement.net", _("what is open, credits taken off"), "523,45 €", "€523.45"),
    Name("statement.in_favour", _("what the customer has to their credit beyond all that is open; empty: nothing"), ""),
    Name("statement.nothing_open", _("whether nothing is open"), False),
    Name("payment.amount", _("a payment’s amount"), "123,45 €", "€123.45"),
    Name("payment.received_on", _("when it arrived"), "21 janvier 2026", "21 January 2026"),
    Name("payment.failed_on", _("when it did not go through"), "21 janvier 2026", "21 January 2026"),
    Name(
        "payment.reason", _("why it did not go through, where it is known"),
        "le compte n’était pas assez approvisionné ce jour-là", "the account did not hold enough that day",
    ),
    Name("payment.returned", _("whether it had come, and the payer’s bank took it back"), False),
    Name("promise.amount", _("what was promised"), "123,45 €", "€123.45"),
    Name("promise.date", _("for which day"), "20 janvier 2026", "20 January 2026"),
    Name("promise.paid", _("what of it has come; empty: nothing"), ""),
    Name("promise.left", _("what of it is missing"), "123,45 €", "€123.45"),
    Name("plan.total", _("what a plan spreads"), "123,45 €", "€123.45"),
    Name("plan.paid", _("what of it has been paid; empty: nothing"), ""),
    Name("plan.left", _("what is left of it"), "123,45 €", "€123.45"),
    Name("plan.count", _("in how many instalments"), 3),
    Name("plan.late_count", _("how many of them are late"), 1),
    Name("plan.late_amount", _("how much of it is late"), "41,15 €", "€41.15"),
    Name("plan.debit", _("what is debited by itself on its days; empty: each is paid by hand"), ""),
    Name("plan.answer_by", _("until when an offered plan stands"), "5 février 2026", "5 February 2026"),
    *_of("plan.next", _INSTALMENT),
    *_of("plan.instalments[]", _INSTALMENT),
    Name("dispute.invoice", _("the contested invoice"), "F-2026-0143"),
    Name("dispute.reason", _("why it is contested"), "montant inexact", "wrong amount"),
    Name("dispute.opened_on", _("since when"), "15 janvier 2026", "15 January 2026"),
    Name("dispute.amount", _("the contested part; empty: the whole invoice"), ""),
    Name(
        "dispute.words", _("the customer’s own words"),
        "Le rendez-vous du 3 n’a pas eu lieu.", "The visit of the 3rd did not take place.",
    ),
    Name("dispute.outcome", _("how it ended: accepted, refused, settled or withdrawn"), "accepted"),
    Name(
        "dispute.answer", _("what a colleague answers"),
        "Un avoir de 60,00 € a été émis.", "A credit note of €60.00 has been issued.",
    ),
    Name(
        "dispute.message", _("what a colleague writes while the dispute is open"),
        "Pouvez-vous nous envoyer une photo du colis ?", "Could you send us a picture of the parcel?",
    ),
    Name("accounts[].name", _("where one message tells several accounts: the customer of each"), "Anna Martin"),
    Name("accounts[].number", _("its number"), "C1042"),
    Name("accounts[].to_pay", _("what is to be paid of it, credits taken off"), "123,45 €", "€123.45"),
    Name("accounts[].count", _("how many invoices of it are meant"), 2),
    Name("accounts[].references", _("their numbers"), "F-2026-0143, F-2026-0171"),
    Name("accounts[].delay", _("how late the oldest is, in words"), "12 jours de retard", "12 days late"),
    Name("accounts[].pay_url", _("the page of this account"), _PAGE),
    Name("survey.after", _("after what we ask: payment, call, mail, plan or dispute"), "payment"),
    Name("survey.scale[].url", _("the five answers, from the saddest: the page with this one chosen"), _RATE + "?score=2"),
    Name("survey.scale[].face", _("its face"), "😞"),
    Name("survey.scale[].words", _("what it says"), "Très mal", "Very bad"),
)  # fmt: skip


@cache
def sample(language: str) -> Mapping[str, Any]:
    """All names with their examples, as a message would have them."""
    found: dict[str, Any] = {}
    for name in NAMES:
        *places, last = name.path.split(".")
        here: dict[str, Any] = found
        for place in places:
            here = here.setdefault(place[:-2], [{}])[0] if place.endswith("[]") else here.setdefault(place, {})
        if last.endswith("[]"):
            here[last[:-2]] = [name.example(language)]
        else:
            here[last] = name.example(language)
    return found


@cache
def example(language: str) -> Mapping[str, Any]:
    """The sample as a whole message would have it: nothing besides what it is about, and a plan in three parts."""
    shape = sample(language)
    first = shape["plan"]["instalments"][0]
    days = ("1er février 2026", "1er mars 2026", "1er avril 2026") if language == "fr" else (
        "1 February 2026", "1 March 2026", "1 April 2026"
    )  # fmt: skip
    parts = [{**first, "number": number, "due": day} for number, day in enumerate(days, start=1)]
    account = shape["accounts"][0]
    accounts = [account, {**account, "name": "Emma Martin", "number": "C1043", "references": "F-2026-0150", "count": 1}]
    return {**shape, "also": [], "accounts": accounts, "plan": {**shape["plan"], "instalments": parts}}
