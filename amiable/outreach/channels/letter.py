"""Letters for the house's own printer: each is laid into a tray, from which a person makes batches (tray.py).

In: a parcel with its pages counted. Out: one row by the message's key. Never: a second letter for one key.
"""

import json
from types import TracebackType
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError
from django.utils.translation import gettext_lazy as _

from amiable.core.errors import Refused
from amiable.outreach.channel import Channel, Parcel, Receipt, Unreachable

_LAY = """
INSERT INTO outreach_letter (key, data, pages, destination, laid_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (key) DO NOTHING
"""


class Printer(Channel):
    key = "letter"
    label = _("Letter, by the house’s own printer")
    medium = "letter"
    by_people = True

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._far: BaseDatabaseWrapper | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._far:
            self._far.close()

    @classmethod
    def settings(cls) -> dict[str, Any]:
        return {}

    def message_id(self, parcel_key: str) -> str:
        return f"letter:{parcel_key}"

    def send(self, parcel: Parcel) -> Receipt:
        letter = parcel.letter
        if not letter:
            raise Refused(str(_("This message was not written as a letter.")))
        values = [
            parcel.key,
            json.dumps(letter, ensure_ascii=False),
            letter["pages"],
            letter["recipient"][-1],
            parcel.at,
        ]
        try:
            # Laid at once and for good, whatever the sender's own transaction does: the tray is another place.
            with self._tray().cursor() as cursor:
                cursor.execute(_LAY, values)
        except OperationalError as error:
            # Nothing is in doubt: to lay the same key again changes nothing.
            self._far = None
            raise Unreachable(str(_("The tray of letters cannot be reached."))) from error
        return Receipt(self.message_id(parcel.key))

    def _tray(self) -> BaseDatabaseWrapper:
        """A connection of this channel's own, as an SMTP channel has; closed by whoever ends the run."""
        if self._far is None:
            self._far = connection.copy()
            self._far.inc_thread_sharing()
        return self._far
