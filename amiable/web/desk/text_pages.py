"""The texts of a creditor: which speak, the house's or its own, in which tone; one text with its versions; acts on them.

Texts hold no customer's data, so who sees a creditor reads them; who administers the whole of it changes and approves.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from amiable.core.models import User
from amiable.ledger.models import Creditor
from amiable.outreach import keep
from amiable.outreach.house import Place, Texts, house_source, keys, own_texts, shelf, speaks
from amiable.outreach.models import Template, Tone
from amiable.outreach.proof import possible
from amiable.outreach.sandbox import UnableToCompose
from amiable.web.desk import scope
from amiable.web.desk import text_words as words
from amiable.web.desk.dialog import dialog
from amiable.web.desk.segment_pages import pick
from amiable.web.ui import clock

EVERYBODY = "all"  # instead of a creditor: the texts of this installation, for all creditors
ACTS = ("approve", "give_up")


def owner_of(user: User, asked: str, *, act: str | None = None) -> Creditor | None:
    """For whom the texts are, as this user may see (and `act` on) them; None: the whole installation. Else 404."""
    if asked == EVERYBODY:
        if not user.is_superuser:
            raise Http404
        return None
    rows = scope.whole_creditors(user, act=act) if act else scope.visible_creditors(user)
    found = rows.filter(pk=int(asked)).first() if asked.isdecimal() and len(asked) < 12 else None
    if found is None:
        raise Http404
    return found


def may_change(user: User, owner: Creditor | None) -> bool:
    if owner is None:
        return user.is_superuser
    return scope.sees_whole_of(user, owner.pk, act="administer")


def address(place: Place, owner: Creditor | None) -> str:
    parts = [place.medium, place.language, place.audience, place.key, place.tone]
    return f"{reverse('desk:text', args=parts)}?creditor={owner.pk if owner else EVERYBODY}"


@require_GET
@scope.inside
def texts(request: scope.Asked) -> HttpResponse:
    """Every purpose by tone, for one creditor, medium, language and audience."""
    creditors = list(scope.visible_creditors(request.user))
    asked = request.GET.get("creditor", "")
    everybody = asked == EVERYBODY and request.user.is_superuser
    chosen = None if everybody else pick(creditors, asked)
    language = _one_of(chosen.language if chosen else request.LANGUAGE_CODE, words.LANGUAGES, "fr")
    at = {
        "medium": _one_of(request.GET.get("medium", ""), words.MEDIA, "email"),
        "language": _one_of(request.GET.get("language", ""), words.LANGUAGES, language),
        "audience": _one_of(request.GET.get("audience", ""), words.AUDIENCES, "business"),
    }
    content: dict[str, Any] = {
        "creditors": creditors, "creditor": chosen, "everybody": everybody,
        "owner": EVERYBODY if everybody else chosen and chosen.pk,
        "at": at, "media": [(key, label, words.ICONS[key]) for key, label in words.MEDIA.items()],
        "languages": words.LANGUAGES.items(), "audiences": words.AUDIENCES.items(), "tones": Tone.choices,
        "may_change": (everybody or chosen is not None) and may_change(request.user, chosen),
    }  # fmt: skip
    if everybody or chosen:
        content["rows"] = _table(chosen, **at)
        content["waiting"] = _waiting(chosen)
    return render(request, "desk/texts.html", content)


def _one_of(asked: str, known: Any, otherwise: str) -> str:
    return asked if asked in known else otherwise


def _table(owner: Creditor | None, *, medium: str, language: str, audience: str) -> list[dict[str, Any]]:
    own = own_texts()
    drafts = {
        (row.key, row.tone): row
        for row in Template.objects.filter(
            creditor=owner, medium=medium, language=language, audience=audience, approved_at=None, retired_at=None
        ).order_by("version")
    }
    mine = Template.objects.filter(creditor=owner, medium=medium, retired_at=None).values_list("key", flat=True)
    known = [*words.ORDER, *sorted({*keys(), *mine} - set(words.ORDER))]
    rows = []
    for key in known:
        places = [Place(key, medium, language, audience, tone) for tone in Tone.values]
        cells = [_cell(place, owner, own, drafts.get((key, place.tone))) for place in places]
        if any(cell["speaks"] for cell in cells) or any(cell["draft"] for cell in cells):
            rows.append({"key": key, "label": words.title(places[0]), "cells": cells})
    return rows


def _cell(place: Place, owner: Creditor | None, own: Texts, draft: Template | None) -> dict[str, Any]:
    """What speaks at one place: the house, an own text, or another tone that stands in."""
    try:
        spoken = speaks(place, creditor=owner.pk if owner else None, own=own)
    except UnableToCompose:
        return {"place": place, "speaks": None, "draft": draft, "address": address(place, owner)}
    newer = (
        draft if draft and (spoken.row is None or draft.version > spoken.row.version or spoken.place != place) else None
    )
    return {
        "place": place, "speaks": spoken, "own": spoken.row is not None, "exact": spoken.place == place, "draft": newer,
        "instead": words.TONES[spoken.place.tone] if spoken.place.tone != place.tone else words.MEDIA[spoken.place.medium],
        "tone_label": words.TONES[place.tone], "address": address(place, owner),
    }  # fmt: skip


def _waiting(owner: Creditor | None) -> list[dict[str, Any]]:
    """Drafts that nothing newer has overtaken, of all media: they wait for a second person."""
    rows = Template.objects.filter(creditor=owner, retired_at=None).select_related("written_by").order_by("-version")
    newest: dict[Place, Template] = {}
    for row in rows:
        newest.setdefault(keep.place_of(row), row)
    return [
        {"row": row, "label": words.title(place), "about": words.about(place), "address": address(place, owner)}
        for place, row in sorted(newest.items())
        if not row.approved_at
    ]


@require_GET
@scope.inside
def new(request: scope.Asked) -> HttpResponse:
    """Leads to the place where a text of one's own is to stand."""
    owner = owner_of(request.user, request.GET.get("creditor", ""), act="administer")
    place = Place(
        *(request.GET.get(name, "").strip().lower() for name in ("key", "medium", "language", "audience", "tone"))
    )
    if not possible(place):
        messages.warning(request, _("A purpose is named in small letters without accents, such as spring_offer."))
        return redirect(f"{reverse('desk:texts')}?creditor={owner.pk if owner else EVERYBODY}")
    return redirect(address(place, owner))


