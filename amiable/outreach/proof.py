"""A text is proofread before it may be used: it is filled with a sample, weighed, and held against the law.

In: a text as it is written, and where it is to stand. Out: a Proof. It never sends and never keeps anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.law.packs import Law
from amiable.ledger.models import Medium
from amiable.outreach.compose import check, compose, read
from amiable.outreach.house import AUDIENCES, LANGUAGES, Place
from amiable.outreach.mentions import Fault, Text, faults
from amiable.outreach.models import Tone
from amiable.outreach.names import example, sample
from amiable.outreach.sandbox import UnableToCompose
from amiable.outreach.segment import Segments, segment

MOST_SEGMENTS = 2  # of an SMS: what is longer belongs into another medium
WRITTEN = (Medium.EMAIL, Medium.SMS, Medium.LETTER, Medium.CALL, Medium.IVR)  # media that have texts
_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")


@dataclass(frozen=True)
class Proof:
    """`mistake`: the text cannot be used at all. `faults`: it can, but says too little or too much."""

    mistake: str = ""
    line: int = 0
    faults: tuple[Fault, ...] = ()
    advice: tuple[str, ...] = ()
    segments: Segments | None = None

    @property
    def stops(self) -> bool:
        """Whether the text may not be approved as it is."""
        return bool(self.mistake) or any(fault.stops for fault in self.faults)

    @property
    def sentences(self) -> tuple[str, ...]:
        told = [self.mistake] if self.mistake else []
        return (*told, *(fault.sentence for fault in self.faults), *self.advice)


def proofread(source: str, place: Place, *, law: Law, policy: Mapping[str, Any], subject: str = "") -> Proof:
    """Everything there is to say about a text that would stand at `place`, under this law and a creditor's policy."""
    language = place.language
    try:
        _title, words, _page = check(
            source, subject=subject, language=language, known=sample(language), medium=place.medium,
            example=example(language),
        )  # fmt: skip
        if place.medium in {Medium.EMAIL, Medium.LETTER} and not read(source, subject=subject).subject.strip():
            raise UnableToCompose(_("It needs a subject."))
    except UnableToCompose as error:
        return Proof(mistake=str(error), line=error.line)
    told = text(source, subject, place.language, place.medium)
    segments = segment(words) if place.medium == Medium.SMS else None
    return Proof(
        faults=tuple(faults(told, purpose=place.key, audience=place.audience, law=law, policy=policy)),
        advice=tuple(_advice(segments)) if segments else (),
        segments=segments,
    )


def _advice(segments: Segments) -> list[str]:
    advice = []
    if segments.count > MOST_SEGMENTS:
        told = ngettext("It takes %(n)s segment", "It takes %(n)s segments", segments.count) % {"n": segments.count}
        advice.append(_("%(told)s: two are enough for an SMS.") % {"told": told})
    if segments.alphabet != "gsm":
        advice.append(_("It has letters that make every segment half as long."))
    return advice


@lru_cache(maxsize=1024)
def text(source: str, subject: str, language: str, medium: str) -> Text:
    """A text with all that it says and names, layout included. Raises UnableToCompose."""
    composed = compose(source, subject=subject, language=language, medium=medium)
    return Text(words=f"{subject}\n{source}", names=composed.names, medium=medium)


def possible(place: Place) -> bool:
    """Whether a text can stand there."""
    return bool(
        _KEY.fullmatch(place.key)
        and place.medium in WRITTEN
        and place.language in LANGUAGES
        and place.audience in AUDIENCES
        and place.tone in Tone.values
    )
