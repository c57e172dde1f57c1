"""A message of a colleague's own to a customer: begun from a text or from nothing, looked at as it would be read, ordered.

In: words, by which medium, perhaps the invoices that it asks to pay. Out: one ordered message under the rails.
Never: a reminder that walks around the rails, words that the law forbids, a reader written to where they do not wish it.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.law.packs import law
from amiable.ledger.models import CustomerKind, Medium
from amiable.outreach.address import serving, spoken
from amiable.outreach.compose import read
from amiable.outreach.house import ANSWERS, Place, keys, own_texts, speaks
from amiable.outreach.models import Message, Tone
from amiable.outreach.order import Order, order, take_back
from amiable.outreach.proof import proofread
from amiable.outreach.render import Rendered
from amiable.outreach.render import render as fill
from amiable.outreach.sandbox import UnableToCompose
from amiable.outreach.segment import segment
from amiable.web.desk import deed, labels, scope
from amiable.web.desk.deed import Act, Done, Group, Undoing
from amiable.web.desk.forms import Act as Form
from amiable.web.ui import clock

OWN_WORDS = "own_words"  # the purpose of a message that a colleague wrote
MEDIA = (Medium.EMAIL, Medium.SMS, Medium.LETTER)
# Texts that a colleague does not begin from: they tell what only a machine knows, or stand for several accounts.
NOT_FOR_ONE = {*ANSWERS, "digest", "survey", "payment_link", "statement", "call"}
BLANK = {Medium.SMS: "{{ creditor.name }} : "}
EMPTY = "{{ greeting }}\n\n\n\n[talk]\n\n[signature]"
NOWHERE = gettext_lazy("There is no address that works: add one to the contacts first.")


class WriteForm(Form):
    """The words, where they go, and whether they ask for money."""

    how = forms.ChoiceField(label=gettext_lazy("How it goes"), widget=forms.RadioSelect)
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=200, required=False)
    body = forms.CharField(
        label=gettext_lazy("Words"),
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 9, "autofocus": True}),
        help_text=gettext_lazy("An empty line begins a paragraph. What stands in braces or brackets is filled in."),
    )
    invoices = forms.MultipleChoiceField(
        label=gettext_lazy("It asks to pay"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "None: it is no reminder. With invoices it counts as one: at allowed hours only, and never for what is held."
        ),
    )
    text = forms.CharField(required=False, widget=forms.HiddenInput, max_length=40)

    def prepare(self) -> None:
        self.ways = serving(self.customer, media=MEDIA, now=clock.now())
        self.fields["how"].choices = [  # type: ignore[attr-defined]
            (medium, f"{Medium(medium).label} · {' '.join(row.value.split())}") for medium, row in self.ways.items()
        ]
        asked = self.data.get("how") if self.is_bound else self.initial.get("how")
        self.medium = asked if asked in self.ways else next(iter(self.ways), Medium.EMAIL.value)
        self.initial["how"] = self.medium
        self.fields["invoices"].choices = self.invoice_choices()  # type: ignore[attr-defined]
        if self.medium == Medium.SMS:
            self.fields["subject"].widget = forms.HiddenInput()
        row = self.ways.get(self.medium)
        self.language = spoken(row.language if row else "", self.customer.language, self.customer.creditor.language)
        self._begin(str(self.initial.get("text", "")))

    def _begin(self, key: str) -> None:
        """The words of a text, to be changed; or a greeting and a signature."""
        begun = self.texts.get(key) if key and not self.is_bound else None
        self.initial["text"] = key if begun else ""
        if begun:
            source = read(begun.source, subject=begun.subject)
            self.initial.update(subject=source.subject, body=source.body.strip())
        else:
            self.initial.setdefault("body", BLANK.get(Medium(self.medium), EMPTY))

    @property
    def place(self) -> Place:
        audience = "consumer" if self.customer.kind == CustomerKind.CONSUMER else "business"
        return Place(OWN_WORDS, self.medium, self.language, audience, Tone.NEUTRAL.value)

    @cached_property
    def texts(self) -> Mapping[str, Any]:
        return dict(self._texts())

    def _texts(self) -> Iterator[tuple[str, Any]]:
        own, at = own_texts(), self.place
        for key in keys():
            if key not in NOT_FOR_ONE:
                try:
                    yield (
                        key,
                        speaks(
                            Place(key, at.medium, at.language, at.audience, at.tone),
                            creditor=self.customer.creditor_id,
                            own=own,
                        ),
                    )
                except UnableToCompose:
                    continue  # not written for this medium

    def beginnings(self) -> list[tuple[str, str]]:
        """The texts that can be begun from, by name."""
        return [("", _("My own words")), *((key, labels.step(key)) for key in self.texts)]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.ways:
            raise forms.ValidationError(NOWHERE)
        chosen = [self.open[int(pk)] for pk in found.get("invoices") or ()]
        if len({row.currency for row in chosen}) > 1:
            self.add_error("invoices", _("These invoices are in several currencies; write about one at a time."))
        if not self.errors:
            self._proofread(found)
        return found

    def _proofread(self, found: Mapping[str, Any]) -> None:
        creditor = self.customer.creditor
        rules = law(self.customer.country or creditor.country, day_of(clock.now()))
        proof = proofread(found["body"], self.place, law=rules, policy=creditor.policy, subject=found["subject"])
        if proof.stops:
            for sentence in proof.sentences:
                self.add_error("body", sentence)
            return
        try:
            fill(self.message(found), as_of=self.today, now=clock.now())
        except UnableTo as error:
            self.add_error("body", str(error))

    def message(self, said: Mapping[str, Any]) -> Message:
        """The message as it would be ordered; never kept."""
        wish, customer = self.order(said, key=""), self.customer
        row = self.ways.get(self.medium)
        return Message(
            creditor_id=customer.creditor_id, customer=customer, currency=wish.currency, purpose=wish.purpose,
            medium=wish.medium, tone=wish.tone, as_of=wish.as_of, language=self.language, about=list(wish.about),
            context=dict(wish.context), address=row.value if row else "", contact_id=row.contact_id if row else None,
        )  # fmt: skip

    def order(self, said: Mapping[str, Any], *, key: str) -> Order:
        about = [self.open[int(pk)] for pk in said.get("invoices") or () if int(pk) in self.open]
        return Order(
            key=key,
            creditor_id=self.customer.creditor_id,
            customer_id=self.customer.pk,
            currency=about[0].currency if about else self.customer.creditor.currency,
            purpose=OWN_WORDS,
            medium=self.medium,
            tone=Tone.NEUTRAL,
            as_of=self.today,
            about=[row.pk for row in about],
            capped=bool(about),
            context={
                "text": {"subject": said.get("subject", ""), "body": said.get("body", "")},
                "attach_statement": False,
                "confirmed": True,
                "by": str(self.by or ""),
            },
        )


def _do(act: Done) -> None:
    assert isinstance(act.form, WriteForm)
    wish = act.form.order(act.said, key=f"desk:{act.said['token']}")
    order([wish], now=act.now)
    deed.ordered(act, wish.key)


def _taken_back(undoing: Undoing) -> None:
    take_back(key=undoing.words["key"], customer=undoing.customer)


ACT = Act(
    gettext_lazy("Write"),
    gettext_lazy("Send it"),
    gettext_lazy("The message will leave with the next sending."),
    "write",
    WriteForm,
    _do,
    "mail",
    "w",
    group=Group.TALK,
    undo=_taken_back,
    template="write",
    near=True,
)


@require_POST
@scope.inside
def look(request: scope.Asked, pk: int) -> HttpResponse:
    """What the customer would read, as it is typed; nothing is kept."""
    customer = scope.customer_or_404(request.user, pk, act=ACT.right)
    rows = list(customer.invoices.filter(open_minor__gt=0).order_by("due_on", "pk")[:500])
    form = WriteForm(request.POST, customer=customer, invoices=rows, today=clock.today(), by=request.user)
    said = {name: request.POST.get(name, "") for name in ("subject", "body")}
    said["invoices"] = [
        number for number in request.POST.getlist("invoices") if number.isdecimal() and len(number) < 18
    ]  # type: ignore[assignment]
    content: dict[str, Any] = {"customer": customer, "medium": form.medium}
    try:
        read_as: Rendered = fill(form.message(said), as_of=form.today, now=clock.now())
    except UnableTo as error:
        content["wrong"] = str(error)
    else:
        content |= {"read_as": read_as, "segments": segment(read_as.text) if form.medium == Medium.SMS else None}
    return render(request, "desk/_write_look.html", content)
