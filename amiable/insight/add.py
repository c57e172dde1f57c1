"""Adds up a grain's rows for all the KPIs that stand on it at once: numerator and denominator per currency and slice."""

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from amiable.insight.kpi import Kpi

# numerator, denominator
Parts = tuple[int | None, int | None]


def add(table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]) -> pl.DataFrame:
    """One row per part, with `<key>.n` and `<key>.d` of each KPI; what a KPI's `whole` dimensions part has one denominator."""
    found = _sums(table, kpis, by)
    for each in kpis:
        shared = [name for name in by if name not in each.whole]
        if each.whole and len(shared) < len(by):
            undivided = _sums(table, [each], shared).select(*shared, f"{each.key}.d")
            if shared:
                found = found.drop(f"{each.key}.d").join(undivided, on=shared, how="left", nulls_equal=True)
            else:
                found = found.with_columns(pl.lit(undivided.item(), pl.Int64).alias(f"{each.key}.d"))
    return found


def _sums(table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]) -> pl.DataFrame:
    sums = [part for each in kpis for part in each.sums]
    return table.group_by(by).agg(sums) if by else table.select(sums)


def parts(
    table: pl.DataFrame, kpis: Sequence[Kpi], by: Sequence[str]
) -> Iterator[tuple[Kpi, tuple[object, ...], Parts]]:
    """Each KPI with each part and its sums."""
    found = add(table, kpis, by)
    places: Mapping[str, int] = {name: n for n, name in enumerate(found.columns)}
    own = [places[name] for name in by]
    columns = [(each, places[f"{each.key}.n"], places[f"{each.key}.d"]) for each in kpis]
    for row in found.iter_rows():
        key = tuple(row[n] for n in own)
        for each, n, d in columns:
            yield each, key, (row[n], row[d])