def versions(place: Place, owner: Creditor | None, user: User) -> list[dict[str, Any]]:
    """Every version, newest first, with what may be done about it."""
    rows = list(keep.at(place, owner).select_related("written_by", "approved_by", "retired_by"))
    speaking = next((row for row in rows if row.approved_at and not row.retired_at), None)
    may = may_change(user, owner)
    told = []
    for row in rows:
        draft = row is rows[0] and not row.approved_at and not row.retired_at
        mine = row.written_by_id == user.pk and keep.others(owner, but=user).exists()
        told.append({"row": row, "draft": draft and may, "mine": mine, **words.state(row, speaking)})
    return told


def version_or_404(user: User, pk: int, *, act: str | None = None) -> Template:
    found: Template = get_object_or_404(Template.objects.select_related("creditor", "written_by"), pk=pk)
    owner_of(user, str(found.creditor_id) if found.creditor_id else EVERYBODY, act=act)
    return found


@require_GET
@scope.inside
def version(request: scope.Asked, pk: int) -> HttpResponse:
    """One version, and what it changed."""
    found = version_or_404(request.user, pk)
    place = keep.place_of(found)
    before = keep.at(place, found.creditor).filter(version__lt=found.version).first()
    house = house_source(place) if place in shelf() else ""
    content = {
        "version": found, "before": before, "place": place, "title": words.title(place), "about": words.about(place),
        "text": words.typed(found), "changes": words.changes(words.typed(before) if before else house, words.typed(found)),
        "from_house": before is None and bool(house), "back": address(place, found.creditor),
    }  # fmt: skip
    return dialog(request, "text_version", content)


@require_POST
@scope.inside
def act(request: scope.Asked, pk: int, name: str) -> HttpResponse:
    if name not in ACTS:
        raise Http404
    found = version_or_404(request.user, pk, act="administer")
    try:
        if name == "approve":
            keep.approve(found, now=clock.now(), by=request.user)
            told = _("Approved: from now on this text speaks.")
        else:
            keep.give_up(found, now=clock.now(), by=request.user)
            told = _("The draft was given up; what speaks goes on speaking.")
    except keep.UnableToKeep as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, told)
    return redirect(address(keep.place_of(found), found.creditor))


@require_POST
@scope.inside
def house(request: scope.Asked, medium: str, language: str, audience: str, key: str, tone: str) -> HttpResponse:
    """Back to the house's text."""
    owner = owner_of(request.user, request.POST.get("creditor", ""), act="administer")
    place = Place(key, medium, language, audience, tone)
    try:
        keep.back_to_house(place, creditor=owner, now=clock.now(), by=request.user)
    except keep.UnableToKeep as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("Your versions are put away: the house’s text speaks again."))
    return redirect(address(place, owner))
