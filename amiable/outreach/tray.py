"""The tray of the house's printer: letters wait in it, become batches, are posted, and some come back.

In: letters that left by the channel `letter`. Out: batches, and events of their messages: queued, sent, bounced.
Never: a letter in two batches, one printed that the last look would hold back now, or a batch half made.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Min, QuerySet, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.core import audit
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.models import Creditor
from amiable.outreach.channel import Channel, Word, channels
from amiable.outreach.gather import Facts, gather
from amiable.outreach.guard import look
from amiable.outreach.letter import stands
from amiable.outreach.models import Event, EventKind, Letter, LetterBatch, Message, MessageState
from amiable.outreach.receive import hear
from amiable.outreach.record import ask_for_text, miss_address
from amiable.outreach.render import Rendered, Texts, own_texts, render_all

SOURCE = "letter"  # of the events: the channel's key
LOOKED_AT = 500  # letters at a time
PATIENCE = timedelta(days=3)  # so long a letter may lie in the tray: over a weekend
_CODE = re.compile(r"L?0*(\d{1,18})(?:-\d+/\d+)?")
# Envelopes with as many sheets follow one another, and in each such group the places that the post sorts by.
_LAY_OUT = """
UPDATE outreach_letter l SET batch_id = %(batch)s, place = r.place FROM (
  SELECT id, row_number() OVER (ORDER BY {sheets}, destination, id) AS place FROM outreach_letter WHERE id = ANY(%(ids)s)
) r WHERE l.id = r.id
"""


class UnableToMake(UnableTo):
    """No batch can be made now."""


class UnableToPost(UnableTo):
    """The batch cannot be posted."""


class UnableToReturn(UnableTo):
    """The code names no letter that could have come back."""


def waiting(creditors: Iterable[Creditor]) -> QuerySet[Letter]:
    """Letters that lie in the tray. One whose message is in doubt waits until a person has said that it left."""
    return Letter.objects.filter(batch=None, message__creditor__in=creditors, message__state=MessageState.SENT)


def tally(creditors: Iterable[Creditor]) -> dict[str, object]:
    """How many letters wait, on how many pages, since when."""
    return waiting(creditors).aggregate(letters=Count("pk"), pages=Sum("pages", default=0), since=Min("laid_at"))


@dataclass(frozen=True)
class Lying:
    """Letters of a creditor for which nobody has come to print them."""

    creditor: Creditor
    letters: int
    since: datetime  # the oldest of them


def lying(creditors: Iterable[Creditor], *, now: datetime) -> list[Lying]:
    """Where the oldest letter has lain too long. Where everything is stopped letters wait rightly."""
    known = {each.pk: each for each in creditors if not each.stopped_at}
    rows = waiting(known.values()).order_by("message__creditor").values_list("message__creditor")
    told = rows.annotate(letters=Count("pk"), since=Min("laid_at")).filter(since__lt=now - PATIENCE)
    return [Lying(known[pk], letters, since) for pk, letters, since in told]


@transaction.atomic
def make(*, creditor: Creditor, as_of: date, now: datetime, by: User | None) -> LetterBatch | None:
    """All that waits becomes one batch, after a last look; None where that leaves nothing to print. What was laid
    on an earlier day is written again: its date and the day by which it asks for an answer are those of its printing.

    Raises UnableToMake where nothing waits, or while everything is stopped.
    """
    _go_on(creditor)
    letters = list(waiting([creditor]).select_for_update(of=("self",)).order_by("pk"))
    if not letters:
        raise UnableToMake(_("No letter is waiting."))
    texts, kept = own_texts(), list[Letter]()
    for start in range(0, len(letters), LOOKED_AT):
        kept += _freshened(letters[start : start + LOOKED_AT], texts, as_of, now)
    if not kept:
        return None
    duplex = bool(creditor.policy.get("duplex"))
    sheets = [sheets_of(letter.pages, duplex=duplex) for letter in kept]
    batch = LetterBatch.objects.create(
        creditor=creditor, made_at=now, made_by=by, letters=len(kept), pages=sum(letter.pages for letter in kept),
        sheets=sum(sheets), duplex=duplex,
    )  # fmt: skip
    with connection.cursor() as cursor:
        rule = "(pages + 1) / 2" if duplex else "pages"
        cursor.execute(_LAY_OUT.format(sheets=rule), {"batch": batch.pk, "ids": [letter.pk for letter in kept]})
    _tell(batch, EventKind.QUEUED, now)
    _note("letters.batched", batch, now, by, letters=len(kept))
    return batch


def _go_on(creditor: Creditor) -> None:
    if Creditor.objects.filter(pk=creditor.pk, stopped_at__isnull=False).exists():
        raise UnableToMake(_("Everything is stopped: no letter is printed until somebody lets it go on."))


def sheets_of(pages: int, *, duplex: bool) -> int:
    return (pages + 1) // 2 if duplex else pages


def _freshened(letters: Sequence[Letter], texts: Texts, as_of: date, now: datetime) -> list[Letter]:
    """Those of the letters that may still be printed, written again where an amount, the address or the day has changed."""
    messages = {message.key: message for message in Message.objects.filter(letter__in=letters)}
    facts = gather([messages[letter.message_id] for letter in letters], as_of=as_of, now=now)
    kept, changed = [], []
    for letter, each, verdict in zip(letters, facts, look(facts), strict=True):
        if verdict.dry_run or verdict.not_before:
            continue  # it goes on waiting
        if verdict.reason:
            _take_out(letter, each.message, MessageState.WITHHELD, verdict.reason)
            if verdict.no_address:
                miss_address(each.message, verdict.reason, now)
        elif letter.data.get("stands") == stands(each):
            kept.append(letter)
        else:
            changed.append((letter, each))
    return kept + _written_again(changed, texts, now)


def _written_again(changed: Sequence[tuple[Letter, Facts]], texts: Texts, now: datetime) -> list[Letter]:
    kept = []
    for (letter, facts), rendered in zip(changed, render_all([facts for _l, facts in changed], texts), strict=True):
        message, levels = facts.message, dict(zip(facts.message.also, facts.message.also_levels, strict=False))
        if not isinstance(rendered, Rendered):
            _take_out(letter, message, MessageState.FAILED, str(rendered))
            ask_for_text(facts, rendered, now)
            continue
        letter.data, letter.pages = dict(rendered.letter), rendered.letter["pages"]
        letter.destination = rendered.letter["recipient"][-1]
        letter.save(update_fields=["data", "pages", "destination"])
        message.subject, message.text = rendered.subject[:300], rendered.text
        message.about, message.also = [line.id for line in facts.about], [line.id for line in facts.also]
        message.also_levels = [levels.get(ref, 0) for ref in message.also]  # each invoice keeps its own
        message.address = facts.address.value if facts.address else message.address
        message.save(update_fields=["subject", "text", "about", "also", "also_levels", "address"])
        kept.append(letter)
    return kept


def _take_out(letter: Letter, message: Message, state: str, reason: str) -> None:
    Message.objects.filter(pk=message.pk).update(state=state, verdict=reason[:200])
    letter.delete()


@transaction.atomic
def take(*, batch: LetterBatch, now: datetime, by: User | None) -> int:
    """Someone takes the file to print it; returns which time that is: from the second on, it says so itself.

    Raises UnableToMake while everything is stopped, and where a letter would be missing in the file.
    """
    _go_on(batch.creditor)
    if lost := batch.items.filter(data={}).order_by("place").first():
        raise UnableToMake(
            _("Nothing is kept of what the letter %(code)s says: the batch cannot be printed.") % {"code": lost}
        )
    row = LetterBatch.objects.select_for_update().get(pk=batch.pk)
    row.prints, row.printed_at = row.prints + 1, now
    row.save(update_fields=["prints", "printed_at"])
    _note("letters.printed", row, now, by, time=row.prints)
    batch.prints, batch.printed_at = row.prints, row.printed_at
    return row.prints


@transaction.atomic
def post(*, batch: LetterBatch, now: datetime, by: User | None) -> None:
    """A person says that the batch went to the post. Raises UnableToPost where it was never printed, or posted before."""
    row = LetterBatch.objects.select_for_update().get(pk=batch.pk)
    if row.posted_at:
        raise UnableToPost(_("This batch has been posted already."))
    if not row.prints:
        raise UnableToPost(_("This batch has not been printed yet."))
    row.posted_at, row.posted_by = now, by
    row.save(update_fields=["posted_at", "posted_by"])
    _tell(row, EventKind.SENT, now)
    _note("letters.posted", row, now, by, letters=row.letters)


@transaction.atomic
def returned(*, code: str, creditors: Iterable[Creditor], now: datetime, by: User | None) -> Letter:
    """The post brought a letter back: its address is not used again. `code`: as scanned (L1042-1/2) or typed (1042)."""
    found = _CODE.fullmatch(code.strip().upper())
    letter = (
        Letter.objects.select_for_update(of=("self",))
        .filter(pk=int(found[1]), message__creditor__in=creditors, batch__posted_at__isnull=False)
        .select_related("message__customer")
        .first()
        if found
        else None
    )
    if letter is None:
        raise UnableToReturn(_("“%(code)s” names no letter that was posted.") % {"code": code.strip()[:40]})
    if letter.returned_at:
        raise UnableToReturn(_("The letter %(code)s was noted as returned before.") % {"code": letter})
    letter.returned_at = now
    letter.save(update_fields=["returned_at"])
    word = Word(
        external_id=f"returned:{letter.pk}", message_external_id=_printer().message_id(letter.message_id),
        kind=EventKind.BOUNCED, at=now, permanent=True, reason=in_house(gettext_lazy("The post returned the letter.")),
        raw={"code": code.strip()[:40]},
    )  # fmt: skip
    hear(source=SOURCE, words=[word], now=now)
    message = letter.message
    audit.record(
        "letter.returned", now=now, user=by, creditor_ref=message.creditor_id, subject="customer",
        subject_ref=message.customer_id, message=message.pk,
    )  # fmt: skip
    return letter


def _printer() -> Channel:
    return channels()[SOURCE]({})


def _tell(batch: LetterBatch, kind: EventKind, now: datetime) -> None:
    """The same word on every letter of a batch."""
    rows = batch.items.values_list("pk", "message__pk")
    Event.objects.bulk_create(
        [Event(source=SOURCE, external_id=f"{kind}:{pk}", message_id=ref, kind=kind, at=now) for pk, ref in rows],
        batch_size=2_000,
    )


def _note(act: str, batch: LetterBatch, now: datetime, by: User | None, **detail: int) -> None:
    actor = "" if by else "cli"
    audit.record(
        act, now=now, user=by, actor=actor, creditor_ref=batch.creditor_id, subject="creditor",
        subject_ref=batch.creditor_id, batch=batch.pk, **detail,
    )  # fmt: skip
