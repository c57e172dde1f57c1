"""Which payment provider takes money for a creditor, with the settings that only the creditor has, sealed.

In: a creditor. Out: its provider, set up. Never: a secret shown again; a provider in use that is not set up.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from amiable.core import audit, seal
from amiable.core.errors import AmiableError, UnableTo
from amiable.core.models import Credential, User
from amiable.ledger.adopt import adopt
from amiable.ledger.models import Creditor
from amiable.payments import providers
from amiable.payments.providers import PSP

PORT = "psp"


class UnableToAcquire(UnableTo):
    """This provider cannot be used, or the test of its settings failed; the message says why."""


def in_use(creditor: Creditor) -> str:
    """The provider that the creditor chose; the one for trying out where nobody pays for real; else none."""
    return str(creditor.policy.get("psp") or ("dummy" if settings.DEV_ROOMS else ""))


def acquirer(creditor: Creditor, key: str) -> PSP:
    """The provider with the creditor's settings. Raises Refused, NotConfigured or UnableToUnseal."""
    kind = providers.kind(key)
    return kind((known(creditor, key) or {}) if kind.Config.base_fields else {})


def whose_hook(creditor: Creditor, key: str) -> Creditor | None:
    """By whose hook a provider's words come: the creditor's own, or, of the one for trying out, everybody's."""
    return creditor if providers.kind(key).Config.base_fields else None


def ready(creditor: Creditor) -> PSP | None:
    """The provider in use, where it is set up; None where nobody can be paid online."""
    key = in_use(creditor)
    try:
        return acquirer(creditor, key) if key else None
    except AmiableError:
        return None


def known(creditor: Creditor, key: str) -> dict[str, Any] | None:
    """What was kept for a provider. Raises UnableToUnseal."""
    return seal.kept(creditor_ref=creditor.pk, port=PORT, key=key)


def rows(key: str) -> QuerySet[Credential]:
    """The settings that creditors have for a provider."""
    return Credential.objects.filter(port=PORT, key=key)


def accounts() -> list[tuple[Creditor, str]]:
    """Every creditor with the keys of the providers that it has settings for."""
    rows = Credential.objects.filter(port=PORT).order_by("creditor_ref", "key").values_list("creditor_ref", "key")
    owners = Creditor.objects.in_bulk({creditor for creditor, _key in rows})
    return [(owners[creditor], key) for creditor, key in rows if creditor in owners]


def kept_keys(creditor: Creditor) -> set[str]:
    """The providers that a creditor has settings for."""
    return seal.keys(creditor_ref=creditor.pk, port=PORT)


@transaction.atomic
def keep(*, creditor: Creditor, key: str, values: Mapping[str, Any], now: datetime, by: User) -> None:
    """Seals the settings of a provider for a creditor. A field left empty that holds a secret keeps what it had."""
    form = providers.kind(key).Config
    changed = seal.renew(form, values, creditor_ref=creditor.pk, port=PORT, key=key, now=now)
    _note("psp.kept", creditor, now, by, provider=key, changed=changed)


@transaction.atomic
def use(*, creditor: Creditor, key: str, now: datetime, by: User) -> None:
    """From now on this provider takes the creditor's payments. Raises UnableToAcquire with what is missing."""
    try:
        found = acquirer(creditor, key)
    except AmiableError as error:
        raise UnableToAcquire(str(error)) from error
    if not found.on_a_page():
        raise UnableToAcquire(_("It takes cards from telephones only, beside the provider of your pay page."))
    adopt(creditor=creditor, choices={"psp": key}, now=now, by=by, act="psp.used", provider=key)


@transaction.atomic
def forget(*, creditor: Creditor, key: str, now: datetime, by: User) -> None:
    """The settings are taken away; where the provider was in use, none is."""
    if creditor.policy.get("psp") == key:
        adopt(creditor=creditor, choices={"psp": None}, now=now, by=by)
    Credential.objects.filter(creditor_ref=creditor.pk, port=PORT, key=key).delete()
    _note("psp.forgotten", creditor, now, by, provider=key)


def test(*, creditor: Creditor, key: str, now: datetime, by: User) -> str:
    """Asks the provider whether the settings hold; its answer in a sentence. Raises UnableToAcquire."""
    try:
        sentence = acquirer(creditor, key).test()
    except AmiableError as error:
        _note("psp.tried", creditor, now, by, provider=key, outcome=type(error).__name__)
        raise UnableToAcquire(str(error)) from error
    _note("psp.tried", creditor, now, by, provider=key, outcome="answered")
    return sentence


def _note(act: str, creditor: Creditor, now: datetime, by: User, **detail: Any) -> None:
    audit.record(act, now=now, user=by, creditor_ref=creditor.pk, subject="creditor", subject_ref=creditor.pk, **detail)
