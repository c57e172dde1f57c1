"""What a creditor chose, as a document that is read whole and written whole: nobody overwrites what another has chosen.

In: a creditor that the asker administers. Out: the document with its ETag. Never: a change by who has seen another version.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Header, Router
from pydantic import Field

from amiable.casework.entrust import ROLES
from amiable.ledger.models import Creditor
from amiable.web.api import room
from amiable.web.api.policy import Seen, seen_as, tagged
from amiable.web.api.shape import Id, Said

Role = Annotated[str, Field(pattern=f"^({'|'.join(ROLES)})$", strict=True, description="A role at the creditor.")]


class House:
    """The two operations of one such document."""

    def __init__(self, router: Router, path: str, name: str, spoken: str) -> None:
        self.router, self.path, self.name, self.spoken = router, path, name, spoken

    def get(self, response: Any) -> Callable[[Callable[[Creditor], Any]], None]:
        def add(told: Callable[[Creditor], Any]) -> None:
            def read(request: HttpRequest, response: HttpResponse, pk: Id) -> Any:
                house = room.creditor(request, pk, right="administer")
                tagged(response, _mark(house))
                return told(house)

            read.__doc__ = "With its ETag, by which it is changed."
            how: dict[str, Any] = {"response": response, "name": f"get_{self.name}", "summary": f"Read {self.spoken}"}
            room.get(self.router, self.path, right="administer", **how)(read)

        return add

    def put(
        self, response: Any, said: type[Said], *, doc: str = "All of it, as it shall be; needs If-Match."
    ) -> Callable[[Callable[[Creditor, Any, Any], Any]], None]:
        def add(keep: Callable[[Creditor, Any, Any], Any]) -> None:
            def write(
                request: HttpRequest, response: HttpResponse, pk: Id, said: said,  # type: ignore[valid-type]
                if_match: Header[Seen | None] = None,
            ) -> Any:  # fmt: skip
                house = room.creditor(request, pk, right="administer")
                house = Creditor.objects.select_for_update().get(pk=house.pk)
                seen_as(if_match, _mark(house))
                told = keep(house, said, room.asking(request).user)
                house.refresh_from_db()
                tagged(response, _mark(house))
                return told

            write.__doc__ = doc
            how: dict[str, Any] = {
                "response": response,
                "name": f"choose_{self.name}",
                "summary": f"Choose {self.spoken}",
            }
            room.put(self.router, self.path, right="administer", **how)(write)

        return add


def _mark(house: Creditor) -> str:
    """What changes with every choice."""
    return hashlib.sha256(json.dumps(house.policy, sort_keys=True).encode()).hexdigest()[:24]
