"""Prints e-mails to the terminal instead of carrying them: for a first look on a laptop without a mail server."""

import hashlib
import sys
from typing import Any

from django.utils.translation import gettext_lazy as _

from amiable.outreach.channel import Channel, Parcel, Receipt


class Console(Channel):
    key = "console"
    label = _("Terminal (nothing leaves)")
    medium = "email"

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return {}

    def message_id(self, parcel_key: str) -> str:
        return f"<{hashlib.sha256(parcel_key.encode()).hexdigest()[:32]}@console>"

    def send(self, parcel: Parcel) -> Receipt:
        sys.stdout.write(f"To: {parcel.recipient}\nSubject: {parcel.subject}\n\n{parcel.text}\n{'─' * 72}\n")
        return Receipt(external_id=self.message_id(parcel.key))
