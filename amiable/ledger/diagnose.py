"""What the doctor says about interest: whether the rates of this half-year, and soon of the next one, are known."""

from datetime import date, timedelta

from django.utils.translation import gettext as _

from amiable.core.doctor import Finding
from amiable.law.late import UnableToReadRates, half_of, lacking, own_rates

SOON_DAYS = 45


def diagnose(*, as_of: date) -> list[Finding]:
    """Nothing where every rate is known."""
    halves: dict[date, bool | None] = {half_of(as_of + timedelta(days=SOON_DAYS)): None, half_of(as_of): False}
    try:
        return [
            Finding(area="interest", ok=halves[half], sentence=_sentence(half, names))
            for half in sorted(halves)
            if (names := lacking(half))
        ]
    except UnableToReadRates as error:
        return [Finding(area="interest", ok=False, sentence=str(error))]


def _sentence(half: date, names: list[str]) -> str:
    told = {"day": half.isoformat(), "names": "; ".join(names), "path": own_rates()}
    return (
        _("From %(day)s no late interest is reckoned by: %(names)s. Bring a newer version, or write them in %(path)s.")
        % told
    )
