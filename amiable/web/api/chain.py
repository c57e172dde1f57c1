"""Who is responsible for what at a creditor, who stands in for whom, what is passed up; what a creditor chose within the law."""

from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import FilterSchema, Router, Schema
from pydantic import Field

from amiable.casework import hand_over
from amiable.casework.models import HandOver, Responsibility
from amiable.core import money
from amiable.core.models import User
from amiable.ledger.models import Account, Creditor, CustomerKind, InvoiceKind
from amiable.scenario.escalate import DOES, WHENS, rules_of
from amiable.web.api import deeds, room
from amiable.web.api.house import House, Role
from amiable.web.api.problem import Problem
from amiable.web.api.shape import Day, Id, Minor, Ref, Said
from amiable.web.api.told import told
from amiable.web.desk import escalation_pages, responsibility_pages, rule_pages, scope
from amiable.web.ui import clock

router = Router(tags=["responsibility and rules"])

ResponsibilityOut = told(
    Responsibility, "creditor", "role", "user", "branch", "customer_kind", "invoice_kind", "account", "from_minor",
    "below_minor", "since", "until", "by", name="Responsibility",
    doc="Who is the `role` of whom: empty columns fit everything, the narrowest row that fits counts.",
)  # fmt: skip
HandOverOut = told(
    HandOver, "creditor", "absent", "stand_in", "since", "until", "why", "by", "taken_back_at", name="HandOver"
)


class OnDay(FilterSchema):
    creditor: Id | None = None
    on: Day | None = Field(None, description="Only those that act on this day.")

    def filter_on(self, value: Any) -> Q:
        return Q() if value is None else Q(since__lte=value) & (Q(until=None) | Q(until__gt=value))


class Entrusts(Said):
    creditor: Ref
    role: Role
    user: Ref
    branch: Ref | None = None
    customer_kind: CustomerKind | None = None
    invoice_kind: InvoiceKind | None = None
    account: Account | None = None
    from_minor: Minor | None = None
    below_minor: Minor | None = None


class HandsOver(Said):
    creditor: Ref
    absent: Ref
    stand_in: Ref
    since: Day
    back_on: Day | None = Field(None, description="Empty: for good.")
    why: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$", strict=True)] = ""


def _rows(model: Any) -> room.Rows:
    return lambda user: model.objects.filter(creditor__in=scope.visible_creditors(user).values("pk"))


for path, name, many, schema, model in (
    ("/responsibilities", "responsibility", "responsibilities", ResponsibilityOut, Responsibility),
    ("/hand-overs", "hand_over", "hand_overs", HandOverOut, HandOver),
):
    room.shelf(router, path, name=name, many=many, schema=schema, filters=OnDay, rows=_rows(model))


@room.post(
    router, "/responsibilities", right="administer", response={201: ResponsibilityOut}, name="entrust",
    summary="Make somebody responsible",
)  # fmt: skip
def entrust(request: HttpRequest, said: Entrusts) -> Any:
    """What is left out fits everything; the same row again is the one that is there."""
    house = room.creditor(request, said.creditor, right="administer")
    words = said.dict(exclude={"creditor"}) | {
        name: deeds.typed(getattr(said, name), house.currency) for name in ("from_minor", "below_minor")
    }
    form = deeds.valid(responsibility_pages.Entrust(house, deeds.plain(words)))
    by = room.asking(request).user
    return hand_over.entrust_to(creditor=house, since=clock.today(), now=clock.now(), by=by, **form.cleaned_data)


def _row(request: HttpRequest, rows: QuerySet[Any], pk: int) -> Any:
    found = room.row(rows.filter(creditor__in=scope.visible_creditors(room.asking(request).user).values("pk")), pk)
    room.creditor(request, found.creditor_id, right="administer")
    return found


