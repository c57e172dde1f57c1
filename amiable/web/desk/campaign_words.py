"""A campaign in words: where it stands, whom it is for, why somebody was left out, and what it brought as a funnel."""

from datetime import date
from typing import Any

from django.utils.translation import gettext, gettext_lazy
from django.utils.translation import gettext as _

from amiable.core.conditions import UnableToRead
from amiable.law.rails import SENTENCES
from amiable.ledger.models import Creditor
from amiable.outreach.models import Tone
from amiable.scenario import campaign as verbs
from amiable.scenario.canvass import WAITS
from amiable.scenario.check import sentence
from amiable.scenario.models import Campaign, CampaignState
from amiable.scenario.tally import Tally
from amiable.web.desk import labels, scenario_words
from amiable.web.templatetags.amiable_ui import money

TONES = {
    CampaignState.DRAFT: "warn", CampaignState.FROZEN: "info", CampaignState.RELEASED: "info",
    CampaignState.RUNNING: "good",
}  # fmt: skip
SETTINGS = {
    "name": gettext_lazy("Name"),
    "filter": gettext_lazy("For whom"),
    "template": gettext_lazy("Text"),
    "tone": gettext_lazy("Tone"),
    "channel": gettext_lazy("Channel"),
    "currency": gettext_lazy("Currency"),
    "minimum_minor": gettext_lazy("Least amount"),
    "starts_on": gettext_lazy("First day"),
    "ends_on": gettext_lazy("Last day"),
}


def state(campaign: Campaign, today: date) -> dict[str, Any]:
    """Where it stands, and the colour of that."""
    found = campaign.state(today)
    return {"state": found.value, "state_label": found.label, "state_tone": TONES.get(found, "")}


def about(campaign: Campaign) -> list[tuple[str, str]]:
    """Its settings as a person reads them."""
    told = [
        (
            _("For whom"),
            scenario_words.condition(campaign.filter, _segments(campaign)) or _("everyone with something to speak of"),
        ),
        (_("Text"), labels.step(campaign.template)),
        (_("Tone"), str(Tone(campaign.tone).label)),
        (_("Channel"), str(scenario_words.CHANNELS.get(campaign.channel, campaign.channel))),
        (_("Currency"), campaign.currency),
    ]
    if campaign.minimum_minor:
        told.append((_("Least amount"), money(campaign.minimum_minor, campaign.currency)))
    return told


def _segments(campaign: Campaign) -> dict[str, str]:
    """The names of the creditor's segments."""
    return labels.names(labels.segment_rules(Creditor.objects.filter(pk=campaign.creditor_id)))


def wrong(error: UnableToRead | verbs.UnableToCampaign) -> str:
    """The sentence of a refusal in the language of the page."""
    if isinstance(error, UnableToRead):
        return sentence(error)
    return gettext(error.sentence)


def previewed(campaign: Campaign, today: date) -> dict[str, Any]:
    """Whom it would hold today, ready to be shown. Raises UnableToRead about the filter."""
    found = verbs.preview(campaign, as_of=today)
    most = max((each.customers for each in found.groups), default=1)
    names = _segments(campaign)
    return {
        "found": found,
        "currency": campaign.currency,
        "groups": [
            (names.get(each.segment, each.segment) or _("No segment fits"), each, f"{100 * each.customers / most:.2f}")
            for each in found.groups
        ],
    }


def withheld(found: Tally) -> list[tuple[str, int]]:
    """Why how many were not written to, in the language of the page."""
    by_sentence = {sentence: key for key, sentence in (SENTENCES | WAITS).items()}
    return [(labels.rail(by_sentence[why]) if why in by_sentence else why, count) for why, count in found.withheld]


def funnel(found: Tally) -> list[tuple[str, int, str]]:
    """From the list to the money: what, how many, and how wide its bar is."""
    rows = [
        (_("On the list"), found.listed),
        (_("Sent"), found.sent),
        (_("Opened"), found.opened),
        (_("Clicked"), found.clicked),
        (_("Paid within 14 days"), found.paid),
    ]
    return [(label, count, f"{100 * count / max(found.listed, 1):.2f}") for label, count in rows]
