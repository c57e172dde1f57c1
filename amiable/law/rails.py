"""What may keep a contact from being made: pure functions over a table, one row per contact that is considered.

The engine asks when it decides, the guard asks again at the moment of sending. The first rail that speaks is named.
Free of Django, the database and the clock.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from amiable.core.grammar import N_
from amiable.law.hours import silent, windows
from amiable.law.packs import Law

# What a row must say. Counts of contacts are of reminders and calls, over all channels.
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "day": pl.Date,
    "kind": pl.String,  # consumer, business, public
    "channel": pl.String,  # email, sms, call, letter, ivr
    "contacts": pl.Boolean,  # somebody is contacted; else the house does something by itself
    "released": pl.Boolean,  # the creditor is out of dry run
    "customer_hold": pl.String,  # kind of a hold on the whole customer, or null
    "opted_out": pl.Boolean,  # of this channel
    "has_address": pl.Boolean,  # a usable address for this channel
    "waiting": pl.Boolean,  # a task for this customer waits for a person
    "days_since_contact": pl.Int64,  # null: never
    "contacts_7d": pl.Int64,
    "calls_7d": pl.Int64,  # of these, the calls, by a person or a voice server
    "days_since_conversation": pl.Int64,  # null: never
    "oldest_days_late": pl.Int64,  # of the invoices it is about
    "amount_minor": pl.Int64,  # what it is about, less the customer's credits
    "minimum_minor": pl.Int64,
}
# What may stand beside them, where the contact would be made at once and not some time that day.
WISHES: dict[str, pl.DataType | type[pl.DataType]] = {
    "most_7d": pl.Int64
}  # contacts that a person wishes, at most; or null
# Whether something carries the channel for the creditor, where that is asked before anything is ordered.
CARRIED: dict[str, pl.DataType | type[pl.DataType]] = {"carried": pl.Boolean}
# Whether it asks for money: a survey does not, and neither amounts nor the counts of reminders bind it.
ASKS: dict[str, pl.DataType | type[pl.DataType]] = {"asks": pl.Boolean}
# Whether an outside agency gets the debt, and its name where the step says one.
HANDS_OVER: dict[str, pl.DataType | type[pl.DataType]] = {"hands_over": pl.Boolean, "agency": pl.String}
AT_ONCE: dict[str, pl.DataType | type[pl.DataType]] = {"open_now": pl.Boolean}  # the hours of contact are open


CALLS = ("call", "ivr")  # channels on which a telephone rings: a call counts, whoever speaks
HOLDOUT = "holdout"  # the kind of hold of those whom an experiment leaves alone, and their rail
SENTENCES = {
    "insolvency": N_("Insolvency proceedings are open: claims go another way."),
    "vulnerability": N_("The customer is known to be vulnerable: a person decides."),
    "customer_hold": N_("The customer is on hold."),
    HOLDOUT: N_("The customer is in the hold-out of an experiment: left alone to measure against."),
    "waiting": N_("A task for this customer waits for a person."),
    "below_minimum": N_("The amount is below the step's minimum, credits counted."),
    "no_agency": N_("No agency is named, neither by the step nor in the house rules."),
    "time_bar": N_("The oldest debt is older than the law allows to claim."),
    "opted_out": N_("The customer does not wish to be contacted on this channel."),
    "no_address": N_("No usable address for this channel."),
    "no_carrier": N_("Nothing carries this channel for the creditor yet."),
    "day_off": N_("No contact on Sundays and public holidays."),
    "conversation": N_("The customer was spoken to a few days ago."),
    "gap": N_("The last contact is too recent."),
    "cap": N_("The number of contacts in seven days is reached."),
    "calls": N_("The number of calls in seven days is reached."),
    "dry_run": N_("The creditor is in dry run: a person must release it."),
    "hours": N_("It is not the hour of contact on this channel."),
}


# Whatever the house does by itself stops at these alone: they protect the customer, and a creditor not yet released.
OF_EVERYTHING = ("insolvency", "vulnerability", "customer_hold", HOLDOUT, "below_minimum", "no_agency", "dry_run")
# What goes to an agency contacts nobody by us, and yet waits for what a person is about, and for nothing that is time-barred.
OF_HANDING_OVER = ("waiting", "time_bar")
# What is said of money alone.
OF_MONEY = ("below_minimum", "time_bar", "conversation", "gap", "cap", "calls")


def judge(table: pl.DataFrame, *, law: Law, policy: Mapping[str, Any]) -> pl.DataFrame:
    """The table with a column `rail`: the name of the first rail that says no (see SENTENCES), or null.

    `table` has COLUMNS and perhaps WISHES, CARRIED, ASKS, HANDS_OVER and AT_ONCE (more may stand beside). The creditor's
    `policy` and the person's wishes can only narrow what the law allows. Raises UnableToRead when its hours cannot be read.
    """
    gap = max(law.value("days_between_contacts"), int(policy.get("days_between_contacts", 0)))
    cap, calls = (most_7d(name, law=law, policy=policy) for name in ("contacts_per_7_days", "calls_per_7_days"))
    quiet = max(law.value("quiet_days_after_conversation"), int(policy.get("quiet_days_after_conversation", 0)))
    says_no = {
        "insolvency": pl.col("customer_hold") == "insolvency",
        "vulnerability": pl.col("customer_hold") == "vulnerable",
        "customer_hold": pl.col("customer_hold") != HOLDOUT,
        HOLDOUT: pl.col("customer_hold") == HOLDOUT,
        "waiting": pl.col("waiting"),
        "below_minimum": (pl.col("amount_minor") < pl.col("minimum_minor")) | (pl.col("amount_minor") <= 0),
        "no_agency": _unnamed(table, policy),
        "time_bar": pl.col("oldest_days_late") > time_bar(law),
        "opted_out": pl.col("opted_out"),
        "no_address": ~pl.col("has_address"),
        "no_carrier": ~pl.col("carried") if "carried" in table.columns else pl.lit(False),
        "day_off": _day_off(table["day"], law),
        "conversation": pl.col("days_since_conversation") < quiet,
        "gap": pl.col("days_since_contact") < gap,
        "cap": pl.col("contacts_7d") >= _most(table, cap),
        "calls": pl.col("channel").is_in(CALLS) & (pl.col("calls_7d") >= calls),
        "dry_run": ~pl.col("released"),
        "hours": _closed(table, law, policy),
    }
    for name in says_no.keys() - set(OF_EVERYTHING):
        concerned = pl.col("contacts") | _hands_over(table) if name in OF_HANDING_OVER else pl.col("contacts")
        says_no[name] = says_no[name] & concerned
    for name in OF_MONEY if "asks" in table.columns else ():
        says_no[name] = says_no[name] & pl.col("asks")
    rail = pl.coalesce(*(pl.when(no).then(pl.lit(name)) for name, no in says_no.items()), pl.lit(None, dtype=pl.String))
    return table.with_columns(rail.alias("rail"))


def _hands_over(table: pl.DataFrame) -> pl.Expr:
    return pl.col("hands_over") if "hands_over" in table.columns else pl.lit(False)


def _unnamed(table: pl.DataFrame, policy: Mapping[str, Any]) -> pl.Expr:
    """True where a debt would go to an agency that nobody has named."""
    if "hands_over" not in table.columns or policy.get("agency"):
        return pl.lit(False)
    return pl.col("hands_over") & (pl.col("agency") == "")


def most_7d(name: str, *, law: Law, policy: Mapping[str, Any]) -> int:
    """How many contacts, or calls, there may be in seven days: what the law allows, or fewer by the creditor's choice."""
    return min(int(law.value(name)), int(policy.get(name, 99)))


