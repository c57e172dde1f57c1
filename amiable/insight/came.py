"""Who stands behind a stage of the way from due to paid.

In: a creditor, a stage, the days in which cases were opened. Out: customers. Never: a stage that a board counts otherwise.
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from amiable.insight.gather import Gathered
from amiable.insight.grains.recovery import STAGE, STAGED, STAGED_JOINS, STAGES
from amiable.ledger.models import Creditor

CASES = f"""
WITH {STAGED}
SELECT k.customer_id, k.currency, {STAGE} FROM casework_case k {STAGED_JOINS}
WHERE k.creditor_id = %(creditor)s AND k.opened_on BETWEEN %(since)s AND %(as_of)s
  AND (%(among)s::bigint[] IS NULL OR k.customer_id = ANY(%(among)s))"""


def came(
    *,
    creditor: Creditor,
    stage: str,
    since: date,
    until: date,
    currency: str = "",
    among: Collection[int] | None = None,
) -> list[int]:
    """The customers with a case, opened on these days, that came as far as the stage or further by the last of them.

    In the currency, in any where it is empty; only of these customers, where some are named (`among`): then no more is read
    than theirs. ValueError for what is no stage.
    """
    table = Gathered(as_of=until, creditor=creditor, among=None if among is None else sorted(among)).read(
        CASES, {"customer": pl.Int64, "currency": pl.String, "stage": pl.String}, since=since
    )
    wanted = pl.col("stage").is_in(STAGES[STAGES.index(stage) :])
    if currency:
        wanted &= pl.col("currency") == currency
    return table.filter(wanted)["customer"].unique().to_list()
