"""SMS by Twilio: one call of its Messages interface per text, and its signed calls about what became of it.

Never: a call believed without Twilio's signature over the address that it was told to call.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from amiable.core import twilio
from amiable.core.errors import Refused, Unavailable
from amiable.core.twilio import ENDPOINT, WHO
from amiable.outreach import dial
from amiable.outreach.ask import ByHttp, ask, told
from amiable.outreach.channel import (
    AddressRefused,
    Heard,
    Hook,
    InDoubt,
    OptedOut,
    Parcel,
    Receipt,
    Settings,
    Unreachable,
    Word,
)
from amiable.outreach.models import EventKind
from amiable.outreach.segment import segment
from amiable.outreach.stop import wish

LONGEST = 1600  # characters; error 21617 beyond
OURS = "message"  # the name, in the address that Twilio calls, of our word for a text
# Errors of the interface, by what they are about (https://www.twilio.com/docs/api/errors).
ABOUT_THE_NUMBER = {21211, 21214, 21217, 21604, 21614, 21635}
ABOUT_THE_SENDER = {21212, 21603, 21606, 21607, 21659, 21660, 21661, 21701, 21703, 21705}
ABOUT_THE_ACCOUNT = {20003, 20005, 20404}
OPTED_OUT = 21610
TOO_MUCH = {20429, 21611, 30001}
# Errors of delivery: nobody there, or nobody there now; any other is about the text or our account.
PERMANENT = {30005, 30006, *ABOUT_THE_NUMBER}
TEMPORARY = {30001, 30003, 30008, 30017, 30022, 30410}
STATES = {
    "accepted": EventKind.QUEUED, "scheduled": EventKind.QUEUED, "queued": EventKind.QUEUED, "sending": EventKind.QUEUED,
    "sent": EventKind.SENT, "delivered": EventKind.DELIVERED, "read": EventKind.DELIVERED, "undelivered": EventKind.FAILED,
    "failed": EventKind.FAILED, "canceled": EventKind.FAILED,
}  # fmt: skip
_SERVICE = re.compile(r"MG[0-9a-f]{32}", re.ASCII)
_NUMBER = re.compile(r"\+\d{8,15}|\d{3,8}", re.ASCII)  # E.164, or a short code


def a_sender(value: str) -> None:
    if not (_SERVICE.fullmatch(value) or _NUMBER.fullmatch(value) or dial.is_name(value)):
        raise ValidationError(
            _("A sender is a number like +33700000000, a name of at most 11 letters and digits, or MG…")
        )


class SmsTwilio(ByHttp):
    key = "sms_twilio"
    label = _("SMS (Twilio)")
    medium = "sms"
    hook = Hook.SIGNED

    class Config(Settings):
        account_sid = forms.RegexField(twilio.ACCOUNT, label=_("Account SID"))
        auth_token = forms.CharField(label=_("Auth token"), widget=forms.PasswordInput)
        sender = forms.CharField(
            label=_("Sender"), validators=[a_sender],
            help_text=_("Your number, a name of at most 11 letters and digits, or the SID of a Messaging Service (MG…)."),
        )  # fmt: skip
        api_url = forms.URLField(label=_("Interface"), required=False, assume_scheme="https", help_text=ENDPOINT)

    def message_id(self, parcel_key: str) -> str:
        """Our word for the text: it stands in the address that Twilio calls about it."""
        return hashlib.sha256(parcel_key.encode()).hexdigest()[:32]

    def send(self, parcel: Parcel) -> Receipt:
        number = dial.mobile(parcel.recipient, country=parcel.country)
        sender = self.config["sender"]
        if dial.is_name(sender) and not dial.carries_names(number):
            raise Refused(f"Networks of {number} show no name as the sender: it needs a number.")
        if len(parcel.text) > LONGEST:
            raise Refused(f"{WHO} takes texts of {LONGEST} characters at most.")
        form = {
            "To": number,
            "Body": parcel.text,
            "MessagingServiceSid" if _SERVICE.fullmatch(sender) else "From": sender,
        }
        if parcel.report_url:
            form["StatusCallback"] = f"{parcel.report_url}?{urlencode({OURS: self.message_id(parcel.key)})}"
        sid = self.config["account_sid"]
        url = twilio.accounts_url(self.config["api_url"], sid, "Messages")
        answer = ask(
            self._session, "POST", url, who=WHO, hands_over=True, data=form, auth=(sid, self.config["auth_token"])
        )
        report = told(answer)
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, report, number)
        if not report.get("sid"):
            raise InDoubt(f"{WHO} said yes in a form that nobody knows.")
        price = f", {report['price']} {report.get('price_unit') or ''}" if report.get("price") else ""
        count = report.get("num_segments") or segment(parcel.text).count
        return Receipt(self.message_id(parcel.key), f"{WHO} {report['sid']}, {count} SMS{price}")

    def events(self, request: HttpRequest) -> Iterator[Word | Heard]:
        twilio.believe(request, account_sid=self.config["account_sid"], auth_token=self.config["auth_token"])
        said = request.POST.dict() or request.GET.dict()
        reference = str(said.get("MessageSid") or said.get("SmsSid") or "")
        state = str(said.get("MessageStatus") or "")
        if state:
            yield _word(reference, state, str(request.GET.get(OURS, "")), said)
        elif "Body" in said and said.get("From"):
            text = str(said["Body"])
            # Words that the account itself has declared to mean STOP are told apart by Twilio.
            stops = said.get("OptOutType") == "STOP" and wish(text) != "stop"
            yield Heard(
                external_id=reference, sender=str(said["From"]), recipient=str(said.get("To", "")),
                text="STOP" if stops else text, at=None, raw=said,
            )  # fmt: skip

    def _refusal(self, status: int, report: dict[str, Any], number: str) -> Exception:
        code, said = _code(report.get("code")), str(report.get("message") or f"HTTP {status}")
        if code == OPTED_OUT:
            return OptedOut(f"{number} has answered STOP to {WHO}.")
        if code in ABOUT_THE_NUMBER:
            return AddressRefused(f"{WHO} does not take {number}: {said} ({code})")
        if code in ABOUT_THE_SENDER:
            return Unreachable(
                f"{WHO} does not let us send so: look at the setting “{self.setting('sender')}” ({code}: {said})."
            )
        if code in TOO_MUCH:
            return Unavailable(f"{WHO} asks to come back later ({code}).")
        if status in (401, 403, 404) or code in ABOUT_THE_ACCOUNT:
            setting = self.setting("account_sid" if status == 404 else "auth_token")
            return Unreachable(f"{WHO} does not believe us: look at the setting “{setting}” ({code or status}).")
        return Refused(f"{WHO} refused the text: {said} ({code or status})")


def _word(reference: str, state: str, ours: str, said: dict[str, Any]) -> Word:
    if state not in STATES:
        raise Refused(f"{WHO} tells a state that nobody knows: {state[:40]}.")
    code = _code(said.get("ErrorCode"))
    kind = STATES[state]
    if kind == EventKind.FAILED and code in PERMANENT | TEMPORARY:
        kind = EventKind.BOUNCED
    if kind == EventKind.FAILED and code == OPTED_OUT:
        kind = EventKind.COMPLAINED
    return Word(
        external_id=f"{reference}:{state}", message_external_id=ours, kind=kind, at=None, permanent=code in PERMANENT,
        reason=f"{WHO}: {code} {said.get('ErrorMessage') or ''}".strip() if code else "", raw=said,
    )  # fmt: skip


def _code(text: object) -> int:
    return int(str(text)) if str(text).isdecimal() else 0