def _most(table: pl.DataFrame, cap: int) -> pl.Expr:
    """How many contacts there may be in seven days: fewer where the person wishes so, never more."""
    wished = [pl.col(name) for name in WISHES if name in table.columns]
    return pl.min_horizontal(pl.lit(cap), *wished)


def _closed(table: pl.DataFrame, law: Law, policy: Mapping[str, Any]) -> pl.Expr:
    """True where the channel has no hour on the row's day, or it is not the hour now."""
    without = pl.lit(False)
    asked = table.select("day", "channel").unique().drop_nulls()
    for day, channel in asked.iter_rows():
        if not windows(law, policy, channel, day):
            without = without | ((pl.col("day") == day) & (pl.col("channel") == channel))
    return without | ~pl.col("open_now") if "open_now" in table.columns else without


def time_bar(law: Law) -> pl.Expr:
    """The days past due after which a debt may no longer be claimed, by the kind of the row's customer."""
    consumer, business = law.value("consumer_time_bar_days"), law.value("business_time_bar_days")
    return pl.when(pl.col("kind") == "consumer").then(consumer).otherwise(business)


def _day_off(days: pl.Series, law: Law) -> pl.Expr:
    """True where the row's own day is one of silence."""
    off = sorted(day for day in days.unique().drop_nulls().to_list() if silent(day, law))
    return pl.col("day").is_in(off) if off else pl.lit(False)
