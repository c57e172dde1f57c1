"""What carries a creditor's messages, who takes its payments, and its mailbox: settings sealed, tried out, put in use.

In: a creditor that the asker administers, and settings by name. Out: what there is. Never: a secret told again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from django import forms
from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from amiable.core.models import User
from amiable.core.seal import UnableToUnseal, secrets_of
from amiable.ledger.models import Creditor
from amiable.outreach import mailbox, route
from amiable.outreach.channel import channels
from amiable.outreach.try_out import try_out
from amiable.payments import acquire, providers
from amiable.web.api import deeds, room
from amiable.web.api.problem import not_found
from amiable.web.api.shape import Done, Id, Said
from amiable.web.desk import mailbox_pages, psp_pages, sealed
from amiable.web.ui import clock

router = Router(tags=["channels and providers"])
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class Setting(Schema):
    """One setting: what was kept (never a secret), whether it is needed."""

    name: str
    label: str
    secret: bool
    required: bool
    kept: bool
    value: str | int | bool | None


class Port(Schema):
    """One way to carry or to take payments; `missing` says what is still to be done before it works."""

    key: str
    label: str
    medium: str = ""
    in_use: bool
    kept: bool
    missing: str = ""


class Settled(Schema):
    key: str
    settings: list[Setting]
    kept: bool
    missing: str


class Settles(Said):
    """By name, as `settings` has them; a secret that is left out stays what it was, while server, account and encryption do."""

    values: dict[
        Annotated[str, Field(max_length=60)],
        Annotated[str, Field(max_length=20_000, pattern=r"^[^\x00]*$", strict=True)] | int | bool | None,
    ] = Field(max_length=60)


@dataclass(frozen=True)
class Kind:
    """One of the two ports, by the verbs of its package."""

    verbs: Any
    own: str  # a field that is ours, and not to be typed

    def config(self, key: str) -> type[forms.Form]:
        known = channels() if self.verbs is route else providers.providers()
        kind: Any = known.get(key)
        if kind is None or not kind.offered():
            raise not_found()
        found: type[forms.Form] = kind.Config
        return found

    def known(self, house: Creditor, key: str) -> dict[str, Any]:
        """What is kept; as if nothing were, where it was sealed with another key."""
        try:
            return self.verbs.known(house, key) or {}
        except UnableToUnseal:
            return {}

    def missing(self, house: Creditor, key: str) -> str:
        return route.route(house, key).missing if self.verbs is route else psp_pages.missing(house, key)

    def test(self, house: Creditor, key: str, by: User) -> str:
        if self.verbs is route:
            return try_out(creditor=house, key=key, user=by, now=clock.now())
        return acquire.test(creditor=house, key=key, now=clock.now(), by=by)


def _settings(form: type[forms.Form], known: Mapping[str, Any], *, but: str = "") -> list[dict[str, Any]]:
    secret = secrets_of(form)
    return [
        {
            "name": name, "label": str(field.label or name), "secret": name in secret,
            "required": field.required and not (name in secret and known.get(name)),
            "kept": known.get(name) not in (None, ""),
            "value": None if name in secret else known.get(name, field.initial if isinstance(field.initial, str | int) else None),
        }
        for name, field in form.base_fields.items()
        if name != but
    ]  # fmt: skip


def _port(path: str, kind: Kind, *, one: str, spoken: str) -> None:
    def told(house: Creditor, key: str) -> dict[str, Any]:
        known = kind.known(house, key)
        settings = _settings(kind.config(key), known, but=kind.own)
        return {"key": key, "settings": settings, "kept": bool(known), "missing": kind.missing(house, key)}

    def read(request: HttpRequest, pk: Id, key: Name) -> Any:
        return told(room.creditor(request, pk, right="administer"), key)

    def keep(request: HttpRequest, pk: Id, key: Name, said: Settles) -> Any:
        house = room.creditor(request, pk, right="administer")
        known = kind.known(house, key)
        form = sealed.form(
            kind.config(key), known, deeds.plain(_kept(kind.config(key), known) | said.values), but=kind.own
        )
        values = sealed.plain(deeds.valid(form, under="body.values").cleaned_data)
        kind.verbs.keep(creditor=house, key=key, values=values, now=clock.now(), by=room.asking(request).user)
        return told(house, key)

    def test(request: HttpRequest, pk: Id, key: Name) -> Any:
        house = room.creditor(request, pk, right="administer")
        kind.config(key)
        room.asking(request).tried = True
        return {"said": kind.test(house, key, room.asking(request).user)}

    def use(request: HttpRequest, pk: Id, key: Name) -> Any:
        house = room.creditor(request, pk, right="administer")
        kind.config(key)
        kind.verbs.use(creditor=house, key=key, now=clock.now(), by=room.asking(request).user)
        house.refresh_from_db()
        return told(house, key)

    def forget(request: HttpRequest, pk: Id, key: Name) -> Any:
        house = room.creditor(request, pk, right="administer")
        kind.config(key)
        kind.verbs.forget(creditor=house, key=key, now=clock.now(), by=room.asking(request).user)
        house.refresh_from_db()
        return told(house, key)

    base = f"/creditors/{{pk}}/{path}/{{key}}"
    room.get(router, base, right="administer", response=Settled, name=f"get_{one}", summary=f"Read {spoken}")(read)
    for name, view, response, summary in (
        ("keep", keep, Settled, f"Keep the settings of {spoken}, sealed"),
        ("test", test, Done, f"Try {spoken} out"),
        ("use", use, Settled, f"Put {spoken} in use"),
        ("forget", forget, Settled, f"Forget the settings of {spoken}"),
    ):
        where = base + ("/settings" if name == "keep" else f"/{name}")
        how: dict[str, Any] = {"response": response, "name": f"{name}_{one}", "summary": summary}
        room.post(router, where, right="administer", **how)(view)


def _kept(form: type[forms.Form], known: Mapping[str, Any]) -> dict[str, Any]:
    """What was kept stays, where nothing else is said; secrets stay by being left out."""
    secret = secrets_of(form)
    return {name: value for name, value in known.items() if name in form.base_fields and name not in secret}


@room.get(
    router, "/creditors/{pk}/channels", right="administer", response=list[Port], name="list_channels",
    summary="What carries messages",
)  # fmt: skip
def carried(request: HttpRequest, pk: Id) -> Any:
    """Every channel that could, with the one in use for each medium."""
    house = room.creditor(request, pk, right="administer")
    kept = route.kept_keys(house)
    return [
        {
            "key": kind.key, "label": str(kind.label), "medium": kind.medium, "kept": kind.key in kept,
            "in_use": route.in_use(house, kind.medium) == kind.key, "missing": route.route(house, kind.key).missing,
        }
        for kind in sorted(channels().values(), key=lambda kind: (kind.medium, kind.key))
        if kind.offered()
    ]  # fmt: skip


@room.get(
    router, "/creditors/{pk}/providers", right="administer", response=list[Port], name="list_providers",
    summary="Who takes payments",
)  # fmt: skip
def offered(request: HttpRequest, pk: Id) -> Any:
    house = room.creditor(request, pk, right="administer")
    return [{**each, "label": str(each["label"])} for each in psp_pages.offered(house)]


_port("channels", Kind(route, route.PASSWORD), one="channel", spoken="a channel")
_port("providers", Kind(acquire, ""), one="provider", spoken="a payment provider")


class Box(Schema):
    settings: list[Setting]
    kept: bool


def _box(house: Creditor) -> dict[str, Any]:
    known = mailbox_pages.kept(house) or {}
    return {"settings": _settings(mailbox.Config, known), "kept": bool(known)}


def _boxed(house: Creditor, said: Settles) -> dict[str, Any]:
    known = mailbox_pages.kept(house) or {}
    form = sealed.form(mailbox.Config, known, deeds.plain(_kept(mailbox.Config, known) | said.values))
    return mailbox_pages.filled(deeds.valid(form, under="body.values"), known)


@room.get(router, "/creditors/{pk}/mailbox", right="administer", response=Box, name="get_mailbox",
    summary="Read the mailbox",
)  # fmt: skip
def box(request: HttpRequest, pk: Id) -> Any:
    return _box(room.creditor(request, pk, right="administer"))


@room.post(
    router, "/creditors/{pk}/mailbox/settings", right="administer", response=Box, name="keep_mailbox",
    summary="Keep the settings of the mailbox, sealed",
)  # fmt: skip
def keep_box(request: HttpRequest, pk: Id, said: Settles) -> Any:
    """It is read every five minutes from then on."""
    house = room.creditor(request, pk, right="administer")
    mailbox.keep_settings(_boxed(house, said), creditor=house, now=clock.now(), by=room.asking(request).user)
    return _box(house)


@room.post(
    router, "/creditors/{pk}/mailbox/test", right="administer", response=Done, name="test_mailbox",
    summary="Try the mailbox out",
)  # fmt: skip
def test_box(request: HttpRequest, pk: Id, said: Settles) -> Any:
    """With these settings; nothing is kept, read or changed."""
    house = room.creditor(request, pk, right="administer")
    return {"said": mailbox_pages.tried_out(_boxed(house, said))}
