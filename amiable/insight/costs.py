"""What contacts, work and agencies cost: as the creditor declares it in its policy (`costs`), else the usual prices.

`usual` names what nobody has declared, so that no figure hides that it stands on prices that are not the creditor's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from amiable.scenario.behaviour import parameters

MINUTE_MINOR = 60  # of a colleague's time, all costs counted: about 36 an hour
MINUTES = {"reply": 6, "check": 5, "confirm": 2, "manual": 6, "other": 5}
USUAL_SHARE = (
    0.15  # of what it brings, where the agency's own is not declared: the client's document quotes it as the usual cost
)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Minor units of the creditor's currency. `agencies`: the share of what each one brings."""

    channels: Mapping[str, int]
    minute_minor: int
    minutes: Mapping[str, int]
    other_minutes: int
    agencies: Mapping[str, float]
    other_agency: float
    usual: tuple[str, ...]  # channels, minute, minutes, agencies: what is not the creditor's own

    @property
    def note(self) -> str | Promise:
        """A sentence for whoever reads the figure; empty where every price is the creditor's own."""
        return (
            _("A part of these costs are usual prices: declare your own to make the figure yours.")
            if self.usual
            else ""
        )


def costs(policy: Mapping[str, Any]) -> Costs:
    """The prices of a creditor's policy."""
    own: Mapping[str, Any] = policy.get("costs") or {}
    shipped: Mapping[str, int] = parameters()["unit_cost_minor"]
    channels, agencies = own.get("channels") or {}, own.get("agencies") or {}
    return Costs(
        channels={medium: int(price) for medium, price in {**shipped, **channels}.items()},
        minute_minor=int(own.get("minute_minor", MINUTE_MINOR)),
        minutes={**MINUTES, **(own.get("minutes") or {})},
        other_minutes=MINUTES["other"],
        agencies={name: float(share) for name, share in agencies.items()},
        other_agency=USUAL_SHARE,
        usual=tuple(
            name
            for name, declared in (
                ("channels", set(shipped) <= set(channels)), ("minute", "minute_minor" in own),
                ("minutes", bool(own.get("minutes"))), ("agencies", bool(agencies)),
            )
            if not declared
        ),
    )  # fmt: skip
