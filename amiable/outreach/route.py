"""Which channel carries which medium for which creditor: the creditor's own choice and settings, else the house's.

In: creditors. Out: a Route each and per medium, with a sentence where something is missing.
Never: a message claimed for a medium that nothing carries; it stays planned, and the sentence says what to do.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from amiable.core import audit, seal
from amiable.core.errors import NotConfigured, UnableTo
from amiable.core.models import Credential, User
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor, Medium
from amiable.outreach.channel import Channel, Hook, channels
from amiable.outreach.models import Message, MessageState

PORT = "channel"
SHARED = 0  # stands for the creditor in the account of a channel that runs on the settings of the installation
PASSWORD = "hook_password"  # among the settings: what the provider shows when it calls our hook


class UnableToRoute(UnableTo):
    """This channel cannot be used for that."""


@dataclass(frozen=True)
class Route:
    """How a medium leaves for a creditor. `missing`: why it cannot, in a sentence; empty where it can."""

    creditor: Creditor
    medium: str
    key: str = ""  # of the channel; empty where none is in use
    own: bool = False  # by settings of the creditor, not of the installation
    config: Mapping[str, Any] | None = field(default=None, repr=False)  # secrets: never in a log
    unread: str = ""  # why the kept settings could not be read

    @property
    def account(self) -> str:
        """What shares one limit and one connection: the channel with one set of settings."""
        return f"{self.creditor.pk if self.own else SHARED}:{self.key}"

    @property
    def dry(self) -> bool:
        """Nothing of the creditor leaves yet, so nothing need be set up."""
        return self.creditor.released_at is None

    @property
    def goes(self) -> bool:
        """Whether what nobody looks at one by one may go this way.

        A dry run needs no carrier; one that leaves the rest to people is one only where the creditor chose it.
        """
        kind = channels().get(self.key)
        if kind is not None and kind.by_people and not chosen(self.creditor, self.medium):
            return False
        return self.dry or not self.missing

    @cached_property
    def missing(self) -> str:
        try:
            self.channel()
        except (NotConfigured, seal.UnableToUnseal) as error:
            return str(error)
        return ""

    def channel(self) -> Channel:
        """The channel, set up and not yet connected. Raises NotConfigured or UnableToUnseal."""
        if self.unread:
            raise seal.UnableToUnseal(self.unread)
        if not self.key:
            told = {"medium": Medium(self.medium).label}
            raise NotConfigured(_("Nothing carries “%(medium)s” yet: set up a channel for it.") % told)
        kind = channels().get(self.key)
        if kind is None or not kind.offered():
            raise NotConfigured(_("The channel “%(key)s” does not exist here: choose another one.") % {"key": self.key})
        return kind(kind.settings() if self.config is None else self.config)


Routes = Mapping[tuple[int, str], Route]


def routes(creditors: Iterable[Creditor]) -> dict[tuple[int, str], Route]:
    """The route of every medium for each creditor, in one query for all of them."""
    rows = {creditor.pk: creditor for creditor in creditors}
    kept: dict[tuple[int, str], Credential] = {
        (row.creditor_ref, row.key): row for row in Credential.objects.filter(port=PORT, creditor_ref__in=rows)
    }
    return {
        (pk, medium): _route(creditor, medium, key := in_use(creditor, medium), kept.get((pk, key)))
        for pk, creditor in rows.items()
        for medium in Medium.values
    }


def route(creditor: Creditor, key: str) -> Route:
    """The way over one channel, whether it is the one in use or not."""
    row = Credential.objects.filter(port=PORT, creditor_ref=creditor.pk, key=key).first()
    return _route(creditor, channels()[key].medium, key, row)


def in_use(creditor: Creditor, medium: str) -> str:
    """The channel in use: what the creditor chose, else the house's own, which is called like its medium; or none."""
    own = channels().get(medium)
    return chosen(creditor, medium) or (medium if own is not None and own.medium == medium else "")


def chosen(creditor: Creditor, medium: str) -> str:
    """The channel that the creditor itself chose for a medium; or none."""
    return str(creditor.policy.get("channels", {}).get(medium) or "")


