"""A channel tried by a colleague: a real message to their own address, and one sentence on what came of it.

Never: a word to a customer, or a message of the day's counted or held up.
"""

from datetime import datetime

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.errors import AmiableError, UnableTo
from amiable.core.models import User
from amiable.ledger.models import Creditor, Medium
from amiable.outreach import route
from amiable.outreach.channel import Channel, InDoubt, Parcel
from amiable.outreach.express import talk_url

# Where a colleague can be reached; on other media a try ends with the settings.
OWN_ADDRESS = {Medium.EMAIL: "email", Medium.SMS: "phone", Medium.WHATSAPP: "phone", Medium.IVR: "phone"}


class UnableToTry(UnableTo):
    """The try failed, or could not begin; the message says why."""


def try_out(*, creditor: Creditor, key: str, user: User, now: datetime) -> str:
    """Sends a test message to `user` over a channel of the creditor; the sentence that says so. Raises UnableToTry."""
    said = {"creditor_ref": creditor.pk, "subject": "creditor", "subject_ref": creditor.pk, "channel": key}
    try:
        sentence = _tried(creditor, key, user, now)
    except AmiableError as error:
        audit.record("channel.tried", now=now, user=user, outcome=type(error).__name__, **said)
        raise UnableToTry(_sorry(error)) from error
    audit.record("channel.tried", now=now, user=user, outcome="sent", **said)
    return sentence


def _tried(creditor: Creditor, key: str, user: User, now: datetime) -> str:
    with route.route(creditor, key).channel() as channel:
        medium = Medium(channel.medium)
        if medium not in OWN_ADDRESS:
            return _("The settings of “%(channel)s” are complete.") % {"channel": channel.label}
        address = str(getattr(user, OWN_ADDRESS[medium]))
        if not address:
            raise UnableToTry(
                _("Your account has no e-mail address to send a test to.")
                if medium == Medium.EMAIL
                else _("Your account has no phone number to send a test to.")
            )
        receipt = channel.send(_parcel(channel, creditor, user, address, now))
    told = {"address": address, "said": receipt.detail.strip() or receipt.external_id}
    return _("Handed over for %(address)s; the other side says “%(said)s”. Look whether it has arrived.") % told


def _parcel(channel: Channel, creditor: Creditor, user: User, address: str, now: datetime) -> Parcel:
    told = {"creditor": creditor.name, "channel": channel.label}
    text = _("This is a test by Amiable: “%(channel)s” carries messages of %(creditor)s.") % told
    return Parcel(
        key=f"try:{creditor.pk}:{channel.key}:{now.isoformat()}",
        recipient=address,
        recipient_name=str(user),
        sender_name=creditor.name,
        reply_to=creditor.email,
        language=(get_language() or "en")[:2],
        subject=_("Test by Amiable") if channel.medium == Medium.EMAIL else "",
        text=f"{text}\n",
        html=f"<p>{text}</p>\n" if channel.medium == Medium.EMAIL else "",
        unsubscribe_url="",
        at=now,
        country=creditor.country,
        talk_url=talk_url(creditor),
    )


def _sorry(error: AmiableError) -> str:
    if isinstance(error, InDoubt):
        return _("Handed over, and no answer came: look whether it has arrived. %(said)s") % {"said": error}
    return str(error)
