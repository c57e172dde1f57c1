"""Money that is nobody's yet: confirmed, given, split, set aside or taken back, one key each; and what of it waits.

Every payment shown is of a creditor whom the user sees the whole of: nobody's money has no portfolio.
"""

import re
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Prefetch, Q, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from amiable.core import money
from amiable.core.errors import AmiableError
from amiable.core.models import User
from amiable.ledger.models import Credit, CreditKind, Customer, Invoice
from amiable.payments.accept import UnableToMatch
from amiable.payments.matching import ItemKind
from amiable.payments.models import LineKind, Match, MatchState, StatementLine
from amiable.scenario import match_up
from amiable.web.desk import match_words, scope, search
from amiable.web.ui import clock

ROWS, BEFORE = 40, 4
LATELY = timedelta(hours=1)  # within which the last match is offered to be undone
OFFERED = 9  # customers from whom to choose
OPEN = 60  # invoices over which to split
ASIDE = {"p": LineKind.PAYOUT, "o": LineKind.OWN, "f": LineKind.FEE, "x": LineKind.OTHER}
SHOWN = {"waiting": gettext_lazy("To match"), "done": gettext_lazy("Matched")}


def suspense(user: User) -> QuerySet[Credit]:
    """The money that is nobody's yet, of creditors whom this user sees the whole of."""
    whole = scope.whole_creditors(user).values("pk")
    return Credit.objects.filter(creditor__in=whole, customer=None, kind=CreditKind.PAYMENT, open_minor__gt=0)


def totals(user: User) -> list[dict[str, Any]]:
    """What waits, per currency."""
    rows = suspense(user).order_by().values("currency").annotate(minor=Sum("open_minor"), count=Count("pk"))
    return [dict(row) for row in rows.order_by("-count", "currency")]


@require_GET
@scope.inside
def waiting(request: scope.Asked) -> HttpResponse:
    """The list, with its first payment open."""
    if request.GET.get("show") == "done":
        return _done(request)
    return _show(request, _in_order(suspense(request.user)).first())


@require_GET
@scope.inside
def one(request: scope.Asked, pk: int) -> HttpResponse:
    return _show(request, get_object_or_404(suspense(request.user), pk=pk))


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    """A person's word on one payment."""
    verb = ACTS.get(name)
    found = Credit.objects.filter(pk=pk, creditor__in=_mine(request.user)).select_related("creditor").first()
    if verb is None or found is None:
        raise Http404
    after = _after(request, found)
    try:
        made = verb(request, found)
    except AmiableError as error:
        messages.warning(request, str(error))
        held = suspense(request.user).filter(pk=pk).exists()
        return redirect("desk:money_one", pk) if held else redirect("desk:money")
    messages.success(request, _happened(made))
    return redirect("desk:money_one", after) if after else redirect("desk:money")


@require_POST
@scope.inside
def undo(request: scope.Asked, pk: int) -> HttpResponse:
    """Takes a match back; its money waits again."""
    made = get_object_or_404(Match.objects.filter(credit__creditor__in=_mine(request.user)), pk=pk)
    try:
        match_up.take_back(made=made, now=clock.now(), by=request.user)
    except AmiableError as error:
        messages.warning(request, str(error))
        return redirect(f"{reverse('desk:money')}?show=done")
    messages.success(request, _("Taken back: the money waits again, and its invoices are open again."))
    return redirect("desk:money_one", made.credit_id)


def _confirm(request: scope.Asked, found: Credit) -> Match:
    chosen = request.POST.get("match", "")
    proposal = found.matches.filter(state=MatchState.PROPOSED, pk=int(chosen) if chosen.isdecimal() else 0).first()
    if proposal is None:
        raise UnableToMatch(_("What was proposed has been paid or changed meanwhile. Look again."))
    return match_up.choose(proposal=proposal, now=clock.now(), by=request.user)


