"""What slices on demand are made of: each grain's rows of a month, added up by all dimensions, kept as one compact table.

In: what was gathered for a day. Out: Kept rows, and tables of some columns over some months. Never: a customer in them; an
older day's look over a newer one's.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from hashlib import blake2b

import polars as pl
from django.db.models import Max, Min, Q

from amiable.core.calendar import end_of_month
from amiable.insight.gather import Gathered
from amiable.insight.grain import Grain
from amiable.insight.models import Kept
from amiable.ledger.models import Creditor

EPOCH = date(1970, 1, 1)
MONTHS = 12  # that are kept from the first day on
Month = tuple[date, bytes]  # the day as of which it is told, and its table
Reach = tuple[date | None, date | None]


def first_month(as_of: date) -> date:
    """The first of the twelve months that end with the day."""
    months = as_of.year * 12 + as_of.month - 1 - (MONTHS - 1)
    return date(months // 12, months % 12 + 1, 1)


def keep(gathered: Gathered, grains: Iterable[Grain], *, now: datetime) -> int:
    """Writes the months that were read and are not as they were kept; returns how many."""
    newest = Kept.objects.filter(creditor=gathered.creditor).aggregate(day=Max("as_of"))["day"]
    if newest and newest > gathered.as_of:
        return 0
    kept = Kept.objects.filter(creditor=gathered.creditor).values_list("grain", "month", "digest")
    known = {(grain, month): digest for grain, month, digest in kept}
    written = []
    for grain in grains:
        for month, cells in _months(gathered, grain):
            # How things stand is told anew each day, even where it is nothing.
            told = gathered.as_of.isoformat().encode() if grain.stock else b""
            digest = blake2b(told + cells.hash_rows().to_numpy().tobytes(), digest_size=16).hexdigest()
            if known.get((grain.key, month)) != digest and (told or cells.height or (grain.key, month) in known):
                written.append(
                    Kept(
                        creditor=gathered.creditor, grain=grain.key, month=month, as_of=gathered.as_of, digest=digest,
                        rows=cells.height, content=packed(cells), measured_at=now,
                    )
                )  # fmt: skip
    Kept.objects.bulk_create(
        written,
        update_conflicts=True,
        unique_fields=["creditor", "grain", "month"],
        update_fields=["as_of", "digest", "rows", "content", "measured_at"],
    )
    return len(written)


def fetch(*, creditor: Creditor, grains: Mapping[str, date], until: date) -> dict[str, list[Month]]:
    """The months of several grains in one go, each from its own first day on, the oldest first."""
    wanted = Q()
    for grain, since in grains.items():
        wanted |= Q(grain=grain, month__gte=since.replace(day=1))
    rows = Kept.objects.filter(wanted, creditor=creditor, month__lte=until).order_by("month")
    found: dict[str, list[Month]] = {grain: [] for grain in grains}
    for grain, as_of, content in rows.values_list("grain", "as_of", "content"):
        found[grain].append((as_of, bytes(content)))
    return found


def unpack(held: Iterable[Month], *, grain: Grain, since: date, until: date, columns: Sequence[str]) -> pl.DataFrame:
    """The columns of those months, of the days of a period."""
    tables = [pl.read_ipc_stream(io.BytesIO(content), columns=list(columns)) for _as_of, content in held if content]
    schema = {name: kind for name, kind in grain.schema.items() if name in columns}
    found = pl.concat(tables) if tables else pl.DataFrame(schema=schema)
    return found.filter(pl.col("day").is_between(since, until))


def stood(held: Iterable[Month], *, since: date, until: date) -> date | None:
    """The last day of a period on which a stock was told, also where it was told that nothing is there."""
    return max((as_of for as_of, _content in held if since <= as_of <= until), default=None)


def begun(*, creditor: Creditor) -> bool:
    """Whether anything but nothing is kept: until then the whole twelve months are read, since history may be imported."""
    return Kept.objects.filter(creditor=creditor, rows__gt=0).exists()


def told(*, creditor: Creditor) -> date | None:
    """The newest day by which something is kept."""
    return reach(creditor=creditor)[1]


def reach(*, creditor: Creditor) -> Reach:
    """The first day and the newest of what is kept: what lies before or after is not known."""
    found = Kept.objects.filter(creditor=creditor).aggregate(first=Min("month"), newest=Max("as_of"))
    return found["first"], found["newest"]


def _months(gathered: Gathered, grain: Grain) -> Iterator[tuple[date, pl.DataFrame]]:
    """The cells of each month that was read whole, or to its newest day."""
    key = ["day", "currency", *grain.dimensions]
    table = gathered.rows(grain)
    cells = table.drop("customer")
    if table["customer"].null_count() < table.height:  # told by customer; other rows are added up already
        cells = table.group_by(key).agg(pl.col(grain.sums).sum())
    cells = cells.sort(key) if cells.height > 1 else cells
    if grain.stock:
        yield gathered.as_of.replace(day=1), cells
        return
    days, month = cells["day"].cast(pl.Int32).to_numpy(), gathered.begin(grain).replace(day=1)
    while month <= gathered.as_of:
        following = end_of_month(month) + timedelta(days=1)
        first, last = (int(days.searchsorted((each - EPOCH).days)) for each in (month, following))
        yield month, cells.slice(first, last - first)
        month = following


def packed(cells: pl.DataFrame) -> bytes:
    """A month's rows as they are kept."""
    if not cells.height:
        return b""
    # The texts are views into those of all months, which would be kept as well: plain once, they are this month's own. As
    # views they are kept all the same: half as long, and read in half the time.
    plain, buffer = io.BytesIO(), io.BytesIO()
    cells.write_ipc_stream(plain, compat_level=pl.CompatLevel.oldest())
    pl.read_ipc_stream(plain.getvalue()).write_ipc_stream(buffer, compression="zstd")
    return buffer.getvalue()