def given(by_medium: Mapping[str, str], creditors: Iterable[Creditor]) -> dict[tuple[int, str], Route]:
    """The same channels for everybody, on the settings of the installation: for demonstrations and tests."""
    return {
        (creditor.pk, medium): Route(creditor, medium, by_medium.get(medium, ""))
        for creditor in creditors
        for medium in Medium.values
    }


@dataclass(frozen=True)
class Stuck:
    """Messages of a released creditor that wait, since nothing carries their medium; `why` says what is missing."""

    creditor: Creditor
    medium: str
    count: int
    why: str


def stuck(ways: Routes, *, as_of: date | None = None) -> list[Stuck]:
    """What waits for want of a channel (up to a day)."""
    missing = {pair: each for pair, each in ways.items() if each.missing and not each.dry}
    waiting = Message.objects.filter(
        state=MessageState.PLANNED,
        creditor__in={pk for pk, _medium in missing},
        medium__in={medium for _pk, medium in missing},
    )
    if as_of is not None:
        waiting = waiting.filter(as_of__lte=as_of)
    counted = waiting.order_by().values_list("creditor", "medium").annotate(n=Count("pk"))
    return [
        Stuck(missing[pk, medium].creditor, medium, count, missing[pk, medium].missing)
        for pk, medium, count in counted
        if (pk, medium) in missing
    ]


@transaction.atomic
def keep(*, creditor: Creditor, key: str, values: Mapping[str, Any], now: datetime, by: User) -> None:
    """Seals the settings of a channel for a creditor. A field left empty that holds a secret keeps what it had."""
    kind = channels()[key]
    made = {PASSWORD: secrets.token_urlsafe(24)} if kind.hook == Hook.PASSWORD else {}
    changed = seal.renew(kind.Config, values, creditor_ref=creditor.pk, port=PORT, key=key, now=now, made=made)
    _note("channel.kept", creditor, now, by, channel=key, changed=changed)


@transaction.atomic
def use(*, creditor: Creditor, key: str, now: datetime, by: User) -> None:
    """From now on this channel carries its medium for the creditor. Raises UnableToRoute with what is missing."""
    missing = route(creditor, key).missing
    if missing:
        raise UnableToRoute(missing)
    row = Creditor.objects.select_for_update().get(pk=creditor.pk)
    medium = channels()[key].medium
    used = {**row.policy.get("channels", {}), medium: key}
    told = {"act": "channel.used", "channel": key, "medium": medium}
    adopt(creditor=row, choices={"channels": used}, now=now, by=by, **told)


@transaction.atomic
def forget(*, creditor: Creditor, key: str, now: datetime, by: User) -> None:
    """The settings of a channel are taken away, and the medium goes back to the house's own way, if there is one."""
    row = Creditor.objects.select_for_update().get(pk=creditor.pk)
    row.policy["channels"] = {medium: used for medium, used in row.policy.get("channels", {}).items() if used != key}
    row.save(update_fields=["policy"])
    Credential.objects.filter(creditor_ref=creditor.pk, port=PORT, key=key).delete()
    _note("channel.forgotten", creditor, now, by, channel=key)


def known(creditor: Creditor, key: str) -> dict[str, Any] | None:
    """What was kept for a channel. Raises UnableToUnseal."""
    return seal.kept(creditor_ref=creditor.pk, port=PORT, key=key)


def kept_keys(creditor: Creditor) -> set[str]:
    """The channels that a creditor has settings for."""
    return seal.keys(creditor_ref=creditor.pk, port=PORT)


def _route(creditor: Creditor, medium: str, key: str, row: Credential | None) -> Route:
    if row is None:
        return Route(creditor, medium, key)
    try:
        return Route(creditor, medium, key, own=True, config=seal.unseal(row))
    except seal.UnableToUnseal as error:
        return Route(creditor, medium, key, own=True, unread=str(error))


def _note(act: str, creditor: Creditor, now: datetime, by: User, **detail: Any) -> None:
    audit.record(act, now=now, user=by, creditor_ref=creditor.pk, subject="creditor", subject_ref=creditor.pk, **detail)
