"""Users and what they may see, runs of the day, the audit trail, and the credentials of providers."""

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.crypto import salted_hmac
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
    # Every session that began before is over: part of what a session is checked against.
    sessions_from = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        since = self.sessions_from.isoformat() if self.sessions_from else ""
        return salted_hmac("amiable.session", self.password + since, secret=secret, algorithm="sha256").hexdigest()


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
                fields=["user", "role", "creditor_ref", "branch_ref", "agency"], name="scope_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}@{self.creditor_ref}"

    @classmethod
    def whole(cls, *roles: str) -> "models.QuerySet[Scope]":
        """Who holds one of these roles over a creditor as a whole."""
        return cls.objects.filter(role__in=roles, branch_ref=None, own_customers_only=False)


class Invitation(models.Model):
    """Somebody asked to work here, by e-mail: the account and the scope that they get when they say yes."""

    email = models.EmailField()
    language = models.CharField(max_length=5, default="fr")
    role = models.CharField(max_length=12, choices=Role.choices)
    creditor_ref = models.BigIntegerField(db_index=True)
    branch_ref = models.BigIntegerField(null=True, blank=True)
    own_customers_only = models.BooleanField(default=False)
    agency = models.CharField(max_length=120, blank=True, default="", db_default="")
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="invitations")
    at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.email} {self.role}@{self.creditor_ref}"


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


_IN_UTC = models.Func(models.Value("UTC"), "at", function="timezone", output_field=models.DateTimeField())


class ApiToken(models.Model):
    """A key to the API in a person's name, and narrower than what the person may: only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)  # by which its person knows it
    digest = models.CharField(max_length=64, unique=True)
    creditor_ref = models.BigIntegerField(null=True, blank=True)  # empty: every creditor of its person
    acts = models.JSONField(null=True, blank=True)  # [] only reads; empty: whatever its person may
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # How often in the window of time that was last, for the limit.
    used_window = models.BigIntegerField(default=0, db_default=0)
    used = models.IntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return f"{self.prefix}… {self.name}"


class ApiAnswer(models.Model):
    """What the API answered to a request with an Idempotency-Key: the same key again gets the same answer."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    sealed = models.TextField()  # its headers and body: an Undo, or a link that lets somebody in, may stand in them
    made_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="api_answer_once")]

    def __str__(self) -> str:
        return f"{self.status} {self.key}"


class AuditEntry(models.Model):
    """Who did what to which row, when, from where. Append-only: the database refuses changes."""

    at = models.DateTimeField()
    user = models.ForeignKey(User, null=True, on_delete=models.PROTECT, db_index=False)
    actor = models.CharField(max_length=40, blank=True)  # 'day', 'portal', 'hook:dummy' where no colleague acted
    act = models.CharField(max_length=60)  # 'hold.placed', 'customer.viewed'
    creditor_ref = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=40)  # 'customer'
    subject_ref = models.BigIntegerField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        # Each way of asking is one walk along an index, newest first (web/desk/audit_pages.py).
        indexes = [
            models.Index(fields=["-at", "-id"], name="audit_at"),
            models.Index(fields=["creditor_ref", "-at", "-id"], name="audit_creditor"),
            models.Index(fields=["user", "-at", "-id"], name="audit_user"),
            models.Index(fields=["act", "-at", "-id"], name="audit_act"),
            models.Index(fields=["subject", "subject_ref", "-at", "-id"], name="audit_subject"),
            GinIndex(SearchVector("detail", config="simple"), name="audit_words"),
        ]
        constraints = [
            # Who looks at the same row again within the hour leaves no second line.
            models.UniqueConstraint(
                "user",
                "act",
                "subject",
                Coalesce("subject_ref", models.Value(0)),
                Coalesce("creditor_ref", models.Value(0)),
                models.Func(models.Value("hour"), _IN_UTC, function="date_trunc", output_field=models.DateTimeField()),
                condition=Q(act__endswith=".viewed"),
                name="audit_viewed_once",
            )
        ]

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
            models.Index(fields=["step", "creditor_ref", "-started_at"], name="run_last"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("started_at")), name="run_ends_later"
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.as_of}"
