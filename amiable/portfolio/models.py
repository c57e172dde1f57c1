"""What is known of each customer as of a date, in one row per currency; who was in which segment when; scores."""

from datetime import date

from django.db import models
from django.db.models import Q

from amiable.ledger.models import Creditor, Customer


class Profile(models.Model):
    """The newest facts of a customer in one currency. Derived: any past day's can be computed again (portfolio/facts.py).

    Columns are the facts whose names conditions use, money in minor units here and in major units in conditions; what
    conditions count in days stands here as the date from which they count.
    """

    # Derived for everyone at once: the database does not look each row's customer up again.
    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="profiles", db_constraint=False, db_index=False
    )
    currency = models.CharField(max_length=3)
    as_of = models.DateField()  # the day of the computation; the row stands until something changes it
    segment = models.CharField(max_length=40, blank=True, db_default="")
    open_minor = models.BigIntegerField(default=0)
    not_due_minor = models.BigIntegerField(default=0)
    due_7d_minor = models.BigIntegerField(default=0)
    overdue_minor = models.BigIntegerField(default=0)
    overdue_1_30_minor = models.BigIntegerField(default=0)
    overdue_31_60_minor = models.BigIntegerField(default=0)
    overdue_61_90_minor = models.BigIntegerField(default=0)
    overdue_over_90_minor = models.BigIntegerField(default=0)
    credit_minor = models.BigIntegerField(default=0)
    held_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0)
    doubtful_minor = models.BigIntegerField(default=0)
    billed_12m_minor = models.BigIntegerField(default=0)
    paid_12m_minor = models.BigIntegerField(default=0)
    open_count = models.IntegerField(default=0)
    overdue_count = models.IntegerField(default=0)
    invoices_12m = models.IntegerField(default=0)
    settled_12m = models.IntegerField(default=0)
    late_12m = models.IntegerField(default=0)
    payments_12m = models.IntegerField(default=0)
    late_share = models.FloatField(null=True)  # of the invoices settled or overdue in 12 months; empty without any
    days_late_12m = models.FloatField(null=True)  # amount-weighted mean days late of invoices settled in 12 months
    days_late_6m = models.FloatField(null=True)
    days_late_3m = models.FloatField(null=True)
    worst_late_12m = models.IntegerField(null=True)
    days_to_pay_12m = models.FloatField(null=True)
    disputes_open = models.IntegerField(default=0)
    disputes_12m = models.IntegerField(default=0)
    promises_kept = models.IntegerField(default=0)
    promises_broken = models.IntegerField(default=0)
    promises_open = models.IntegerField(default=0)
    plans_12m = models.IntegerField(default=0)
    plans_open = models.IntegerField(default=0)
    plans_broken = models.IntegerField(default=0)
    contacts_7d = models.IntegerField(default=0)
    calls_7d = models.IntegerField(default=0)
    contacts_30d = models.IntegerField(default=0)
    emails_30d = models.IntegerField(default=0)
    calls_30d = models.IntegerField(default=0)
    calls_answered_90d = models.IntegerField(default=0)
    courtesies_12m = models.IntegerField(default=0)
    courtesies_paid_12m = models.IntegerField(default=0)
    reminders_12m = models.IntegerField(default=0)
    reminders_paid_12m = models.IntegerField(default=0)
    calls_12m = models.IntegerField(default=0)
    calls_paid_12m = models.IntegerField(default=0)
    failed_payments_30d = models.IntegerField(default=0)
    satisfaction = models.SmallIntegerField(null=True)  # the last score given, 0 to 10
    opted_out = models.BooleanField(default=False)
    mandate = models.BooleanField(default=False)
    vulnerable = models.BooleanField(default=False)
    insolvent = models.BooleanField(default=False)
    placed = models.BooleanField(default=False)
    oldest_due_on = models.DateField(null=True)  # due date of the oldest invoice that is open
    first_on = models.DateField(null=True)  # first invoice
    last_paid_on = models.DateField(null=True)
    last_contact_on = models.DateField(null=True)
    last_opened_on = models.DateField(null=True)
    last_reply_on = models.DateField(null=True)
    last_bounce_on = models.DateField(null=True)
    last_failed_on = models.DateField(null=True)
    last_broken_on = models.DateField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "currency"], name="profile_once")]
        indexes = [
            models.Index(fields=["creditor", "segment"], name="profile_segment"),
            models.Index(fields=["creditor", "-overdue_minor"], name="profile_overdue"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.currency} {self.as_of}"

    def days_past_due(self, day: date) -> int:
        """How many days the oldest open invoice is past due on a day; 0 when none is."""
        return max((day - self.oldest_due_on).days, 0) if self.oldest_due_on else 0


class Total(models.Model):
    """Profiles added up by what lists are narrowed by, as of the last refresh (tally.py). Derived."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, db_constraint=False)
    currency = models.CharField(max_length=3)
    branch = models.ForeignKey(
        "ledger.Branch", null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    salesperson = models.ForeignKey(
        "core.User", null=True, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=10)
    segment = models.CharField(max_length=40)
    bands = models.SmallIntegerField()  # in which bands of age something is open: the sum of tally.BANDS
    customers = models.IntegerField()
    open_minor = models.BigIntegerField()
    overdue_minor = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.creditor_id} {self.currency} {self.segment}"


class Stale(models.Model):
    """A customer of whom something has changed since the last refresh; written by the database (stale.sql)."""

    customer_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.customer_id)


class Refreshed(models.Model):
    """One refresh of a creditor's profiles: for which day, of how many, of everyone or of whom something was new."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    as_of = models.DateField()
    customers = models.IntegerField()
    whole = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.as_of} {self.customers}"


class SegmentSet(models.Model):
    """Ordered segments in one version: [{"key", "label": {"fr", "en"}, "when"}]; the first that matches wins."""

    creditor = models.ForeignKey(Creditor, null=True, blank=True, on_delete=models.CASCADE)  # empty: the house's
    version = models.PositiveIntegerField()
    segments = models.JSONField()
    active_since = models.DateTimeField(null=True, blank=True)
    made_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["creditor", "version"], name="segment_set_version_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"segments v{self.version}"


class Membership(models.Model):
    """A customer was in a segment on days with since ≤ day < until."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="memberships", db_constraint=False)
    currency = models.CharField(max_length=3)
    segment = models.CharField(max_length=40)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    open_minor = models.BigIntegerField(null=True)  # what was open when it began

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(until__isnull=True), name="membership_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["customer", "since"], name="membership_customer"),
            models.Index(fields=["until"], name="membership_ended", condition=Q(until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.segment}"


class Score(models.Model):
    """A model's word on a customer as of a day, with its reasons."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="scores")
    currency = models.CharField(max_length=3)
    key = models.CharField(max_length=40)
    model_version = models.CharField(max_length=40)
    as_of = models.DateField()
    value = models.FloatField()
    reasons = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "currency", "key", "as_of"], name="score_once")]

    def __str__(self) -> str:
        return f"{self.key} {self.value:.2f}"
