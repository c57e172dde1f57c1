"""What a provider must not tell anybody else: the settings of a channel, a bank or a mailbox, sealed in the database.

In: values as a form gives them. Out: the same values, for the one who holds AMIABLE_CREDENTIAL_KEY.
Never: a secret readable in a backup, a log or a page.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.utils.translation import gettext as _

from amiable.core.errors import UnableTo
from amiable.core.models import Credential

NOTHING_MADE: Mapping[str, str] = {}
# Settings that say to whom a secret is shown: a server, its encryption, an account there.
PLACE = frozenset({"host", "port", "tls", "user", "certificate", "api_url"})


class UnableToSeal(UnableTo):
    """What was kept for one place would be shown to another."""


class UnableToUnseal(UnableTo):
    """What was sealed cannot be read: the key is another one, or the row was changed."""


def keep(values: Mapping[str, Any], *, creditor_ref: int, port: str, key: str, now: datetime) -> Credential:
    """Seals `values` (JSON) as the settings of the provider `key` at a port (channel, provider, mailbox)."""
    sealed = _box().encrypt(json.dumps(dict(values)).encode())
    row, _new = Credential.objects.update_or_create(
        creditor_ref=creditor_ref, port=port, key=key, defaults={"sealed": sealed, "updated_at": now}
    )
    return row


def secrets_of(form: type[forms.Form]) -> set[str]:
    """The fields of a form of settings that nobody is shown again."""
    return {name for name, field in form.base_fields.items() if getattr(field.widget, "input_type", "") == "password"}


def to_be_typed(form: type[forms.Form], before: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """The secrets that were kept and are left empty, where the settings now lead elsewhere: nobody shows them there unasked."""
    led = [name for name in PLACE & set(form.base_fields) if (before.get(name) or "") != (values.get(name) or "")]
    return sorted(name for name in secrets_of(form) if led and before.get(name) and not values.get(name))


def elsewhere() -> str:
    """Why a secret that was kept has to be typed again."""
    return _("The settings lead elsewhere than before: type this again.")


def renew(
    form: type[forms.Form],
    values: Mapping[str, Any],
    *,
    creditor_ref: int,
    port: str,
    key: str,
    now: datetime,
    made: Mapping[str, str] = NOTHING_MADE,
) -> list[str]:
    """Seals what a form of settings was filled in with, and returns the names of what changed. A secret left empty stays
    what it was, while the settings lead where they led; what we make ourselves (`made`) is made once. Raises UnableToSeal or
    UnableToUnseal.
    """
    before = kept(creditor_ref=creditor_ref, port=port, key=key) or {}
    if to_be_typed(form, before, values):
        raise UnableToSeal(elsewhere())
    secret = secrets_of(form)
    renewed = {
        name: before.get(name) if name in secret and value in ("", None) else value for name, value in values.items()
    } | {name: before.get(name) or value for name, value in made.items()}
    keep(renewed, creditor_ref=creditor_ref, port=port, key=key, now=now)
    return sorted(name for name in {*renewed, *before} if renewed.get(name) != before.get(name))


def keys(*, creditor_ref: int, port: str) -> set[str]:
    """What there are settings for at a port."""
    return set(Credential.objects.filter(port=port, creditor_ref=creditor_ref).values_list("key", flat=True))


def kept(*, creditor_ref: int, port: str, key: str) -> dict[str, Any] | None:
    """What was kept under these names; None where nothing was. Raises UnableToUnseal."""
    row = Credential.objects.filter(creditor_ref=creditor_ref, port=port, key=key).first()
    return None if row is None else unseal(row)


def unseal(row: Credential) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(_box().decrypt(bytes(row.sealed)))
    except InvalidToken as error:
        raise UnableToUnseal(
            f"The settings of “{row.key}” were sealed with another key: put AMIABLE_CREDENTIAL_KEY back, or enter them again."
        ) from error
    return values


def close(text: str) -> str:
    """A short text sealed, to be kept in a row of somebody else's."""
    return _box().encrypt(text.encode()).decode()


def open_(sealed: str) -> str:
    """What `close` sealed. Raises UnableToUnseal."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise UnableToUnseal("This was sealed with another key: put AMIABLE_CREDENTIAL_KEY back.") from error


def _box() -> MultiFernet:
    return _boxes(settings.CREDENTIAL_KEY)


@cache
def _boxes(keys: str) -> MultiFernet:
    """AMIABLE_CREDENTIAL_KEY may name several, parted by commas: the first seals, all of them open."""
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.strip().encode()).digest())) for key in keys.split(",")]
    )
