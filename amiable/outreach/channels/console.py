"""Prints messages to the terminal instead of carrying them, one channel per medium: for a first look on a laptop.

Never: offered where real customers are written to.
"""

import hashlib
import sys

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from amiable.ledger.models import Medium
from amiable.outreach.channel import Channel, Parcel, Receipt


class Console(Channel):
    key = "console"
    label = _("Terminal (nothing leaves)")
    medium = Medium.EMAIL
    Config = forms.Form  # nothing to tell it

    @classmethod
    def offered(cls) -> bool:
        return bool(settings.DEV_ROOMS)

    def message_id(self, parcel_key: str) -> str:
        return f"<{hashlib.sha256(parcel_key.encode()).hexdigest()[:32]}@console>"

    def send(self, parcel: Parcel) -> Receipt:
        title = f"Subject: {parcel.subject}\n" if parcel.subject else ""
        sys.stdout.write(f"To: {parcel.recipient}\n{title}\n{parcel.text}\n{'─' * 72}\n")
        return Receipt(external_id=self.message_id(parcel.key))


# The registry takes what stands in the module under a name of its own.
for _medium in [each for each in Medium if each != Medium.EMAIL]:
    _name = f"Console{_medium.name.title()}"
    globals()[_name] = type(_name, (Console,), {"key": f"console_{_medium}", "medium": _medium, "__module__": __name__})
