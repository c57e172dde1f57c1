"""The page of one text: its editor, with what the customer would read beside it while it is written.

In: what a person typed. Out: the page again with a sentence at a mistake and everything that was typed, or a new draft.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST

from amiable.core.errors import UnableTo
from amiable.ledger.models import Creditor, Customer
from amiable.outreach import compose, keep
from amiable.outreach.house import Place, own_texts, speaks
from amiable.outreach.proof import Proof, possible
from amiable.outreach.sandbox import LONGEST, UnableToCompose
from amiable.outreach.shape import parts
from amiable.web.desk import scope, text_look
from amiable.web.desk import text_words as words
from amiable.web.desk.letters import BOX
from amiable.web.desk.text_pages import EVERYBODY, address, may_change, owner_of, versions
from amiable.web.ui import clock


@require_http_methods(["GET", "POST"])
@scope.inside
def text(request: scope.Asked, medium: str, language: str, audience: str, key: str, tone: str) -> HttpResponse:
    place = Place(key, medium, language, audience, tone)
    if not possible(place):
        raise Http404
    if request.method == "GET":
        return _page(request, place, owner_of(request.user, request.GET.get("creditor", "")))
    owner = owner_of(request.user, request.POST.get("creditor", ""), act="administer")
    seen = request.POST.get("seen", "")
    try:
        keep.keep(
            place, creditor=owner, source=_typed(request.POST), seen=int(seen) if seen.isdecimal() and len(seen) < 9 else 0,
            now=clock.now(), by=request.user,
        )  # fmt: skip
    except keep.UnableToKeep as error:
        return _page(request, place, owner, wrong=str(error))
    messages.success(request, _("Kept as a draft. It speaks once another person has approved it."))
    return redirect(address(place, owner))


def _typed(post: QueryDict) -> str:
    """The text in one piece, as it was typed."""
    return compose.write(
        subject=post.get("subject", ""), preheader=post.get("preheader", ""), body=post.get("body", "")
    )


def _page(request: scope.Asked, place: Place, owner: Creditor | None, *, wrong: str = "") -> HttpResponse:
    told = versions(place, owner, request.user)
    newest = next((each["row"] for each in told if not each["row"].retired_at), None)
    speaking, instead = _speaking(place, owner)
    source = words.typed(newest) if newest else speaking
    given = compose.read(source)
    typed = request.POST if request.method == "POST" else None
    content: dict[str, Any] = {
        "place": place, "title": words.title(place), "about": words.about(place), "creditor": owner,
        "owner": owner.pk if owner else EVERYBODY, "here": address(place, owner), "versions": told, "instead": instead,
        "own": newest is not None, "seen": told[0]["row"].version if told else 0, "may_change": may_change(request.user, owner),
        "given": {
            "subject": typed.get("subject", "") if typed else given.subject,
            "preheader": typed.get("preheader", "") if typed else given.preheader,
            "body": typed.get("body", "") if typed else given.body.strip(),
        },
        "with_head": place.medium in {"email", "letter"}, "longest": LONGEST, "wrong": wrong, "typed": bool(typed),
        "names": list(words.names(place.language)), "parts": parts() if place.medium in {"email", "letter"} else (),
        **_looked(request, place, owner, _typed(typed) if typed else source),
    }  # fmt: skip
    return render(request, "desk/text.html", content, status=422 if wrong else 200)


def _speaking(place: Place, owner: Creditor | None) -> tuple[str, str]:
    """The text that speaks at this place now, and what it is where it stands elsewhere."""
    try:
        spoken = speaks(place, creditor=owner.pk if owner else None, own=own_texts())
    except UnableToCompose:
        return "", ""
    source = words.typed(spoken.row) if spoken.row else spoken.source
    return source, "" if spoken.place == place else words.about(spoken.place)


def _looked(request: scope.Asked, place: Place, owner: Creditor | None, source: str) -> dict[str, Any]:
    """What the text says to one customer, and what is to be said against it."""
    asked = request.POST if request.method == "POST" else request.GET
    people = text_look.people(request.user, place, creditor=owner, words=asked.get("who", ""))
    chosen = _chosen(request, asked.get("customer", ""), people)
    judged = chosen.creditor if owner is None and chosen else owner
    proof = keep.read_again(source, place, creditor=judged, now=clock.now()) if source.strip() else Proof()
    content: dict[str, Any] = {"people": people, "customer": chosen, "who": asked.get("who", ""), "proof": proof}
    if source.strip() and not proof.mistake:
        try:
            content["look"] = text_look.look(source, place, chosen, agent=str(request.user))
        except UnableTo as error:
            content["unfilled"] = str(error)
    return content


def _chosen(request: scope.Asked, asked: str, people: list[Customer]) -> Customer | None:
    named = next((each for each in people if str(each.pk) == asked), None)
    return named or (people[0] if people else None)


def _asked_place(post: QueryDict) -> Place:
    place = Place(*(post.get(name, "") for name in ("key", "medium", "language", "audience", "tone")))
    if not possible(place):
        raise Http404
    return place


@require_POST
@scope.inside
def look_ahead(request: scope.Asked) -> HttpResponse:
    """What is typed, as a customer would read it; nothing is written."""
    place, owner = _asked_place(request.POST), owner_of(request.user, request.POST.get("creditor", ""))
    content = {"place": place, "with_head": place.medium in {"email", "letter"}, "fresh": True}
    return render(request, "desk/_text_look.html", content | _looked(request, place, owner, _typed(request.POST)))


@require_POST
@xframe_options_sameorigin
@scope.inside
def body(request: scope.Asked) -> HttpResponse:
    """The HTML of what is typed, for its box, where it can run and load nothing."""
    place, owner = _asked_place(request.POST), owner_of(request.user, request.POST.get("creditor", ""))
    looked = _looked(request, place, owner, _typed(request.POST))
    page = looked["look"].rendered.html if "look" in looked else ""
    return HttpResponse(page, headers={"Content-Security-Policy": BOX})
