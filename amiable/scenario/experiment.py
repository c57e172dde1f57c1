"""Experiments are started, changed and stopped by a person: shares, last day, and who wins.

In: a scenario in force, its challenger, shares. Out: an Experiment, with its line in the audit trail.
Never: a hold-out without an end or above a fifth; two experiments on one scenario of a creditor.
"""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from amiable.core import audit
from amiable.core.conditions import N_
from amiable.core.errors import UnableTo
from amiable.core.models import User
from amiable.ledger import hold
from amiable.ledger.models import Creditor, Hold
from amiable.scenario import assign, check, shelf
from amiable.scenario.models import Arm, Experiment, Scenario

MOST_HELD_OUT = 0.2
LEAST_CHAMPION = 0.1
LONGEST_HOLDOUT = 180  # days


class UnableToExperiment(UnableTo):
    """The experiment cannot be as it is wished for; the sentence says why."""


@transaction.atomic
def start(
    *,
    creditor: Creditor,
    champion: Scenario,
    name: str,
    challenger: Scenario | None = None,
    challenger_share: float = 0.0,
    holdout_share: float = 0.0,
    until: date | None = None,
    as_of: date,
    now: datetime,
    by: User,
) -> Experiment:
    """From today on, customers who come to this scenario with no case open are drawn into arms."""
    Creditor.objects.select_for_update().get(pk=creditor.pk)
    if champion.pk not in {each.pk for each in shelf.in_force(creditor.pk)}:
        raise UnableToExperiment(N_("The champion is a version that is in force for the creditor."))
    if Experiment.objects.filter(creditor=creditor, champion__key=champion.key, stopped_on=None).exists():
        raise UnableToExperiment(N_("An experiment on this scenario has not been stopped yet; stop it first."))
    _challenging(creditor, champion, challenger, as_of)
    _fair(challenger, challenger_share, holdout_share, since=as_of, until=until, as_of=as_of)
    if not challenger_share and not holdout_share:
        raise UnableToExperiment(N_("Give the challenger or the hold-out a share."))
    number = Experiment.objects.filter(creditor=creditor).count() + 1
    begun = Experiment.objects.create(
        creditor=creditor, key=f"{champion.key[:30]}-{number}", name=name.strip()[:80], champion=champion,
        challenger=challenger, challenger_share=challenger_share, holdout_share=holdout_share, since=as_of, until=until,
        started_by=by,
    )  # fmt: skip
    _audit("experiment.started", begun, now=now, by=by, **_told(begun))
    return begun


@transaction.atomic
def change(
    experiment: Experiment,
    *,
    challenger_share: float,
    holdout_share: float,
    until: date | None,
    as_of: date,
    now: datetime,
    by: User,
) -> Experiment:
    """Other shares for those who are drawn from now on, another last day. Who has an arm keeps it."""
    kept = _running(experiment)
    _fair(kept.challenger, challenger_share, holdout_share, since=kept.since, until=until, as_of=as_of)
    held = Hold.objects.filter(source_ref=assign.source(kept), until__gt=as_of)
    if until is None and held.exists():
        raise UnableToExperiment(N_("A hold-out has a last day: nobody is left alone for ever."))
    before = _told(kept)
    kept.challenger_share, kept.holdout_share, kept.until = challenger_share, holdout_share, until
    kept.save(update_fields=["challenger_share", "holdout_share", "until"])
    if until:
        held.update(until=Greatest(F("since"), until + timedelta(days=1)))
    _audit("experiment.changed", kept, now=now, by=by, before=before, **_told(kept))
    return kept


