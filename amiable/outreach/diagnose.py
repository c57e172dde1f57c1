"""What the doctor says about channels: per creditor, which medium leaves how, and what waits for want of one, or of a person."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import DatabaseError
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from amiable.core.calendar import day_of
from amiable.core.doctor import Finding
from amiable.ledger.models import Creditor, Medium
from amiable.outreach import route, tray
from amiable.outreach.channel import channels
from amiable.outreach.speak import day


def diagnose(*, now: datetime) -> list[Finding]:
    """One sentence per channel that a creditor set up and uses, per medium that messages wait for, per tray that is left."""
    try:
        creditors = list(Creditor.objects.order_by("name"))
        ways = route.routes(creditors)
        return [*_in_use(ways), *_stuck(ways), *_lying(creditors, now)]
    except DatabaseError:
        return []  # the doctor says so of the database itself


def _in_use(ways: route.Routes) -> Iterator[Finding]:
    for (_pk, medium), each in ways.items():
        if each.own and not each.missing:
            told = {"creditor": each.creditor, "medium": Medium(medium).label, "channel": channels()[each.key].label}
            yield Finding(
                area="channels", ok=True, sentence=_("%(creditor)s: %(medium)s leaves by %(channel)s.") % told
            )


def _stuck(ways: route.Routes) -> Iterator[Finding]:
    for each in route.stuck(ways):
        told = {"creditor": each.creditor, "medium": Medium(each.medium).label, "n": each.count, "why": each.why}
        text = ngettext(
            "%(creditor)s: %(n)d message waits (%(medium)s). %(why)s",
            "%(creditor)s: %(n)d messages wait (%(medium)s). %(why)s",
            each.count,
        )
        yield Finding(area="channels", ok=False, sentence=text % told)


def _lying(creditors: Sequence[Creditor], now: datetime) -> Iterator[Finding]:
    for each in tray.lying(creditors, now=now):
        since = day(day_of(each.since, each.creditor.time_zone), (get_language() or "en")[:2])
        told = {"creditor": each.creditor, "n": each.letters, "day": since}
        text = ngettext(
            "%(creditor)s: %(n)d letter has waited since %(day)s to be printed. Print it from the page “Letters”.",
            "%(creditor)s: %(n)d letters have waited since %(day)s to be printed. Print them from the page “Letters”.",
            each.letters,
        )
        yield Finding(area="letters", ok=False, sentence=text % told)