def _give(request: scope.Asked, found: Credit) -> Match:
    chosen = request.POST.get("customer", "")
    customer = scope.customer_or_404(request.user, int(chosen) if chosen.isdecimal() else 0)
    parts = {}
    for name in request.POST:
        text = str(request.POST[name])
        if (named := re.fullmatch(r"invoice_(\d{1,18})", name)) and text.strip():
            parts[int(named[1])] = _minor(text, found.currency)
    return match_up.give(credit=found, customer=customer, parts=parts, now=clock.now(), by=request.user)


def _aside(request: scope.Asked, found: Credit) -> Match:
    return match_up.put_aside(credit=found, kind=request.POST.get("kind", ""), now=clock.now(), by=request.user)


ACTS = {"confirm": _confirm, "give": _give, "aside": _aside}


def _minor(text: str, currency: str) -> int:
    try:
        return money.minor(text, currency=currency, decimal="," if text.rfind(",") > text.rfind(".") else ".")
    except money.UnreadableAmount as error:
        raise UnableToMatch(_("This is not an amount. Write for example 1 234.56.")) from error


def _mine(user: User) -> QuerySet[Any]:
    return scope.whole_creditors(user, act="write").values("pk")


def _happened(made: Match) -> str:
    if made.kind != LineKind.CUSTOMER:
        return _("Set aside: %(what)s.") % {"what": LineKind(made.kind).label}
    count = sum(1 for kind, *_rest in made.parts if kind == ItemKind.INVOICE)
    told = {"customer": made.customer, "n": count}
    if not count:
        return _("%(customer)s: on account.") % told
    return (
        ngettext("%(customer)s: matched with %(n)d invoice.", "%(customer)s: matched with %(n)d invoices.", count)
        % told
    )


def _in_order(rows: QuerySet[Credit]) -> QuerySet[Credit]:
    return rows.order_by("-received_on", "-pk")


def _later(found: Credit) -> Q:
    return Q(received_on__gt=found.received_on) | Q(received_on=found.received_on, pk__gt=found.pk)


def _earlier(found: Credit) -> Q:
    return Q(received_on__lt=found.received_on) | Q(received_on=found.received_on, pk__lt=found.pk)


def _after(request: scope.Asked, found: Credit) -> int | None:
    """The payment that comes up next."""
    following = _in_order(suspense(request.user).filter(_earlier(found))).values_list("pk", flat=True).first()
    return following or _in_order(suspense(request.user).exclude(pk=found.pk)).values_list("pk", flat=True).first()


def _window(request: scope.Asked, found: Credit) -> list[Credit]:
    """The payments around one: a few before it, and those that come next."""
    lines = Prefetch("statement_lines", StatementLine.objects.filter(same_as=None, amount_minor__gt=0).order_by("pk"))
    best = Prefetch("matches", Match.objects.filter(state=MatchState.PROPOSED, rank=0).select_related("customer"))
    rows = suspense(request.user).select_related("creditor").prefetch_related(lines, best)
    before = list(rows.filter(_later(found)).order_by("received_on", "pk")[:BEFORE])
    return [*before[::-1], *_in_order(rows.filter(Q(pk=found.pk) | _earlier(found)))[:ROWS]]


def _show(request: scope.Asked, found: Credit | None) -> HttpResponse:
    content = _frame(request, "waiting")
    if found is not None:
        rows = _window(request, found)
        here = next(place for place, row in enumerate(rows) if row.pk == found.pk)
        content |= {
            "rows": rows,
            "credit": rows[here],
            "before": rows[here - 1].pk if here else None,
            "after": rows[here + 1].pk if here + 1 < len(rows) else None,
            **_opened(request, rows[here]),
        }
    return render(request, "desk/money.html", content)


