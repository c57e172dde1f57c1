"""The files that the invented creditors send: customers, history, and each morning what was billed and what came in.

In: tables of the world. Out: CSV as French accounting software writes it. Now and then one row is faulty on purpose.
"""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from amiable.demo.world import World

COLLEAGUES_AT = "comptoir-valmont.example"


def customers(world: World, creditor: str, folder: Path) -> Path:
    """The file of customers and contacts of a creditor."""
    people = world.customers.filter(pl.col("creditor") == creditor)
    terms = pl.concat_str(
        pl.col("terms").cast(pl.String),
        pl.lit(" jours"),
        pl.when(pl.col("end_of_month")).then(pl.lit(" fin de mois")).otherwise(pl.lit("")),
    )
    sales = (
        pl.when(pl.col("sales").fill_null("") != "").then(pl.col("sales") + f"@{COLLEAGUES_AT}").otherwise(pl.lit(""))
    )
    table = people.select(
        pl.col("number").alias("N° client"),
        pl.col("name").alias("Nom"),
        pl.when(pl.col("kind") == "consumer")
        .then(pl.lit("Particulier"))
        .otherwise(pl.lit("Professionnel"))
        .alias("Type client"),
        pl.col("person").alias("Contact"),
        pl.col("email").alias("E-mail"),
        pl.col("phone").alias("Téléphone"),
        pl.col("mobile").alias("Portable"),
        pl.col("language").alias("Langue"),
        pl.col("street").alias("Adresse"),
        pl.col("postcode").alias("Code postal"),
        pl.col("city").alias("Ville"),
        pl.col("branch").alias("Agence"),
        sales.alias("Commercial"),
        terms.alias("Conditions de paiement"),
        pl.col("method").alias("Mode de règlement"),
        pl.when(pl.col("key_account")).then(pl.lit("oui")).otherwise(pl.lit("non")).alias("Grand compte"),
        pl.col("sector").alias("Secteur"),
        _euros("turnover", pl.col("turnover") * 100).alias("Chiffre d’affaires"),
        pl.col("potential").alias("Potentiel"),
        pl.col("assistance").alias("Accompagnement"),
        _day("since").alias("Client depuis"),
    )
    return _written(table, folder / f"{creditor}-clients.csv")


def bills(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    """Invoices as rows of a file of movements; `rows` are the world's invoices, perhaps with `reminder`, `reminded`."""
    return _movements(
        rows.join(world.customers.select("customer", "number", "branch"), on="customer", how="left").with_columns(
            type=pl.lit("FA"),
            dated=_on(world, "issued"),
            due_on=_on(world, "due"),
            settles=pl.lit(""),
            method=pl.lit(""),
            identity=pl.lit(""),
            reminded_on=_on(world, "reminded") if "reminded" in rows.columns else pl.lit(None, pl.Date),
            reminder=pl.col("reminder") if "reminder" in rows.columns else pl.lit(None, pl.Int64),
        )
    )


def payments(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    """Money as rows of a file of movements; `rows`: customer, day, amount_minor, settles, method, identity, reference."""
    return _movements(
        rows.join(world.customers.select("customer", "number", "branch"), on="customer", how="left").with_columns(
            type=pl.lit("RG"),
            dated=_on(world, "day"),
            due_on=pl.lit(None, pl.Date),
            reminder=pl.lit(None, pl.Int64),
            reminded_on=pl.lit(None, pl.Date),
        )
    )


def credit_notes(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    """Credit notes as rows of a file of movements; `rows`: customer, day, amount_minor, settles, reference."""
    return _movements(
        rows.join(world.customers.select("customer", "number", "branch"), on="customer", how="left").with_columns(
            type=pl.lit("AV"),
            dated=_on(world, "day"),
            due_on=pl.lit(None, pl.Date),
            method=pl.lit(""),
            identity=pl.lit(""),
            reminder=pl.lit(None, pl.Int64),
            reminded_on=pl.lit(None, pl.Date),
        )
    )


def movements(
    table: pl.DataFrame, *, creditor: str, on: date, folder: Path, rng: np.random.Generator | None = None
) -> Path:
    """One file of movements. With `rng`, one row in a file now and then is faulty."""
    if rng is not None and table.height and rng.random() < 0.12:
        table = pl.concat([table, _faulty(table, rng)])
    return _written(table, folder / f"{creditor}-mouvements-{on:%Y%m%d}.csv")


def _movements(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("number").alias("N° client"),
        pl.col("type").alias("Type"),
        pl.col("reference").alias("N° facture"),
        _day("dated").alias("Date"),
        _day("due_on").alias("Échéance"),
        _euros("amount_minor", pl.col("amount_minor")).alias("Montant TTC"),
        pl.col("settles").alias("Facture réglée"),
        pl.col("method").alias("Mode de règlement"),
        pl.col("reminder").cast(pl.String).alias("N° relance"),
        _day("reminded_on").alias("Date dernière relance"),
        pl.col("branch").alias("Agence"),
        pl.col("identity").alias("Identifiant"),
    )


def _faulty(table: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """A copy of one row as a tired clerk might have typed it."""
    row = table[int(rng.integers(table.height))].with_columns(pl.lit("").alias("Identifiant"))
    fault = int(rng.integers(3))
    if fault == 0:
        return row.with_columns(pl.lit("12O,50").alias("Montant TTC"), pl.lit("SAISIE-1").alias("N° facture"))
    if fault == 1:
        return row.with_columns(pl.lit("31/02/2026").alias("Date"), pl.lit("SAISIE-2").alias("N° facture"))
    return row.with_columns(pl.lit("").alias("N° client"), pl.lit("SAISIE-3").alias("N° facture"))


def _on(world: World, column: str) -> pl.Expr:
    return pl.lit(world.start) + pl.duration(days=pl.col(column))


def _day(column: str) -> pl.Expr:
    return pl.col(column).dt.strftime("%d/%m/%Y")


def _euros(name: str, minor: pl.Expr) -> pl.Expr:
    """Minor units as a French file writes them: 1234,56."""
    whole = minor.cast(pl.Int64)
    return pl.concat_str((whole // 100).cast(pl.String), pl.lit(","), (whole % 100).cast(pl.String).str.zfill(2)).alias(
        name
    )


def _written(table: pl.DataFrame, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.fill_null("").write_csv(path, separator=";", include_bom=True, line_terminator="\r\n")
    return path