@room.post(
    router, "/responsibilities/{pk}/end", right="administer", response=ResponsibilityOut, name="relieve",
    summary="End a responsibility",
)  # fmt: skip
def relieve(request: HttpRequest, pk: Id) -> Any:
    found = _row(request, Responsibility.objects.all(), pk)
    hand_over.relieve(row=found, as_of=clock.today(), now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.post(
    router, "/responsibilities/{pk}/reinstate", right="administer", response=ResponsibilityOut, name="reinstate",
    summary="Let one act again",
)  # fmt: skip
def reinstate(request: HttpRequest, pk: Id) -> Any:
    found = _row(request, Responsibility.objects.all(), pk)
    hand_over.reinstate(row=found, now=clock.now(), by=room.asking(request).user)
    found.refresh_from_db()
    return found


@room.post(
    router, "/hand-overs", right="talk", response={201: HandOverOut}, name="hand_over", summary="Let somebody stand in"
)
def away(request: HttpRequest, said: HandsOver) -> Any:
    """One's own work, to somebody of one's own role; anybody's, by who administers the creditor."""
    by = room.asking(request).user
    house = room.row(scope.visible_creditors(by), said.creditor)
    form = responsibility_pages.away_form(by, house, deeds.plain(said.dict(exclude={"creditor"})))
    if form is None:
        raise Problem(403, _("Your role does not do that for this creditor."))
    return responsibility_pages.handed_over(house, deeds.valid(form).cleaned_data, by=by)


@room.post(
    router, "/hand-overs/{pk}/take-back", right="talk", response=HandOverOut, name="take_back_hand_over",
    summary="End a stand-in",
)  # fmt: skip
def take_back(request: HttpRequest, pk: Id) -> Any:
    by = room.asking(request).user
    found = room.row(_rows(HandOver)(by), pk)
    if found.absent_id != by.pk:
        room.creditor(request, found.creditor_id, right="administer")
    hand_over.take_back(row=found, now=clock.now(), by=by)
    found.refresh_from_db()
    return found


class Escalation(Schema):
    """When so much is overdue for so many days (or silent, or left lying), the role gets a task, a line or a question."""

    key: str
    when: str
    days: int
    amount_minor: int
    role: str
    does: str


class DrawsEscalation(Said):
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,40}$", strict=True)] = Field(
        "", description="Of a rule that is there: it does not speak again of what it has spoken of. Empty: a new one."
    )
    when: Literal[tuple(WHENS)]  # type: ignore[valid-type]
    days: Annotated[int, Field(ge=0, le=3650, strict=True)] = 0
    amount_minor: Annotated[int, Field(ge=0, le=2**50, strict=True)] = 0
    role: Role
    does: Literal[tuple(DOES)]  # type: ignore[valid-type]


class DrawsEscalations(Said):
    rules: list[DrawsEscalation] = Field(max_length=escalation_pages.MOST_RULES)


ESCALATIONS = House(router, "/creditors/{pk}/escalations", "escalations", "what is passed up")


def _escalations(house: Creditor) -> list[dict[str, Any]]:
    return [rule.data() for rule in rules_of(house)]


@ESCALATIONS.get(list[Escalation])
def escalations(house: Creditor) -> Any:
    return _escalations(house)


@ESCALATIONS.put(list[Escalation], DrawsEscalations)
def escalate(house: Creditor, said: Any, by: User) -> Any:
    forms = []
    for place, each in enumerate(said.rules):
        words = deeds.plain(each.dict() | {"amount_minor": deeds.typed(each.amount_minor or None, house.currency)})
        forms.append(deeds.valid(escalation_pages.RuleForm(house, words), under=f"body.rules.{place}"))
    escalation_pages.kept(house, forms, by=by)
    return _escalations(house)


class Choice(Schema):
    """One choice within the law: `help` says what the law allows, `usual` what counts where nothing is chosen."""

    name: str
    label: str
    help: str
    usual: str
    options: list[str]
    value: Any


class Chooses(Said):
    """By name; what is left out stays, and null goes back to what is usual. Amounts are in minor units."""

    values: dict[str, int | str | list[str] | None] = Field(max_length=200)


RULES = House(router, "/creditors/{pk}/rules", "rules", "the rules of a creditor")


def _choices(house: Creditor) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "label": str(field.label), "help": str(field.help_text),
            "usual": str(field.widget.attrs.get("placeholder", "")),
            "options": [str(key) for key, _label in getattr(field, "choices", ()) if key != ""],
            "value": _told(field, form.initial.get(name)),
        }
        for form in rule_pages.forms_of(house, clock.today())
        for name, field in form.fields.items()
    ]  # fmt: skip


def _told(field: Any, value: Any) -> Any:
    """An amount stands in the form as a person types it."""
    if value in (None, "", []):
        return None
    if isinstance(field, rule_pages.Amount):
        return money.minor(str(value), currency=field.currency, decimal=".")
    return value


@RULES.get(list[Choice])
def rules(house: Creditor) -> Any:
    return _choices(house)


@RULES.put(list[Choice], Chooses, doc="What is named, as it shall be; what is left out stays. Needs If-Match.")
def choose(house: Creditor, said: Any, by: User) -> Any:
    kept = {each["name"]: each["value"] for each in _choices(house)}
    if unknown := sorted(set(said.values) - set(kept)):
        wrong = [{"field": f"body.values.{name[:80]}", "message": _("There is no such choice.")} for name in unknown]
        raise Problem(422, _("Look at the fields that are named."), errors=wrong)
    told = kept | said.values
    for form in rule_pages.forms_of(house, clock.today()):
        for name, field in form.fields.items():
            if isinstance(field, rule_pages.Amount) and told[name] is not None:
                whole = isinstance(told[name], int)
                told[name] = deeds.typed(told[name], field.currency) if whole else "?"
    forms = rule_pages.forms_of(house, clock.today(), deeds.plain(told))
    wrong = [each for form in forms if not form.is_valid() for each in deeds.wrong(form, under="body.values")]
    if wrong:
        raise Problem(422, _("Look at the fields that are named."), errors=wrong)
    rule_pages.kept(house, forms, by=by)
    return _choices(house)
