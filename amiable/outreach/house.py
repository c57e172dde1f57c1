"""Which text speaks: the creditor's own, this installation's, or the house's; in this tone, or in the one nearest to it.

In: creditor, purpose, medium, language, audience, tone. Out: the text as it is written.
Never: a text that nobody approved, or another language than the one asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from django.utils.translation import gettext as _

from amiable.outreach.models import Template
from amiable.outreach.sandbox import UnableToCompose
from amiable.outreach.shape import LIBRARY

# Where a text does not exist in a tone, the next one of its row is taken; of two that are as near, the kinder.
NEAREST: Mapping[str, tuple[str, ...]] = {
    "warm": ("warm", "neutral", "firm"),
    "neutral": ("neutral", "warm", "firm"),
    "firm": ("firm", "neutral", "warm"),
}
# Media that lend their words to another: a letter without a text of its own says what the e-mail says.
LENDS: Mapping[str, tuple[str, ...]] = {"letter": ("letter", "email")}
# Texts that answer what one customer did: whoever orders them says it in the message's context (tell.py).
ANSWERS = frozenset({
    "promise_confirmed", "promise_broken", "plan_offered", "plan_agreed", "plan_due", "plan_late", "receipt",
    "payment_failed",
    "dispute_received", "dispute_answered", "dispute_message", "invoice_copy",
})  # fmt: skip
LANGUAGES = ("fr", "en")
AUDIENCES = ("business", "consumer")
TextKey = tuple[int | None, str, str, str, str, str]  # creditor, key, medium, language, audience, tone
Texts = Mapping[TextKey, Template]


@dataclass(frozen=True, order=True)
class Place:
    """Where a text stands in the library."""

    key: str
    medium: str
    language: str
    audience: str
    tone: str

    @property
    def file(self) -> str:
        medium = "" if self.medium == "email" else f".{self.medium}"
        return f"{self.language}/{self.audience}/{self.key}.{self.tone}{medium}.liquid"

    def nearest(self) -> Iterator["Place"]:
        """This place, and those that may speak for it, nearest first."""
        for medium in LENDS.get(self.medium, (self.medium,)):
            for tone in NEAREST.get(self.tone, (self.tone,)):
                yield Place(self.key, medium, self.language, self.audience, tone)


@dataclass(frozen=True)
class Spoken:
    """The text that speaks: as it is written, where it stands, and the row that it is, if a person wrote it."""

    source: str
    place: Place
    subject: str = ""
    row: Template | None = None


def own_texts() -> Texts:
    """The approved text of each place where a creditor, or this installation, has one of its own: its newest version."""
    rows = Template.objects.filter(approved_at__isnull=False, retired_at=None).order_by(*_PLACE, "-version")
    return {
        (row.creditor_id, row.key, row.medium, row.language, row.audience, row.tone): row
        for row in rows.distinct(*_PLACE)
    }


_PLACE = ("creditor_id", "key", "medium", "language", "audience", "tone")


def speaks(place: Place, *, creditor: int | None, own: Texts) -> Spoken:
    """The text for a place: at each tone the creditor's own before the installation's before the house's.

    Raises UnableToCompose where there is none in any tone.
    """
    for near in place.nearest():
        rest = (near.key, near.medium, near.language, near.audience, near.tone)
        row = own.get((creditor, *rest)) or own.get((None, *rest))
        if row:
            return Spoken(row.body, near, row.subject, row)
        if near in shelf():
            return Spoken(house_source(near), near)
    raise UnableToCompose(
        _("There is no text “%(key)s” for %(audience)s in %(language)s (%(medium)s).")
        % {"key": place.key, "audience": place.audience, "language": place.language, "medium": place.medium}
    )


def house_text(language: str, audience: str, key: str, tone: str, medium: str = "email") -> str:
    """The house's own text, in this tone or in the nearest that it exists in."""
    return speaks(Place(key, medium, language, audience, tone), creditor=None, own={}).source


@cache
def shelf() -> frozenset[Place]:
    """Every text of the house."""
    return frozenset(_place(path.relative_to(LIBRARY).parts) for path in LIBRARY.glob("*/*/*.liquid"))


def _place(parts: tuple[str, ...]) -> Place:
    language, audience, name = parts
    key, tone, *medium = name.removesuffix(".liquid").split(".")
    return Place(key, medium[0] if medium else "email", language, audience, tone)


@cache
def keys() -> tuple[str, ...]:
    """The purposes for which the house has something written; what is only spoken is no message."""
    return tuple(sorted({place.key for place in shelf() if place.medium != "call"}))


@cache
def house_source(place: Place) -> str:
    """The file of a text that stands on the shelf."""
    return (LIBRARY / place.file).read_text(encoding="utf-8")
