"""The words of the trade for keys that are rows or settings: steps, outcomes, journeys, segments, bands."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext, gettext_lazy

from amiable.insight.names import STEPS as STEPS  # what the rooms say too
from amiable.insight.names import step as step
from amiable.law.rails import SENTENCES
from amiable.ledger.models import Creditor
from amiable.portfolio import segments
from amiable.portfolio.models import SegmentSet
from amiable.scenario.canvass import WAITS
from amiable.web.templatetags.amiable_ui import language

OUTCOMES = {
    "promise": gettext_lazy("Promise to pay"),
    "paid": gettext_lazy("Says it is paid"),
    "dispute": gettext_lazy("Dispute"),
    "call_back": gettext_lazy("Call back later"),
    "voicemail": gettext_lazy("Voicemail"),
    "wrong_number": gettext_lazy("Wrong number"),
    "refused": gettext_lazy("Refuses to pay"),
    "left": gettext_lazy("It had left"),
    "not_left": gettext_lazy("It had not left"),
    "no_answer": gettext_lazy("No answer"),
    "other": gettext_lazy("Something else"),
    "done": gettext_lazy("Done"),
    "settled": gettext_lazy("Settled meanwhile"),
    "confirmed": gettext_lazy("Confirmed"),
    "declined": gettext_lazy("Declined"),
    "accepted": gettext_lazy("Accepted"),
    "withdrawn": gettext_lazy("Withdrawn"),
}
INTENTS = {
    "promise": gettext_lazy("Promises to pay"),
    "already_paid": gettext_lazy("Says it is paid"),
    "dispute": gettext_lazy("Disputes"),
    "copy": gettext_lazy("Asks for a copy"),
    "plan": gettext_lazy("Asks for a plan"),
    "hardship": gettext_lazy("In difficulty"),
    "how_to_pay": gettext_lazy("Asks how to pay"),
    "wrong_person": gettext_lazy("Wrong person"),
    "complaint": gettext_lazy("Complains"),
    "insolvency": gettext_lazy("Insolvent"),
    "opt_out": gettext_lazy("Wishes no more messages"),
    "out_of_office": gettext_lazy("Away"),
    "other": gettext_lazy("Something else"),
}
RUNS = {
    "day": gettext_lazy("The whole day"),
    "import": gettext_lazy("Import"),
    "listen": gettext_lazy("Mailboxes read"),
    "catch_up": gettext_lazy("Catching up"),
    "inquire": gettext_lazy("Payment providers asked"),
    "abandon": gettext_lazy("Abandoned payments"),
    "match": gettext_lazy("Matching"),
    "reconcile": gettext_lazy("Reconciliation"),
    "allocate": gettext_lazy("Allocation"),
    "accrue": gettext_lazy("Late interest and indemnity"),
    "small_balances": gettext_lazy("Small balances"),
    "promises": gettext_lazy("Promises judged"),
    "plans": gettext_lazy("Plans judged"),
    "collect": gettext_lazy("Instalments collected"),
    "standing": gettext_lazy("Standing orders"),
    "close": gettext_lazy("Cases closed"),
    "placements": gettext_lazy("Taken back from agencies"),
    "refresh": gettext_lazy("Facts and segments"),
    "decide": gettext_lazy("Decisions"),
    "campaigns": gettext_lazy("Campaigns"),
    "dispatch": gettext_lazy("Messages and calls ordered"),
    "weigh": gettext_lazy("What waits for people put in order"),
    "announce": gettext_lazy("News told"),
    "surveys": gettext_lazy("Asked how it went"),
    "send": gettext_lazy("Sending"),
    "advance": gettext_lazy("Steps recorded"),
    "measure": gettext_lazy("Figures"),
    "forecast": gettext_lazy("Forecast"),
    "credit_notes": gettext_lazy("Credit notes of disputes"),
    "escalate": gettext_lazy("Escalations"),
    "words": gettext_lazy("Words asked of colleagues"),
    "digests": gettext_lazy("Daily lists and news for colleagues"),
    "forget": gettext_lazy("What is kept for a while only is forgotten"),
}
# Why a payment was refused, for colleagues; providers share most of these codes.
DECLINES = {
    "insufficient_funds": gettext_lazy("not enough on the account"),
    "card_declined": gettext_lazy("refused by the bank"),
    "generic_decline": gettext_lazy("refused by the bank"),
    "do_not_honor": gettext_lazy("refused by the bank"),
    "refused": gettext_lazy("refused by the provider"),
    "expired_card": gettext_lazy("the card has expired"),
    "authentication_failed": gettext_lazy("not confirmed by the customer (3-D Secure)"),
    "authentication_required": gettext_lazy("the bank wants the customer's confirmation (3-D Secure)"),
    "incorrect_number": gettext_lazy("card number mistyped"),
    "invalid_number": gettext_lazy("card number mistyped"),
    "incorrect_cvc": gettext_lazy("security code mistyped"),
    "invalid_cvc": gettext_lazy("security code mistyped"),
    "invalid_expiry_month": gettext_lazy("expiry date mistyped"),
    "invalid_expiry_year": gettext_lazy("expiry date mistyped"),
    "account_closed": gettext_lazy("the account is closed"),
    "debit_not_authorized": gettext_lazy("the debit is not authorised"),
    "processing_error": gettext_lazy("something went wrong between the banks"),
    "issuer_not_available": gettext_lazy("the bank could not be reached"),
    "lost_card": gettext_lazy("refused by the bank"),
    "stolen_card": gettext_lazy("refused by the bank"),
}
METHODS = {
    "transfer": gettext_lazy("bank transfer"),
    "card": gettext_lazy("card"),
    "direct_debit": gettext_lazy("direct debit"),
    "cheque": gettext_lazy("cheque"),
}


def rail(key: str) -> str:
    sentence = SENTENCES.get(key) or WAITS.get(key)
    return gettext(sentence) if sentence else key


def decline(code: str) -> str:
    """A refusal in words; a code that nobody named here reads as it is."""
    return said(DECLINES, code)


def said(words: dict[str, Any], key: str) -> str:
    return str(words.get(key) or key.replace("_", " ").capitalize())


def segment_rules(creditors: QuerySet[Creditor]) -> dict[str, Mapping[str, Any]]:
    """The segments of these creditors by key: the house's set, and above it what each creditor wrote itself."""
    own = (
        SegmentSet.objects.filter(creditor__in=creditors, active_since__isnull=False)
        .order_by("creditor_id", "-version")
        .distinct("creditor_id")
    )
    return {each["key"]: each for each in [*segments.starter(), *(one for kept in own for one in kept.segments)]}


def segment_labels(creditors: QuerySet[Creditor]) -> dict[str, str]:
    return names(segment_rules(creditors))


def names(rules: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {key: each["label"].get(language(), each["label"]["en"]) for key, each in rules.items()}
