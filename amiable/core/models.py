"""Users and what they may see, runs of the day, the audit trail, and the credentials of providers."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    COLLECTOR = "collector", _("Collector")
    MANAGER = "manager", _("Credit manager")
    SALES = "sales", _("Salesperson")
    BRANCH = "branch", _("Branch director")
    BUYER = "buyer", _("Buyer")
    ACCOUNTANT = "accountant", _("Accountant")
    SERVICE = "service", _("Customer service")
    AUDITOR = "auditor", _("Auditor")
    AGENCY = "agency", _("Agency")
    ADMIN = "admin", _("Administrator")


class User(AbstractUser):
    """A colleague. What they may see is in their scopes; a superuser sees every creditor."""

    language = models.CharField(max_length=5, default="fr")
    phone = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Scope(models.Model):
    """One role at one creditor, narrowed to a branch or to the person's own customers where said."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="scopes")
    role = models.CharField(max_length=12, choices=Role.choices)
    # The creditor lives a floor above; its identity is enough here.
    creditor_ref = models.BigIntegerField(db_index=True)
    branch_ref = models.BigIntegerField(null=True, blank=True)
    own_customers_only = models.BooleanField(default=False)
    # Of an agency: its name as placements carry it; it sees the cases placed with it, and without a name none.
    agency = models.CharField(max_length=120, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "creditor_ref", "branch_ref"], name="scope_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}@{self.creditor_ref}"


class Credential(models.Model):
    """The encrypted settings of one provider for one creditor (JSON, sealed by core.seal)."""

    creditor_ref = models.BigIntegerField()
    port = models.CharField(max_length=20)  # channel, provider, mailbox
    key = models.CharField(max_length=40)
    sealed = models.BinaryField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor_ref", "port", "key"], name="credential_once")]

    def __str__(self) -> str:
        return f"{self.port}/{self.key}@{self.creditor_ref}"


class AuditEntry(models.Model):
    """Who did what to which row, when, from where. Append-only: the database refuses changes."""

    at = models.DateTimeField(db_index=True)
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT)
    actor = models.CharField(max_length=40, blank=True)  # 'day', 'portal', 'hook:dummy' where no colleague acted
    act = models.CharField(max_length=60)  # 'hold.placed', 'customer.viewed'
    creditor_ref = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=40)  # 'customer'
    subject_ref = models.BigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["subject", "subject_ref", "-at"], name="audit_subject")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.act}"


class Run(models.Model):
    """One execution of a step of the day, with its business date and what it did."""

    step = models.CharField(max_length=40)
    creditor_ref = models.BigIntegerField(null=True)  # whose day it was; empty: everyone's
    as_of = models.DateField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    figures = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["-as_of", "step"], name="run_day"),
            models.Index(fields=["-started_at"], name="run_recent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("started_at")), name="run_ends_later"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.as_of}"
