"""An e-mail to a colleague as text and as HTML: a title, some figures, rows that lead to what is to be done, a way out.

In: a Page, its words in the reader's language already. Out: subject, text, HTML that a phone shows well, in light and dark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import mrml
from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import override

from amiable.core import links
from amiable.core.models import User
from amiable.outreach.memo import UNSUBSCRIBE

GOOD_FOR = timedelta(days=730)  # a wish not to be written to is heard for two years


@dataclass(frozen=True)
class Row:
    """`text` leads to `url`; `small` says why; `value` stands at the right (an amount, a day), red where it is `bad`."""

    text: str
    url: str = ""
    small: str = ""
    value: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    rows: Sequence[Row]
    more: str = ""  # what is not listed, in words
    url: str = ""  # where all of it is


@dataclass(frozen=True)
class Page:
    subject: str
    title: str
    lead: str
    sections: Sequence[Section]
    kind: str  # of which the reader may wish no more
    button: str = ""
    url: str = ""
    figures: Sequence[Row] = field(default_factory=tuple)


@dataclass(frozen=True)
class Draft:
    subject: str
    text: str
    html: str
    unsubscribe_url: str


def address(name: str, *arguments: object) -> str:
    """The full address of a page of the desk."""
    return settings.BASE_URL + reverse(f"desk:{name}", args=arguments)


def draft(page: Page, *, user: User, now: datetime) -> Draft:
    token = links.sign(UNSUBSCRIBE, {"u": user.pk, "k": page.kind}, expires=now + GOOD_FOR)
    out = address("news_unsubscribe", token)
    told = {"page": page, "unsubscribe_url": out, "wishes_url": address("news_wishes"), "language": user.language}
    with override(user.language):
        text = render_to_string("memo/page.txt", told)
        mjml = render_to_string("memo/page.mjml", told)
    html = mrml.to_html(mjml, render_options=mrml.RenderOptions(disable_comments=True, fonts={})).content
    return Draft(page.subject, text.strip() + "\n", html, out)
