"""A batch of letters as the one file that the printer takes: a summary, separators, every letter with its codes.

In: a batch. Out: the pieces of one PDF, in order, as they are typeset. Never: the whole file in memory.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from amiable.core.join import join
from amiable.outreach.express import day
from amiable.outreach.models import LetterBatch
from amiable.outreach.press import CHUNK, Item, press
from amiable.outreach.tray import sheets_of


def printed(batch: LetterBatch) -> Iterator[bytes]:
    """The file of a batch; from the second time on its separators say so. Raises UnableToTypeset."""
    return join(press(_chunks(_items(batch)), made_at=batch.made_at), title=f"{batch.creditor.name} {batch.pk}")


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    return iter(lambda: list(islice(items, CHUNK)), [])


def _items(batch: LetterBatch) -> Iterator[Item]:
    counts = Counter(sheets_of(n, duplex=batch.duplex) for n in batch.items.values_list("pages", flat=True))
    yield _summary(batch, counts)
    letters = batch.items.order_by("place").iterator(chunk_size=500)
    for sheets, group in groupby(letters, key=lambda letter: sheets_of(letter.pages, duplex=batch.duplex)):
        yield _separator(batch, sheets, counts[sheets])
        for letter in group:
            marks = {"mark": str(letter), "sheets": sheets, "pages": letter.pages, "duplex": batch.duplex}
            yield {**letter.data, **marks}


def _summary(batch: LetterBatch, counts: Counter[int]) -> Item:
    with override(batch.creditor.language):
        head = [_("Sheets in the envelope"), _("Envelopes"), _("Sheets")]
        rows = [[str(sheets), str(count), str(sheets * count)] for sheets, count in sorted(counts.items())]
        total = [_("Together"), str(batch.letters), str(batch.sheets)]
        lead = ngettext("%(n)s letter", "%(n)s letters", batch.letters) % {"n": batch.letters}
        return _page(batch, _("Batch %(number)s") % {"number": batch.pk}, lead, [head, *rows, total])


def _separator(batch: LetterBatch, sheets: int, count: int) -> Item:
    with override(batch.creditor.language):
        title = ngettext("%(n)s sheet in the envelope", "%(n)s sheets in the envelope", sheets) % {"n": sheets}
        lead = ngettext("%(n)s letter", "%(n)s letters", count) % {"n": count}
        return _page(batch, title, lead, [])


def _page(batch: LetterBatch, title: str, lead: str, rows: list[list[str]]) -> Item:
    """A sheet between letters that must not be posted."""
    creditor, made_at = batch.creditor, localtime(batch.made_at)
    again = _("Print no. %(n)s: the same letters were printed before.") % {"n": batch.prints}
    words: dict[str, Any] = {
        "language": creditor.language,
        "title": title,
        "lead": lead,
        "rows": rows,
        "above": f"{creditor.name} · {_('Batch %(number)s') % {'number': batch.pk}} · {day(made_at.date(), creditor.language)}",
        "again": again if batch.prints > 1 else "",
        "below": _(
            "This sheet stays here. On each sheet of a letter, the code at the left edge names the letter and the sheet."
        ),
        "duplex": batch.duplex,
    }
    return {"separator": words}