@transaction.atomic
def stop(experiment: Experiment, *, winner: str = "", as_of: date, now: datetime, by: User) -> Scenario | None:
    """Ends it: nobody is left alone any more, new cases take the scenario in force; those under way stay on theirs.

    With the challenger as winner, its version is put in force for the creditor, and returned.
    """
    kept = _running(experiment)
    if winner not in ("", Arm.CHAMPION, Arm.CHALLENGER) or (winner == Arm.CHALLENGER and kept.challenger is None):
        raise UnableToExperiment(N_("Only the champion or the challenger can win."))
    kept.stopped_on, kept.stopped_by, kept.winner = as_of, by, winner
    kept.save(update_fields=["stopped_on", "stopped_by", "winner"])
    freed = hold.lift(source_ref=assign.source(kept), on=as_of)
    _audit("experiment.stopped", kept, now=now, by=by, winner=winner, freed=freed)
    if winner != Arm.CHALLENGER or kept.challenger is None:
        return None
    chosen = kept.challenger
    if chosen.creditor_id != kept.creditor_id or chosen.key != kept.champion.key:
        # Another scenario wins: it goes on as the next version of the one it has beaten.
        data = {**chosen.data, "key": kept.champion.key, "applies": kept.champion.data.get("applies", "")}
        chosen = shelf.save(data=data, creditor=kept.creditor, now=now, by=by)
    shelf.activate(chosen, now=now, by=by)
    return chosen


def _running(experiment: Experiment) -> Experiment:
    kept = Experiment.objects.select_for_update(of=("self",)).select_related("champion", "challenger", "creditor")
    found = kept.get(pk=experiment.pk)
    if found.stopped_on:
        raise UnableToExperiment(N_("This experiment has been stopped."))
    return found


def _challenging(creditor: Creditor, champion: Scenario, challenger: Scenario | None, as_of: date) -> None:
    """Whether this version may challenge: not the champion itself, the creditor's or the house's, and without errors."""
    if challenger is None:
        return
    if challenger.pk == champion.pk or challenger.creditor_id not in (None, creditor.pk):
        raise UnableToExperiment(N_("The challenger is another version, of this creditor or of the house."))
    findings = check.examine(challenger.data, creditor=creditor, facts=shelf.facts(), as_of=as_of)
    if any(finding.stops for finding in findings):
        raise UnableToExperiment(N_("The check of the challenger finds errors; edit it first."))


def _fair(
    challenger: Scenario | None,
    challenger_share: float,
    holdout_share: float,
    *,
    since: date,
    until: date | None,
    as_of: date,
) -> None:
    """Whether the shares and the last day are ones that may be."""
    if not (0 <= challenger_share <= 1 and 0 <= holdout_share <= 1):  # neither is what is no number
        raise UnableToExperiment(N_("A share is a number from 0 to 100 %."))
    if challenger is None and challenger_share:
        raise UnableToExperiment(N_("Without a challenger it has no share."))
    if holdout_share > MOST_HELD_OUT:
        raise UnableToExperiment(N_("The hold-out may have 20 % at most."))
    if challenger_share + holdout_share > 1 - LEAST_CHAMPION + 1e-9:
        raise UnableToExperiment(N_("The champion keeps 10 % at least, or there is nothing to compare with."))
    if until and until < as_of:
        raise UnableToExperiment(N_("The last day cannot be in the past."))
    if holdout_share and until is None:
        raise UnableToExperiment(N_("A hold-out has a last day: nobody is left alone for ever."))
    if holdout_share and until and until > since + timedelta(days=LONGEST_HOLDOUT):
        raise UnableToExperiment(N_("A hold-out lasts 180 days at most."))


def _told(experiment: Experiment) -> dict[str, Any]:
    return {
        "challenger_share": experiment.challenger_share, "holdout_share": experiment.holdout_share,
        "until": experiment.until.isoformat() if experiment.until else None,
        "champion": str(experiment.champion), "challenger": str(experiment.challenger or ""),
    }  # fmt: skip


def _audit(act: str, experiment: Experiment, *, now: datetime, by: User, **more: Any) -> None:
    audit.record(
        act, now=now, user=by, creditor_ref=experiment.creditor_id, subject="experiment", subject_ref=experiment.pk,
        key=experiment.key, **more,
    )  # fmt: skip
