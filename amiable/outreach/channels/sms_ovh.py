"""SMS by OVHcloud: signed calls of its HTTP interface, and what it tells of them.

OVHcloud does not sign what it calls us with: such a call is only a hint, and what it is about is looked up by a signed one.
Never: a text with a link from a short number (OVHcloud drops it); a delivery believed on the word of an unsigned call.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import requests
from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import Refused
from amiable.outreach import dial
from amiable.outreach.ask import ByHttp, ask, listed, told
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

WHO = "OVHcloud"
ENDPOINT = "https://eu.api.ovh.com/1.0"
MOST_SEGMENTS = 6  # longer texts are refused there
LOOKS_BACK = timedelta(hours=1)  # for answers, when a call says that there is one
PARIS = ZoneInfo("Europe/Paris")
KEPT_MINUTES = 2880  # how long networks try: after two days a reminder has missed its moment
# What the codes of a failure say about the number (https://docs.ovh.com, “SMS users”).
PERMANENT = {23, 27}
TEMPORARY = {5, 6, 8, 21, 24, 25, 26, 74}
# The setting that is wrong, by the code of a refusal.
SETTINGS = {
    "INVALID_KEY": "application_key", "INVALID_SIGNATURE": "application_secret", "INVALID_CREDENTIAL": "consumer_key",
    "NOT_CREDENTIAL": "consumer_key", "NOT_GRANTED_CALL": "consumer_key",
}  # fmt: skip
_NUMBER = re.compile(r"\+\d{8,15}", re.ASCII)


def a_sender(value: str) -> None:
    if not (_NUMBER.fullmatch(value) or dial.is_name(value)):
        raise ValidationError(_("A sender is a name of at most 11 letters and digits, or a number like +33700000000."))


class SmsOvh(ByHttp):
    key = "sms_ovh"
    label = _("SMS (OVHcloud)")
    medium = "sms"
    hook = Hook.LOOKED_UP

    class Config(Settings):
        application_key = forms.CharField(label=_("Application key"))
        application_secret = forms.CharField(label=_("Application secret"), widget=forms.PasswordInput)
        consumer_key = forms.CharField(label=_("Consumer key"), widget=forms.PasswordInput)
        service = forms.RegexField(r"^sms-[\w-]+$", label=_("SMS account"), help_text=_("As in sms-ab12345-1."))
        sender = forms.CharField(
            label=_("Sender"), required=False, validators=[a_sender],
            help_text=_("A name that OVHcloud approved, or your virtual number. Empty: a short number, and no links."),
        )  # fmt: skip
        marketing = forms.BooleanField(
            label=_("Add OVHcloud’s STOP clause"), required=False,
            help_text=_("For advertising only: such texts wait at night and on Sundays."),
        )  # fmt: skip
        api_url = forms.URLField(label=_("Interface"), required=False, assume_scheme="https", help_text=ENDPOINT)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._clock: tuple[int, float] | None = None  # their time when we asked, and our count of seconds then

    def message_id(self, parcel_key: str) -> str:
        """Our tag: OVHcloud keeps it with the text, and with what is answered to it."""
        return hashlib.sha256(parcel_key.encode()).hexdigest()[:20]

    def send(self, parcel: Parcel) -> Receipt:
        number = dial.mobile(parcel.recipient, country=parcel.country)
        job = self._job(parcel, number)
        answer = self._call("POST", f"{self._line()}/jobs", job, hands_over=True)
        report = told(answer)
        if answer.status_code >= 400:
            raise self._refusal(answer, number)
        if report.get("invalidReceivers"):
            raise self._nobody(number)
        if not report.get("ids"):
            raise InDoubt(f"{WHO} said yes in a form that nobody knows.")
        credits, left = report.get("totalCreditsRemoved"), report.get("creditsLeft")
        detail = f"{WHO} {report['ids'][0]}, {segment(parcel.text).count} SMS, credits {credits}"
        return Receipt(self.message_id(parcel.key), detail + (f", {left} left" if left is not None else ""))

    def events(self, request: HttpRequest) -> Iterator[Word | Heard]:
        """`id` and `ptt`: a text of ours has a new state. Anything else: somebody may have answered, or said STOP."""
        hint = {**request.GET.dict(), **request.POST.dict()}
        if "ptt" in hint:
            yield self._state(str(hint.get("id", "")))
            return
        yield from self._answers()
        for value in hint.values():
            if number := re.fullmatch(r"(?:\+|00)?(\d{8,15})", str(value).strip(), re.ASCII):
                yield from self._stopped(f"+{number[1]}")

    def _job(self, parcel: Parcel, number: str) -> dict[str, Any]:
        sender = self.config["sender"]
        if not sender and re.search(r"https?://", parcel.text):
            raise Refused(f"{WHO} drops links from a short number: give the channel a sender.")
        if dial.is_name(sender) and not dial.carries_names(number):
            raise Refused(f"Networks of {number} show no name as the sender: it needs a number.")
        if segment(parcel.text).count > MOST_SEGMENTS:
            raise Refused(f"The text is longer than {MOST_SEGMENTS} SMS.")
        job: dict[str, Any] = {
            "message": parcel.text, "receivers": [number], "noStopClause": not self.config["marketing"],
            "charset": "UTF-8", "class": "phoneDisplay", "coding": "7bit" if segment(parcel.text).alphabet == "gsm" else "8bit",
            "priority": "high", "validityPeriod": KEPT_MINUTES, "tag": self.message_id(parcel.key),
        }  # fmt: skip
        if dial.is_name(sender):
            job |= {"sender": sender, "senderForResponse": False}
        elif not sender:
            job |= {"senderForResponse": True}
        else:
            del job["noStopClause"]  # a virtual number has no clause: it is answered
        return job

    def _line(self) -> str:
        """Where texts of this sender go in and out: a virtual number has a line of its own."""
        sender = self.config["sender"]
        whole = f"/sms/{self.config['service']}"
        return f"{whole}/virtualNumbers/{sender.replace('+', '00')}" if _NUMBER.fullmatch(sender) else whole

    def _refusal(self, answer: requests.Response, number: str) -> Exception:
        said = str(told(answer).get("message", "")) or f"HTTP {answer.status_code}"
        if re.search(r"receiver|recipient|destinat", said, re.IGNORECASE):
            return AddressRefused(f"{WHO} does not take {number}: {said}")
        if re.search(r"\bsender", said, re.IGNORECASE):
            return Unreachable(
                f"{WHO} does not know our sender: look at the setting “{self.setting('sender')}” ({said})."
            )
        if re.search(r"\bcredit", said, re.IGNORECASE):
            return Unreachable(f"The SMS account {self.config['service']} has no credits left ({said}).")
        return Refused(f"{WHO} refused the text: {said}")

    def _nobody(self, number: str) -> Refused:
        stopped = self._call("GET", f"/sms/{self.config['service']}/blacklists/{quote(number, safe='')}")
        if stopped.status_code < 400:
            return OptedOut(f"{number} has answered STOP to {WHO}.")
        return AddressRefused(f"{WHO} says that no text can be sent to {number}.")

    def _state(self, reference: str) -> Word:
        if not re.fullmatch(r"\d{1,20}", reference, re.ASCII):
            raise Refused("This call names no text.")
        answer = self._call("GET", f"{self._line()}/outgoing/{reference}")
        if answer.status_code >= 400:
            raise Refused(f"{WHO} does not know the text {reference}.")
        state = told(answer)
        receipt, ptt = int(state.get("deliveryReceipt") or 0), int(state.get("ptt") or 0)
        kind, permanent = _kind(receipt, ptt)
        return Word(
            external_id=f"{reference}:{receipt}:{ptt}", message_external_id=str(state.get("tag") or ""), kind=kind, at=None,
            permanent=permanent, reason=f"{WHO}: PTT {ptt}" if receipt in (2, 16) else "", raw=state,
        )  # fmt: skip

    def _answers(self) -> Iterator[Heard]:
        since = urlencode({"creationDatetime.from": (self._their_time() - LOOKS_BACK).isoformat()})
        found = self._call("GET", f"{self._line()}/incoming?{since}")
        references = [each for each in listed(found) if isinstance(each, int)]
        for reference in sorted(references):
            one = told(self._call("GET", f"{self._line()}/incoming/{reference}"))
            if one:
                yield Heard(
                    external_id=str(one["id"]), sender=dial.plain(str(one["sender"]), country="FR"),
                    recipient=self.config["sender"] or self.config["service"], text=str(one["message"]),
                    at=_moment(one.get("creationDatetime")),
                    answers=(str(one["tag"]),) if one.get("tag") else (), raw=one,
                )  # fmt: skip

    def _stopped(self, number: str) -> Iterator[Heard]:
        """Whoever answers STOP to a clause of OVHcloud's is on its list."""
        answer = self._call("GET", f"/sms/{self.config['service']}/blacklists/{quote(number, safe='')}")
        row = told(answer) if answer.status_code < 400 else {}
        if row:
            yield Heard(
                external_id=f"stop:{number}:{row.get('dateCreation', '')}", sender=number, recipient=self.config["service"],
                text="STOP", at=_moment(row.get("dateCreation")), raw=row,
            )  # fmt: skip

    def _call(self, method: str, path: str, content: Any = None, *, hands_over: bool = False) -> requests.Response:
        """A signed call. Raises Unreachable, naming the setting, where OVHcloud does not believe us."""
        url = f"{self._endpoint()}{path}"
        body = json.dumps(content, ensure_ascii=False) if content is not None else ""
        stamp = str(int(self._their_time().timestamp()))
        parts = [self.config["application_secret"], self.config["consumer_key"], method, url, body, stamp]
        headers = {
            "X-Ovh-Application": self.config["application_key"],
            "X-Ovh-Consumer": self.config["consumer_key"],
            "X-Ovh-Timestamp": stamp,
            "X-Ovh-Signature": "$1$" + hashlib.sha1("+".join(parts).encode(), usedforsecurity=False).hexdigest(),
            "Content-Type": "application/json; charset=utf-8",
        }
        answer = ask(
            self._session, method, url, who=WHO, hands_over=hands_over, data=body.encode() or None, headers=headers
        )
        code = str(told(answer).get("errorCode", "")) if answer.status_code >= 400 else ""
        if code in SETTINGS or answer.status_code in (401, 403):
            setting = self.setting(SETTINGS.get(code, "consumer_key"))
            raise Unreachable(
                f"{WHO} does not believe us: look at the setting “{setting}” ({code or answer.status_code})."
            )
        return answer

    def _endpoint(self) -> str:
        return (self.config["api_url"] or ENDPOINT).rstrip("/")

    def _their_time(self) -> datetime:
        """Calls are signed with OVHcloud's own time: asked once, counted on from there."""
        if self._clock is None:
            answer = ask(self._session, "GET", f"{self._endpoint()}/auth/time", who=WHO)
            if not re.fullmatch(r"\d{1,12}", answer.text.strip(), re.ASCII):
                raise Unreachable(f"{WHO} does not tell its time: look at the setting “{self.setting('api_url')}”.")
            self._clock = int(answer.text), time.monotonic()
        theirs, since = self._clock
        return datetime.fromtimestamp(theirs, UTC) + timedelta(seconds=time.monotonic() - since)


def _moment(text: object) -> datetime | None:
    """A time as OVHcloud writes it: with its distance from UTC, or as it is in Paris."""
    try:
        found = parse_datetime(str(text or ""))
    except ValueError:
        return None
    return found.replace(tzinfo=PARIS) if found and found.tzinfo is None else found


def _kind(receipt: int, ptt: int) -> tuple[EventKind, bool]:
    """Our word for a state, and whether nobody will ever be reached at the number."""
    if receipt == 1 or ptt == 4:
        return EventKind.DELIVERED, False
    if receipt in (2, 16):
        if ptt in PERMANENT | TEMPORARY:
            return EventKind.BOUNCED, ptt in PERMANENT
        return EventKind.FAILED, False
    return (EventKind.SENT if ptt == 3 else EventKind.QUEUED), False
