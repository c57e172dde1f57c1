"""What a colleague, or a customer through a colleague, said in their own words; with files, and colleagues named by @.

In: words and files. Out: a note; who is named hears of it. Never: a file of a kind or size that nobody would open, a
colleague told of a customer whom they may not see.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from amiable.casework.entrust import who_may_see
from amiable.casework.models import Note, NoteFile, NotificationKind
from amiable.casework.notify import notify
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.core.words import in_house
from amiable.ledger.keep import keep
from amiable.ledger.models import Customer

MOST_FILES = 5
MOST_BYTES = 10 * 1024 * 1024
# By their ending, and how such a file begins; text files begin as they like, and hold no null byte.
OFFICE = (b"PK\x03\x04",)
KINDS: dict[str, tuple[bytes, ...]] = {
    ".pdf": (b"%PDF-",),
    ".png": (b"\x89PNG\r\n\x1a\n",),
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".docx": OFFICE,
    ".xlsx": OFFICE,
    ".odt": OFFICE,
    ".ods": OFFICE,
    ".txt": (),
    ".csv": (),
    ".eml": (),
}
_MENTION = re.compile(r"(?<![\w@])@([\w.+-]+(?:@[\w-]+(?:\.[\w-]+)+)?)")


class UnableToAttach(UnableTo):
    """The file is of a kind or size that is not kept."""


@dataclass(frozen=True)
class File:
    name: str
    content: bytes


@transaction.atomic
def write(
    *, customer: Customer, text: str, now: datetime, by: User | None = None, files: Sequence[File] = ()
) -> Note | None:
    """Keeps the words and files; nothing where there are neither. Whoever is named by @ and may see the customer is told."""
    text = text.strip()
    if not text and not files:
        return None
    for file in files:
        check(file)
    if len(files) > MOST_FILES:
        raise UnableToAttach(_("At most %(count)s files go with a note.") % {"count": MOST_FILES})
    note = Note.objects.create(customer=customer, text=text, by=by, at=now)
    NoteFile.objects.bulk_create(
        NoteFile(note=note, name=PurePath(file.name).name[-200:], sha256=keep(file.content), size=len(file.content))
        for file in files
    )
    as_of = day_of(now, customer.creditor.time_zone)
    named = [user for user in mentioned(text=text, customer=customer, as_of=as_of) if user != by]
    if named:
        said = in_house(gettext_lazy("%(name)s names you: %(words)s"), name=by or customer, words=text[:200])
        notify(users=named, text=said, key=f"note:{note.pk}", kind=NotificationKind.MENTION, customer=customer, now=now)
    return note


def mentioned(*, text: str, customer: Customer, as_of: date) -> list[User]:
    """Whom the words name by @ and their log-in name, of those who may see the customer."""
    names = {name.rstrip(".-").casefold() for name in _MENTION.findall(text)}
    if not names:
        return []
    return [user for user in who_may_see(customer=customer, as_of=as_of) if user.username.casefold() in names]


def check(file: File) -> None:
    """Raises UnableToAttach, with what may be attached, where this may not."""
    ending = PurePath(file.name).suffix.lower()
    if ending not in KINDS:
        told = {"name": PurePath(file.name).name, "kinds": ", ".join(sorted(each[1:] for each in KINDS))}
        raise UnableToAttach(_("“%(name)s” cannot be attached: %(kinds)s can.") % told)
    if not 0 < len(file.content) <= MOST_BYTES:
        told = {"name": PurePath(file.name).name, "most": str(MOST_BYTES // 1024 // 1024)}
        raise UnableToAttach(_("“%(name)s” is empty, or larger than %(most)s MB.") % told)
    starts = KINDS[ending]
    fits = file.content.startswith(starts) if starts else b"\0" not in file.content
    if not fits:
        raise UnableToAttach(_("“%(name)s” is not what its name says.") % {"name": PurePath(file.name).name})
