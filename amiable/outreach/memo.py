"""E-mails to colleagues: no caps, no template of a creditor's; they leave by the mail server of the installation.

In: a key, a person, words in their language. Out: one e-mail a key, at most. Never: one handed over twice. It is claimed,
and that committed, before the mail server is called; what a crash leaves claimed is in doubt and stays so.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import NotConfigured, Refused, UnableTo, Unavailable
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.keep import place_of
from amiable.ledger.models import Creditor
from amiable.outreach.channel import Attachment, Channel, InDoubt, Parcel, Unreachable, channels
from amiable.outreach.models import Memo, MessageState
from amiable.outreach.record import BACK_OFF, TRIES

log = logging.getLogger(__name__)
SENDER = "Amiable"
UNSUBSCRIBE = "memo.unsubscribe"  # the purpose of the links that end one kind of e-mail: {u: user, k: kind}
MOST_BYTES = 5_000_000  # of what goes along
LOST_AFTER = timedelta(hours=1)  # a server that takes longer to answer one e-mail has lost it
STALE = timedelta(days=3)  # news that could not leave for so long is none any more
KEPT = timedelta(days=90)  # the words of an e-mail to a colleague, which name customers


class UnableToAttach(UnableTo):
    """What was to go along is too large."""


@dataclass
class Summary:
    sent: int = 0
    failed: int = 0
    in_doubt: int = 0
    later: int = 0
    without_channel: int = 0


def write(
    *,
    key: str,
    to: User | str,
    subject: str,
    text: str,
    html: str,
    now: datetime,
    language: str = "",
    reply_to: str = "",
    unsubscribe_url: str = "",
    attached: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Orders an e-mail; False where its key was ordered before, or the person has no address.

    `to`: a colleague who works here, or the bare address of somebody who is invited. `attached`: name, sha256 and size of each
    PDF that goes along (ledger/keep.py), in all at most MOST_BYTES.
    """
    if sum(each["size"] for each in attached) > MOST_BYTES:
        raise UnableToAttach(_("What goes along with this e-mail is larger than mail servers take."))
    user = to if isinstance(to, User) else None
    address = user.email if user else str(to)
    if not address or (user and not user.is_active):
        return False
    _memo, new = Memo.objects.get_or_create(
        key=key[:120],
        defaults={
            "user": user, "address": address, "name": user.get_full_name() if user else "", "reply_to": reply_to,
            "language": language or (user.language if user else "") or "fr", "subject": subject[:300], "text": text,
            "html": html, "unsubscribe_url": unsubscribe_url, "attached": list(attached), "created_at": now,
        },
    )  # fmt: skip
    return new


def carry(*, now: datetime, clock: Callable[[], datetime] | None = None) -> Summary:
    """Hands over what was ordered, each once. Without a mail server it waits, and is given up after three days."""
    summary = Summary()
    summary.in_doubt = _lose(now)
    _give_up(now)
    waiting = Memo.objects.filter(state=MessageState.PLANNED).filter(Q(not_before=None) | Q(not_before__lte=now))
    if not waiting.exists():
        return summary
    try:
        channel = channels()["email"](channels()["email"].settings())
    except NotConfigured as error:
        summary.without_channel = waiting.count()
        log.warning("%d e-mails to colleagues wait. %s", summary.without_channel, error)
        return summary
    with channel:
        while (memo := _claim(now)) and _hand_over(channel, memo, summary, now=clock() if clock else now):
            pass
    return summary


@transaction.atomic(durable=True)
def _claim(now: datetime) -> Memo | None:
    """The next one that nobody else has; committed before it is handed over."""
    free = Memo.objects.filter(state=MessageState.PLANNED).filter(Q(not_before=None) | Q(not_before__lte=now))
    memo = free.select_for_update(skip_locked=True, of=("self",)).select_related("user").order_by("pk").first()
    if memo is not None:
        memo.state, memo.claimed_at, memo.tries = MessageState.SENDING, now, memo.tries + 1
        memo.save(update_fields=["state", "claimed_at", "tries"])
    return memo


def _hand_over(channel: Channel, memo: Memo, summary: Summary, *, now: datetime) -> bool:
    """One e-mail; False where the mail server is out of reach and nothing was handed over."""
    if memo.user and not memo.user.is_active:
        _end(memo, MessageState.WITHHELD, in_house(_("This colleague no longer works here.")))
        return True
    try:
        channel.send(_parcel(memo, now))
    except Unreachable as error:
        log.warning("E-mails to colleagues wait: %s", error)
        summary.later += 1
        _end(memo, MessageState.PLANNED, "", claimed_at=None)
        return False
    except Refused as error:
        summary.failed += 1
        _end(memo, MessageState.FAILED, str(error))
    except InDoubt as error:
        summary.in_doubt += 1
        _end(memo, MessageState.IN_DOUBT, str(error))
    except Unavailable as error:
        over = memo.tries >= TRIES
        summary.failed += over
        summary.later += not over
        _end(
            memo, MessageState.FAILED if over else MessageState.PLANNED, str(error),
            not_before=now + BACK_OFF * 3 ** (memo.tries - 1), claimed_at=None,
        )  # fmt: skip
    else:
        summary.sent += 1
        _end(memo, MessageState.SENT, "", sent_at=now)
    return True


def _parcel(memo: Memo, now: datetime) -> Parcel:
    reply_to = memo.reply_to
    if not (reply_to or settings.MAIL_FROM):  # somebody must have sent it: the house, as to its customers
        reply_to = Creditor.objects.exclude(email="").order_by("pk").values_list("email", flat=True).first() or ""
    return Parcel(
        key=memo.key, recipient=memo.address, recipient_name=memo.name, sender_name=SENDER, reply_to=reply_to,
        language=memo.language, subject=memo.subject, text=memo.text, html=memo.html,
        unsubscribe_url=memo.unsubscribe_url, at=now, attachments=tuple(_file(each) for each in memo.attached),
    )  # fmt: skip


def _file(told: Mapping[str, Any]) -> Attachment:
    path = place_of(told["sha256"])
    if not path.is_file():
        raise Refused(in_house(_("A page that was to go along is no longer there.")))
    return Attachment(told["name"], "application/pdf", path.read_bytes())


def _end(memo: Memo, state: str, verdict: str, **more: datetime | None) -> None:
    Memo.objects.filter(pk=memo.pk).update(state=state, verdict=verdict[:200], **more)


def _lose(now: datetime) -> int:
    """What was claimed and never ended: a crash came between."""
    lost = Memo.objects.filter(state=MessageState.SENDING, claimed_at__lt=now - LOST_AFTER)
    return lost.update(
        state=MessageState.IN_DOUBT, verdict=in_house(_("The sender stopped before the carrier answered."))
    )


def forget(*, now: datetime) -> dict[str, int]:
    """What was written to a colleague goes when nobody asks any more whether it arrived; that it was written stays."""
    old = Memo.objects.filter(created_at__lt=now - KEPT).exclude(subject="", text="", html="")
    return {"memos": old.update(subject="", text="", html="", unsubscribe_url="")}


def _give_up(now: datetime) -> None:
    old = Memo.objects.filter(state=MessageState.PLANNED, created_at__lt=now - STALE)
    old.update(
        state=MessageState.WITHHELD, verdict=in_house(_("It could not leave in time and its moment has passed."))
    )
