"""Acts of the trail that have no row of their own on a timeline, and how they are told: by whom, what was there before."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.ledger.models import Medium

TOLD_BY_TRAIL: dict[str, Promise] = {
    "contact.added": gettext_lazy("Contact added"),
    "contact.changed": gettext_lazy("Contact changed"),
    "contact.corrected": gettext_lazy("Address corrected"),
    "contact.opted_in": gettext_lazy("May be written to again"),
    "contact.preferred": gettext_lazy("How to reach this person was noted"),
    "customer.moved": gettext_lazy("Postal address corrected"),
    "customer.entrusted": gettext_lazy("Responsible changed"),
    "customer.merged": gettext_lazy("Two customers became one"),
    "invoice.doubtful": gettext_lazy("Marked as doubtful"),
    "mandate.ended": gettext_lazy("Saved way to pay ended"),
    "message.settled": gettext_lazy("Cleared up whether a message had left"),
    "payment.returned": gettext_lazy("Money returned"),
    "portal.entered": gettext_lazy("The customer opened their page"),
    "payment.taken_back": gettext_lazy("A call was taken back from the payment line"),
    "voice.entered": gettext_lazy("The customer was recognised on the telephone"),
    "voice.refused": gettext_lazy("A caller was not recognised as the customer"),
    "voice.unknown": gettext_lazy("A caller typed a number that is nobody’s"),
    "refund.asked": gettext_lazy("Payment given back"),
    "step.confirmed": gettext_lazy("Step approved"),
    "step.declined": gettext_lazy("Step declined"),
}


def told(detail: Mapping[str, Any]) -> list[str]:
    """What of an act's detail is for people: the old value and the new one, the reason, where it came from."""
    found = []
    if isinstance(detail.get("medium"), str) and detail["medium"] in Medium.values:
        found.append(str(Medium(detail["medium"]).label))
    before, after = detail.get("before"), detail.get("after")
    if isinstance(before, str) and isinstance(after, str):
        words = {"before": _flat(before) or "–", "after": _flat(after) or "–"}
        found.append(_("%(before)s → %(after)s") % words)
    elif isinstance(after, str) and after:
        found.append(_flat(after))
    return [*found, *(str(detail[name]) for name in ("who", "reason") if isinstance(detail.get(name), str))]


def _flat(text: str) -> str:
    return ", ".join(line.strip() for line in text.splitlines() if line.strip())
