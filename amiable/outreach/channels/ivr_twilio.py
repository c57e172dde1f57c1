"""Calls by Twilio's voice: one call of its Calls interface each, its signed calls about what became of it, and the line
on which customers ring us.

What is said stands in web/voice: Twilio asks for it once a person has picked up. Never: a word to an answering machine.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import requests
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
    Hook,
    InDoubt,
    Parcel,
    Receipt,
    Settings,
    Unreachable,
    Word,
)
from amiable.outreach.models import EventKind

OURS = "message"  # the name, in the addresses that Twilio calls, of our word for a call
RINGING = 25  # seconds: before most mailboxes answer
# Errors of the interface, by what they are about (https://www.twilio.com/docs/api/errors).
ABOUT_THE_NUMBER = {13224, 21211, 21214, 21217}
ABOUT_THE_SENDER = {21210, 21212, 21213}
ABOUT_THE_ACCOUNT = {20003, 20005, 20404}
TOO_MUCH = {20429}
# What Twilio says of a call, and what it is to us; `completed` also ends a call that a machine took.
STATES = {
    "queued": EventKind.QUEUED, "initiated": EventKind.QUEUED, "ringing": EventKind.SENT, "in-progress": EventKind.SENT,
    "answered": EventKind.SENT, "completed": EventKind.DELIVERED, "busy": EventKind.FAILED, "no-answer": EventKind.FAILED,
    "failed": EventKind.FAILED, "canceled": EventKind.FAILED,
}  # fmt: skip
_NUMBER = re.compile(r"\+\d{8,15}", re.ASCII)
_CALL = re.compile(r"CA[0-9a-f]{32}", re.ASCII)


def a_number(value: str) -> None:
    if not _NUMBER.fullmatch(value):
        raise ValidationError(_("A telephone number is written like +33400000000."))


def by_machine(answered_by: str) -> bool:
    """Whether Twilio heard no person pick up; where it cannot tell, nothing of a debt is said before the check anyway."""
    return answered_by.startswith("machine") or answered_by == "fax"


class IvrTwilio(ByHttp):
    key = "ivr_twilio"
    label = _("Voice server (Twilio)")
    medium = "ivr"
    hook = Hook.SIGNED

    class Config(Settings):
        account_sid = forms.RegexField(twilio.ACCOUNT, label=_("Account SID"))
        auth_token = forms.CharField(label=_("Auth token"), widget=forms.PasswordInput)
        sender = forms.CharField(
            label=_("Payment number"), validators=[a_number],
            help_text=_("Your number at Twilio, like +33400000000: customers ring it, and see it when they are rung."),
        )  # fmt: skip
        person = forms.CharField(
            label=_("Number of a person"), validators=[a_number], required=False,
            help_text=_("Where a caller is led who wants to speak to somebody. Empty: they are called back."),
        )  # fmt: skip
        api_url = forms.URLField(label=_("Interface"), required=False, assume_scheme="https", help_text=ENDPOINT)

    def message_id(self, parcel_key: str) -> str:
        """Our word for the call: it stands in the addresses that Twilio calls about it."""
        return hashlib.sha256(parcel_key.encode()).hexdigest()[:32]

    def send(self, parcel: Parcel) -> Receipt:
        number, ours = dial.rings(parcel.recipient, country=parcel.country), {OURS: self.message_id(parcel.key)}
        form = {
            "To": number,
            "From": self.config["sender"],
            "Url": f"{parcel.talk_url}?{urlencode(ours)}",
            "Timeout": str(RINGING),
            "MachineDetection": "Enable",
        }
        if parcel.report_url:
            form["StatusCallback"] = f"{parcel.report_url}?{urlencode(ours)}"
        answer = self._ask("Calls", form, hands_over=True)
        report = told(answer)
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, report, number)
        if not report.get("sid"):
            raise InDoubt(f"{WHO} said yes in a form that nobody knows.")
        return Receipt(self.message_id(parcel.key), f"{WHO} {report['sid']}")

    def turn(self, call: str, words: str) -> None:
        """A call under way goes on with these words (TwiML). Raises Refused, Unavailable or InDoubt."""
        if not _CALL.fullmatch(call):
            raise Refused("This is no call of Twilio’s.")
        answer = self._ask(f"Calls/{call}", {"Twiml": words}, hands_over=False)
        if answer.status_code >= 400:
            raise self._refusal(answer.status_code, told(answer), call)

    def believe(self, request: HttpRequest) -> None:
        """Raises Refused unless Twilio signed the call."""
        twilio.believe(request, account_sid=self.config["account_sid"], auth_token=self.config["auth_token"])

    def events(self, request: HttpRequest) -> Iterator[Word]:
        self.believe(request)
        said = request.POST.dict()
        call, state = str(said.get("CallSid") or ""), str(said.get("CallStatus") or "")
        if not call or state not in STATES:
            raise Refused(f"{WHO} tells a state that nobody knows: {state[:40]}.")
        machine = by_machine(str(said.get("AnsweredBy") or ""))
        kind = EventKind.FAILED if machine and state == "completed" else STATES[state]
        reason = f"{said['AnsweredBy']}" if machine else state if kind == EventKind.FAILED else ""
        yield Word(
            external_id=f"{call}:{state}", message_external_id=str(request.GET.get(OURS, "")), kind=kind, at=None,
            reason=f"{WHO}: {reason}" if reason else "", raw=said,
        )  # fmt: skip

    def _ask(self, what: str, form: dict[str, str], *, hands_over: bool) -> requests.Response:
        sid = self.config["account_sid"]
        url = twilio.accounts_url(self.config["api_url"], sid, what)
        auth = (sid, self.config["auth_token"])
        return ask(self._session, "POST", url, who=WHO, hands_over=hands_over, data=form, auth=auth)

    def _refusal(self, status: int, report: dict[str, Any], number: str) -> Exception:
        code = int(report["code"]) if str(report.get("code")).isdecimal() else 0
        said = str(report.get("message") or f"HTTP {status}")
        if code in ABOUT_THE_NUMBER:
            return AddressRefused(f"{WHO} does not ring {number}: {said} ({code})")
        if code in ABOUT_THE_SENDER:
            return Unreachable(
                f"{WHO} does not let us ring so: look at the setting “{self.setting('sender')}” ({code}: {said})."
            )
        if code in TOO_MUCH:
            return Unavailable(f"{WHO} asks to come back later ({code}).")
        if status in (401, 403, 404) or code in ABOUT_THE_ACCOUNT:
            setting = self.setting("account_sid" if status == 404 else "auth_token")
            return Unreachable(f"{WHO} does not believe us: look at the setting “{setting}” ({code or status}).")
        return Refused(f"{WHO} refused the call: {said} ({code or status})")