def _frame(request: scope.Asked, which: str) -> dict[str, Any]:
    may = scope.sees_whole(request.user, act="write")
    last = Match.objects.filter(
        credit__creditor__in=_mine(request.user), state=MatchState.APPLIED, confirmed_by=request.user,
        confirmed_at__gte=clock.now() - LATELY,
    )  # fmt: skip
    return {
        "which": which, "kinds": [(key, str(label)) for key, label in SHOWN.items()], "totals": totals(request.user),
        "may": may, "last": last.select_related("credit", "customer").order_by("-confirmed_at", "-pk").first() if may else None,
    }  # fmt: skip


def _opened(request: scope.Asked, found: Credit) -> dict[str, Any]:
    """One payment: its proposals, or whoever is searched for, or the invoices of whoever was chosen."""
    words = request.GET.get("who", "").strip()
    asked = request.GET.get("customer", "")
    content: dict[str, Any] = {
        "line": next(iter(found.statement_lines.all()), None),
        "q": words,
        "asides": ASIDE.items(),
    }
    if asked.isdecimal():
        customer = scope.customers_for(request.user).filter(creditor=found.creditor_id, pk=int(asked)).first()
        return content | {"customer": customer, "splits": _splits(found, customer) if customer else []}
    if words:
        seen = search.find(request.user, words).filter(creditor=found.creditor_id, merged_into=None)
        return content | {"candidates": list(seen.order_by("name", "pk")[:OFFERED])}
    rows = Match.objects.filter(
        credit=found.pk, state=MatchState.PROPOSED
    )  # all of them: the list has prefetched the first
    proposals = list(rows.select_related("customer").order_by("rank"))
    told = [_told(row, found.currency) for row in proposals if row.customer_id or row.kind != LineKind.CUSTOMER]
    number = request.GET.get("choose", "")
    chosen = int(number) - 1 if number.isdecimal() and 0 < int(number) <= len(told) else 0
    return content | {"proposals": told, "chosen": told[chosen] if told else None, "place": chosen + 1}


def _told(row: Match, currency: str) -> dict[str, Any]:
    """A proposal as the page shows it."""
    bills = [ref for kind, ref, *_rest in row.parts if kind == ItemKind.INVOICE]
    invoices = Invoice.objects.select_related("customer").in_bulk(bills)
    others = [ref for kind, ref, *_rest in row.parts if kind != ItemKind.INVOICE]
    credits = Credit.objects.select_related("customer").in_bulk(others)
    parts = []
    for kind, ref, amount, given_up in row.parts:
        about: Any = invoices.get(ref) if kind == ItemKind.INVOICE else credits.get(ref)
        if about is not None:
            parts.append({"kind": kind, "about": about, "minor": amount, "given_up": given_up})
    return {
        "match": row, "parts": parts, "reasons": match_words.said(row.reasons, currency),
        "kind": LineKind(row.kind).label if row.kind != LineKind.CUSTOMER else "",
    }  # fmt: skip


def _splits(found: Credit, customer: Customer) -> list[dict[str, Any]]:
    """The open invoices of a customer with what each would get, the oldest due first."""
    rows = Invoice.objects.filter(
        creditor=found.creditor_id, customer=customer, currency=found.currency, open_minor__gt=0
    ).order_by("due_on", "pk")[:OPEN]
    left, splits = found.open_minor, []
    for row in rows:
        part = min(left, row.open_minor)
        left -= part
        splits.append({"invoice": row, "text": f"{money.major(part, found.currency)}" if part else ""})
    return splits


def _done(request: scope.Asked) -> HttpResponse:
    """What was matched lately, by the machine and by people, undone ones included."""
    rows = Match.objects.filter(credit__creditor__in=scope.whole_creditors(request.user).values("pk")).exclude(
        state=MatchState.PROPOSED
    )
    listed = rows.select_related("credit", "customer", "confirmed_by", "undone_by").order_by("-confirmed_at", "-pk")[
        :ROWS
    ]
    mine = set(scope.whole_creditors(request.user, act="write").values_list("pk", flat=True))
    done = [_told(row, row.credit.currency) | {"may": row.credit.creditor_id in mine} for row in listed]
    return render(request, "desk/money.html", _frame(request, "done") | {"done": done})
