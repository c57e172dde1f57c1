"""What the doctor says about channels: per creditor, which medium leaves how, and what waits for want of one."""

from collections.abc import Iterator

from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from amiable.core.doctor import Finding
from amiable.ledger.models import Creditor, Medium
from amiable.outreach import route
from amiable.outreach.channel import channels


def diagnose() -> list[Finding]:
    """One sentence per channel that a creditor set up and uses, and per medium that messages wait for."""
    try:
        ways = route.routes(Creditor.objects.order_by("name"))
        return [*_in_use(ways), *_stuck(ways)]
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
