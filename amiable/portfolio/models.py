"""What is known of each customer as of a date, in one row per currency; who was in which segment when; scores."""

from django.db import models
from django.db.models import Q

from amiable.ledger.models import Creditor, Customer


class Profile(models.Model):
    """The newest facts of a customer in one currency. Derived: any past day's can be computed again (portfolio/facts.py).

    Columns are the facts whose names conditions use; money in minor units here, in major units in conditions.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="profiles")
    currency = models.CharField(max_length=3)
    as_of = models.DateField()
    segment = models.CharField(max_length=40, blank=True, db_default="")
    open_minor = models.BigIntegerField()
    not_due_minor = models.BigIntegerField()
    overdue_minor = models.BigIntegerField()
    overdue_1_30_minor = models.BigIntegerField()
    overdue_31_60_minor = models.BigIntegerField()
    overdue_61_90_minor = models.BigIntegerField()
    overdue_over_90_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()
    held_minor = models.BigIntegerField()
    open_count = models.IntegerField()
    overdue_count = models.IntegerField()
    dpd = models.IntegerField()  # days past due of the oldest overdue invoice; 0 when none
    invoices_12m = models.IntegerField()
    settled_12m = models.IntegerField()
    late_12m = models.IntegerField()
    late_share = models.FloatField(null=True)  # of the invoices settled or overdue in 12 months; empty without any
    days_late_12m = models.FloatField(null=True)  # amount-weighted mean days late of invoices settled in 12 months
    days_late_3m = models.FloatField(null=True)
    disputes_open = models.IntegerField()
    promises_kept = models.IntegerField()
    promises_broken = models.IntegerField()
    tenure_days = models.IntegerField()
    last_paid_days = models.IntegerField(null=True)  # days since money last came in
    last_contact_days = models.IntegerField(null=True)  # days since a reminder or call last reached out
    contacts_7d = models.IntegerField()
    contacts_30d = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "currency"], name="profile_once")]
        indexes = [
            models.Index(fields=["creditor", "segment"], name="profile_segment"),
            models.Index(fields=["creditor", "-overdue_minor"], name="profile_overdue"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.currency} {self.as_of}"


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

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="memberships")
    currency = models.CharField(max_length=3)
    segment = models.CharField(max_length=40)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], condition=Q(until__isnull=True), name="membership_one_open"
            )
        ]
        indexes = [models.Index(fields=["customer", "since"], name="membership_customer")]

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
