"""What is done about a dispute, by the same forms as on its page; and how disputes of each cause are to run at a creditor."""

from collections.abc import Callable
from typing import Annotated, Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from amiable.casework.dispute_course import course_of
from amiable.casework.models import Dispute, DisputeReason
from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.web.api import deeds, room
from amiable.web.api.house import House, Role
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Day, Flag, Id, Line, Minor, Ref, Said
from amiable.web.api.talk import DisputeOut
from amiable.web.desk import dispute_pages, dispute_rules

router = Router(tags=["disputes"])


class Ticks(Said):
    step: Annotated[int, Field(ge=0, le=100, strict=True)] = Field(description="Its place among `steps`, from 0.")
    done: Flag = True


class GivesTo(Said):
    owner: Ref


class PutsOff(Said):
    due_on: Day


class Expects(Said):
    amount_minor: Minor | None = Field(None, description="Empty: no credit note is expected any more.")


class WritesTo(Said):
    words: Annotated[str, Field(min_length=1, max_length=3_000, pattern=r"^[^\x00]*$", strict=True)]


def _rows(user: User) -> QuerySet[Dispute]:
    return room.mine(user, Dispute.objects.select_related("customer__creditor", "invoice"))


def _act(
    path: str, act: str, said: type[Said], *, name: str, summary: str, words: Callable[[Any, Dispute], Any]
) -> None:
    def do(request: HttpRequest, pk: Id, said: said) -> Any:  # type: ignore[valid-type]
        by = room.asking(request).user
        found = room.row(_rows(by), pk)
        room.allowed(request, "talk", found.customer)
        form, carry_out = dispute_pages.ACTS[act]
        told = words(said, found) | {"token": room.asking(request).wish}
        carry_out(found, deeds.valid(form(deeds.plain(told))).cleaned_data, by)
        return _rows(by).get(pk=pk)

    room.post(router, path, right="talk", response=DisputeOut, name=name, summary=summary)(do)


def _as_said(said: Any, _found: Dispute) -> Any:
    return said.dict()


_act("/disputes/{pk}/steps", "tick", Ticks, name="tick_dispute_step", summary="Tick a step", words=_as_said)
_act("/disputes/{pk}/owner", "owner", GivesTo, name="give_dispute", summary="Say who answers it", words=_as_said)
_act("/disputes/{pk}/deadline", "deadline", PutsOff, name="put_dispute_off", summary="Set its deadline", words=_as_said)
_act(
    "/disputes/{pk}/credit-note", "credit", Expects, name="expect_credit_note", summary="Expect a credit note",
    words=lambda said, found: {"amount": deeds.typed(said.amount_minor, found.invoice.currency)},
)  # fmt: skip
_act(
    "/disputes/{pk}/messages", "write", WritesTo, name="write_about_dispute", summary="Write to the customer about it",
    words=_as_said,
)  # fmt: skip


class Course(Schema):
    """How a dispute of this cause runs: within how many business days it is answered, by whom, by which steps."""

    reason: DisputeReason
    days: int
    role: str
    steps: list[str]


class DrawsCourse(Said):
    reason: DisputeReason
    days: Annotated[int, Field(ge=1, le=120, strict=True)]
    role: Role
    steps: list[Line] = Field(
        [], max_length=12, description="A key of ours (`proof`), or a sentence; empty: the usual."
    )


class DrawsCourses(Said):
    """Causes that are left out run as usual."""

    courses: list[DrawsCourse] = Field(max_length=len(DisputeReason.values))


def _courses(house: Creditor) -> list[dict[str, Any]]:
    return [{"reason": reason, **vars(course_of(house, reason))} for reason in DisputeReason.values]


HOUSE = House(router, "/creditors/{pk}/dispute-courses", "dispute_courses", "how disputes run")


@HOUSE.get(list[Course])
def courses(house: Creditor) -> Any:
    return _courses(house)


@HOUSE.put(list[Course], DrawsCourses)
def draw(house: Creditor, said: Any, by: User) -> Any:
    told = {each.reason: each for each in said.courses}
    if len(told) < len(said.courses):
        raise Problem(422, _("A cause is named twice."))
    for reason, each in told.items():
        form = dispute_rules.CourseForm(
            house, reason, {f"{reason}-{name}": value for name, value in deeds.plain(_lines(each)).items()}
        )
        told[reason] = deeds.valid(form, under=f"body.courses.{reason}")
    dispute_rules.kept(house, list(told.values()), by=by)
    return _courses(house)


def _lines(each: DrawsCourse) -> dict[str, Any]:
    return {"days": each.days, "role": each.role, "steps": "\n".join(each.steps)}
