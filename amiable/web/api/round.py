"""The round of calls: the next customer whom nobody has in hand, at an hour for calls, kept in hand while somebody rings.

What came of a call is said at `/tasks/{id}/outcome`.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from amiable.casework import take
from amiable.core.models import User
from amiable.web import seen
from amiable.web.api import room
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Done, Id, Refs, Said
from amiable.web.api.tasks import TaskOut, task
from amiable.web.desk import calls, scope
from amiable.web.ui import clock

router = Router(tags=["tasks"])


class GoesOn(Said):
    skip: Refs = Field([], description="Calls that are left for later in this round.")


class Next(Schema):
    """The call that is in hand now; without one, `said` tells why."""

    task: TaskOut | None  # type: ignore[valid-type]
    said: str


def _caller(request: HttpRequest) -> User:
    """Whoever rings anybody at all."""
    user = room.asking(request).user
    if not user.is_superuser and not any(each.role in scope.MAY["talk"] for each in scope.reaching(user)):
        raise Problem(403, _("Your role does not do that."))
    return user


@room.post(router, "/calls/next", right="talk", response=Next, name="next_call", summary="Go on to the next call")
def following(request: HttpRequest, said: GoesOn) -> Any:
    """What was in hand is let go; the next is in hand for five minutes, and longer with each time that it is taken again."""
    found, why = calls.next_of(_caller(request), query="", skipped=said.skip)
    if found is not None:
        seen.customer(found.customer)
    return {"task": found, "said": why}


@room.post(router, "/tasks/{pk}/take", right="talk", response=TaskOut, name="take_task", summary="Take a task in hand")
def taken(request: HttpRequest, pk: Id) -> Any:
    """For five minutes more nobody else is led to its customer; refused while a colleague has them."""
    return take.take(task=task(request, pk), now=clock.now(), by=room.asking(request).user)


@room.post(router, "/calls/let-go", right="talk", response=Done, name="let_calls_go", summary="End the round of calls")
def over(request: HttpRequest) -> Any:
    """What was in hand is anybody's again."""
    take.let_go(by=_caller(request))
    return {"said": _("Nothing is in hand any more.")}
