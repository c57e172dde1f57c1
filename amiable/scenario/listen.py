"""The creditors' mailboxes are read: each e-mail is heard once, as an answer, a bounce or a complaint.

In: what came since the last look. Out: replies and events, and where one stands, in one transaction for each e-mail.
Never: an e-mail heard twice or passed over, whatever it is made of and wherever one was interrupted.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from amiable.core import seal
from amiable.core.words import in_house
from amiable.ledger.models import Creditor
from amiable.outreach import mailbox, receive
from amiable.outreach.channel import Heard, Word
from amiable.outreach.models import Delivery, Event, Mailbox, Reply
from amiable.outreach.sift import sift
from amiable.outreach.unwrap import identity, unwrap
from amiable.payments.attempt import local_day
from amiable.scenario.respond import reply_heard

log = logging.getLogger(__name__)
AT_ONCE = 500  # e-mails of one look; the rest is read at the next one
_LISTENERS = 0x4D41494C  # with a creditor's number: the advisory lock of who reads its mailbox


@dataclass
class Summary:
    """What one look brought. `known`: heard before, or written by us; `unread`: mailboxes that could not be read; `busy`:
    that somebody else is reading.
    """

    answers: int = 0
    events: int = 0
    known: int = 0
    unread: int = 0
    busy: int = 0


def listen(*, now: datetime, creditor: Creditor | None = None, most: int = AT_ONCE) -> Summary:
    """Reads the mailboxes of all creditors, or of one. One that cannot be read keeps its sentence and stops no other."""
    summary = Summary()
    for owner in [creditor] if creditor else mailbox.owners():
        with _alone(owner) as mine:
            if not mine:
                summary.busy += 1
                continue
            try:
                _listen(owner, summary, now=now, most=most)
            except (mailbox.UnableToReadMailbox, seal.UnableToUnseal) as error:
                summary.unread += 1
                log.warning("%s: %s", owner, error)
                place(owner, now=now, trouble=str(error))
    return summary


def place(creditor: Creditor, *, now: datetime, trouble: str = "") -> Mailbox:
    """Where one stands in the creditor's mailbox, with what was wrong at the last look; begun today where it is new."""
    row, _new = Mailbox.objects.update_or_create(
        creditor=creditor,
        defaults={"looked_at": now, "trouble": trouble[:300]},
        create_defaults={
            "since": local_day(creditor, now), "looked_at": now, "trouble": trouble[:300],
        },
    )  # fmt: skip
    return row


def _listen(creditor: Creditor, summary: Summary, *, now: datetime, most: int) -> None:
    values = mailbox.settings_of(creditor)
    if values is None:
        return
    source = f"mailbox:{creditor.pk}"
    with mailbox.opened(values) as box:
        row = place(creditor, now=now)
        if row.uid_validity != box.validity:  # the server counts anew: what was heard is known by its identity
            row.uid_validity, row.last_uid = box.validity, 0
            row.save(update_fields=["uid_validity", "last_uid"])
        for uid in box.after(row.last_uid, since=row.since)[:most]:
            letter = box.letter(uid)
            item = None if letter is None else _opened(letter, summary, source=source, creditor=creditor, now=now)
            with transaction.atomic():
                if item is not None:
                    _hear(item, summary, source=source, creditor=creditor, now=now)
                Mailbox.objects.filter(pk=row.pk).update(last_uid=uid)


def _opened(
    letter: mailbox.Letter, summary: Summary, *, source: str, creditor: Creditor, now: datetime
) -> Word | Heard | None:
    """What the e-mail is; nothing where it was heard before, or where we wrote it ourselves."""
    external_id = identity(letter.head)
    heard = any(kind.objects.filter(source=source, external_id=external_id).exists() for kind in (Reply, Event))
    if heard or Delivery.objects.filter(external_id=external_id).exists():
        summary.known += 1
        return None
    mail = unwrap(letter.content(), received=min(letter.received, now), size=letter.size)
    if creditor.email and mail.sender == creditor.email.lower():
        summary.known += 1
        return None
    return sift(replace(mail, external_id=external_id))


def _hear(item: Word | Heard, summary: Summary, *, source: str, creditor: Creditor, now: datetime) -> None:
    try:
        with transaction.atomic():
            _take(item, source=source, creditor=creditor, now=now)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # Whatever made us stumble, the e-mails behind it are not to wait for it: a person reads this one where it lies.
        log.exception("An e-mail could not be heard: %s %s", source, item.external_id)
        trouble = in_house(_("The e-mail could not be taken in: read it in the mailbox."))
        Reply.objects.create(
            source=source, external_id=item.external_id, creditor=creditor, medium="email", sender="", text="", at=now,
            intent="other", trouble=trouble,
        )  # fmt: skip
    summary.events += isinstance(item, Word)
    summary.answers += isinstance(item, Heard)


def _take(item: Word | Heard, *, source: str, creditor: Creditor, now: datetime) -> None:
    """Words about our messages, and answers, go where they belong."""
    if isinstance(item, Word):
        receive.hear(source=source, words=[item], now=now, creditor=creditor)
        return
    reply_heard(
        source=source, external_id=item.external_id, sender=item.sender, recipient=item.recipient, subject=item.subject,
        text=item.text, at=item.at or now, now=now, answers=item.answers, creditor=creditor.pk, attachments=item.attachments,
        automatic=item.automatic, **item.raw,
    )  # fmt: skip


@contextmanager
def _alone(creditor: Creditor) -> Iterator[bool]:
    mine = _lock("pg_try_advisory_lock", creditor.pk)
    try:
        yield mine
    finally:
        if mine:
            _lock("pg_advisory_unlock", creditor.pk)


def _lock(function: str, creditor: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_LISTENERS, creditor])
        row: tuple[bool] = cursor.fetchone()
        return row[0]
