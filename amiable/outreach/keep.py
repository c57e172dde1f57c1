"""Texts of one's own are kept, approved by another person, and put away again.

In: a text as somebody wrote it, and where it is to stand. Out: Template rows, a version for each save, and the trail.
Never: a save over one that its writer has not seen, a text in use that nobody else has read, one that the law forbids.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from amiable.core import audit
from amiable.core.calendar import day_of
from amiable.core.errors import UnableTo
from amiable.core.models import Role, Scope, User
from amiable.law.packs import Law, law
from amiable.ledger.models import Creditor
from amiable.outreach.house import Place
from amiable.outreach.models import Template
from amiable.outreach.proof import Proof, possible, proofread

HOME = "FR"  # the law by which texts of the whole installation are judged
APPROVERS = (Role.MANAGER, Role.ADMIN)


class UnableToKeep(UnableTo):
    """The text cannot be kept, approved or put away; the sentence says why."""


def at(place: Place, creditor: Creditor | None) -> QuerySet[Template]:
    """Every version that was written for a place, newest first."""
    return Template.objects.filter(
        creditor=creditor, key=place.key, medium=place.medium, language=place.language, audience=place.audience,
        tone=place.tone,
    ).order_by("-version")  # fmt: skip


def place_of(row: Template) -> Place:
    return Place(row.key, row.medium, row.language, row.audience, row.tone)


def rules(creditor: Creditor | None, now: datetime) -> tuple[Law, Mapping[str, Any]]:
    """The law and the policy by which a creditor's texts are judged."""
    return law(creditor.country if creditor else HOME, day_of(now)), creditor.policy if creditor else {}


def read_again(source: str, place: Place, *, creditor: Creditor | None, now: datetime, subject: str = "") -> Proof:
    """What is to be said about a text that would stand there for this creditor."""
    legal, policy = rules(creditor, now)
    return proofread(source, place, law=legal, policy=policy, subject=subject)


@transaction.atomic
def keep(place: Place, *, creditor: Creditor | None, source: str, seen: int, now: datetime, by: User) -> Template:
    """Keeps a new version as a draft. `seen` is the newest version that its writer had before their eyes (0: none).

    Raises UnableToKeep where somebody kept another one meanwhile, and where the text cannot be used at all.
    """
    if not possible(place):
        raise UnableToKeep(_("No text can stand there."))
    proof = read_again(source, place, creditor=creditor, now=now)
    if proof.mistake:
        raise UnableToKeep(proof.mistake)
    newest = at(place, creditor).select_for_update(of=("self",)).first()
    version = newest.version if newest else 0
    if version != seen:
        raise UnableToKeep(_meanwhile(newest))
    try:
        with transaction.atomic():
            kept = Template.objects.create(
                creditor=creditor, key=place.key, medium=place.medium, language=place.language, audience=place.audience,
                tone=place.tone, version=version + 1, body=source, written_at=now, written_by=by,
            )  # fmt: skip
    except IntegrityError as error:  # two first versions at the same moment
        raise UnableToKeep(_meanwhile(None)) from error
    _record("text.written", kept, now=now, by=by)
    return kept


def _meanwhile(newest: Template | None) -> str:
    who = str(newest.written_by) if newest and newest.written_by else _("somebody")
    sentence = _("Meanwhile %(who)s kept another version. Yours was not saved: compare them, and save again.")
    return sentence % {"who": who}


@transaction.atomic
def approve(row: Template, *, now: datetime, by: User) -> Template:
    """From now on the text speaks. Who wrote it does not approve it, unless nobody else could."""
    newest = at(place_of(row), row.creditor).select_for_update(of=("self",)).first()
    kept = Template.objects.select_related("creditor").get(pk=row.pk)
    if newest is None or newest.pk != kept.pk or kept.approved_at or kept.retired_at:
        raise UnableToKeep(_("Only the newest draft can be approved."))
    alone = kept.written_by_id == by.pk
    if alone and others(kept.creditor, but=by).exists():
        raise UnableToKeep(_("Who wrote a text does not approve it: ask a colleague who may."))
    proof = read_again(kept.body, place_of(kept), creditor=kept.creditor, now=now, subject=kept.subject)
    if proof.stops:
        raise UnableToKeep(proof.sentences[0])
    kept.approved_at, kept.approved_by = now, by
    kept.save(update_fields=["approved_at", "approved_by"])
    _record("text.approved", kept, now=now, by=by, alone=alone)
    return kept


def others(creditor: Creditor | None, *, but: User) -> QuerySet[User]:
    """Who else may approve texts of this creditor, or of the whole installation."""
    right = Q(is_superuser=True)
    if creditor:
        whole = Scope.whole(*APPROVERS).filter(creditor_ref=creditor.pk)
        right |= Q(pk__in=whole.values("user_id"))
    return User.objects.filter(right, is_active=True).exclude(pk=but.pk)


@transaction.atomic
def give_up(row: Template, *, now: datetime, by: User) -> None:
    """A draft is put away; what speaks goes on speaking."""
    given_up = Template.objects.filter(pk=row.pk, approved_at=None, retired_at=None).update(
        retired_at=now, retired_by=by
    )
    if not given_up:
        raise UnableToKeep(_("Only a draft can be given up."))
    _record("text.given_up", row, now=now, by=by)


@transaction.atomic
def back_to_house(place: Place, *, creditor: Creditor | None, now: datetime, by: User) -> int:
    """All versions are put away: the house's text speaks again. It was read by others long ago, so one person decides."""
    rows = at(place, creditor).filter(retired_at=None)
    newest = rows.first()
    if newest is None:
        raise UnableToKeep(_("There is no text of your own at this place."))
    count = rows.update(retired_at=now, retired_by=by)
    _record("text.retired", newest, now=now, by=by, versions=count)
    return count


def _record(act: str, row: Template, *, now: datetime, by: User, **more: Any) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=row.creditor_id, subject="template", subject_ref=row.pk,
        place=place_of(row).file, version=row.version, **more,
    )  # fmt: skip
