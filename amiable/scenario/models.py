"""Scenarios in versions, what was decided for each customer and why; experiments and their arms; campaigns."""

from datetime import date

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from amiable.casework.models import Case
from amiable.ledger.models import Creditor, Customer


class ScenarioState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ACTIVE = "active", _("Active")
    RETIRED = "retired", _("Retired")


class Scenario(models.Model):
    """One version of a policy: ordered steps with moment, condition, channel, tone, mode (see scenario/library)."""

    creditor = models.ForeignKey(Creditor, null=True, blank=True, on_delete=models.CASCADE)  # empty: the house's
    key = models.CharField(max_length=40)
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=ScenarioState, default=ScenarioState.DRAFT)
    data = models.JSONField()
    made_at = models.DateTimeField()
    made_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["creditor", "key", "version"], name="scenario_version_once", nulls_distinct=False
            ),
            models.UniqueConstraint(
                fields=["creditor", "key"],
                condition=Q(state="active"),
                name="scenario_one_active",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"


class Verdict(models.TextChoices):
    DO = "do", _("To do")  # a message or a task was ordered
    ASK = "ask", _("Waits for a person's word")
    NOT = "not", _("Not done")


class Decision(models.Model):
    """This customer, this step, this day, this verdict, this reason; and the facts that made it true."""

    creditor = models.ForeignKey(Creditor, on_delete=models.PROTECT)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="decisions")
    case = models.ForeignKey(Case, null=True, on_delete=models.SET_NULL, related_name="decisions")
    currency = models.CharField(max_length=3)
    as_of = models.DateField()
    scenario = models.ForeignKey(Scenario, on_delete=models.PROTECT)
    step = models.CharField(max_length=40)
    level = models.SmallIntegerField()
    # How it is carried out: message, call, manual (by a person), or what the house does itself (see engine.journey).
    action = models.CharField(max_length=10, default="message", db_default="message")
    channel = models.CharField(max_length=10, blank=True)  # empty: nobody is contacted
    verdict = models.CharField(max_length=4, choices=Verdict)
    rail = models.CharField(max_length=40, blank=True)  # which rail said no
    reason = models.CharField(max_length=300)
    about = ArrayField(models.BigIntegerField(), default=list)
    also = ArrayField(models.BigIntegerField(), default=list)
    also_levels = ArrayField(models.SmallIntegerField(), default=list)
    facts = models.JSONField(default=dict)
    arm = models.CharField(max_length=12, blank=True)
    propensity = models.FloatField(default=1.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "currency", "as_of"], name="decision_one_a_day"),
        ]
        indexes = [models.Index(fields=["creditor", "as_of"], name="decision_day")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.as_of} {self.step} {self.verdict}"


class Experiment(models.Model):
    """Champion, challenger and hold-out of a scenario at one creditor, with their shares.

    It acts on days with since ≤ day ≤ until, and no longer from the day on which a person stops it.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    key = models.CharField(max_length=40)  # with the customer, it decides the arm: it never changes
    name = models.CharField(max_length=80, db_default="")
    champion = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(Scenario, null=True, on_delete=models.PROTECT, related_name="+")
    challenger_share = models.FloatField(default=0.0)
    holdout_share = models.FloatField(default=0.0)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)
    started_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stopped_on = models.DateField(null=True, blank=True)
    stopped_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    winner = models.CharField(max_length=12, blank=True, db_default="")  # champion, challenger, or nobody's

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "key"], name="experiment_once")]

    def __str__(self) -> str:
        return self.name or self.key


class Arm(models.TextChoices):
    CHAMPION = "champion", _("Champion")
    CHALLENGER = "challenger", _("Challenger")
    HOLDOUT = "holdout", _("Hold-out")


class Assignment(models.Model):
    """The arm into which a customer was drawn, once; with which chance, when, and together with whom (`unit`)."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="assignments")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    arm = models.CharField(max_length=12, choices=Arm)
    propensity = models.FloatField()
    assigned_on = models.DateField()
    unit = models.BigIntegerField(db_default=0)  # the group's id, or the customer's own: units are drawn, not customers
    spared = models.BooleanField(db_default=False)  # could not be held out: key account, public body, vulnerable

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "customer"], name="assignment_once")]
        indexes = [models.Index(fields=["experiment", "unit"], name="assignment_unit")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.arm}"


class CampaignState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    FROZEN = "frozen", _("Waits for its release")
    RELEASED = "released", _("Released, not begun")
    RUNNING = "running", _("Running")
    ENDED = "ended", _("Ended")
    STOPPED = "stopped", _("Stopped")


class Campaign(models.Model):
    """A frozen filter, template, channel and window, sent through the same guard; one message per customer at most."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    filter = models.TextField(blank=True)  # a condition over facts; empty: everybody with something to speak of
    currency = models.CharField(max_length=3, db_default="EUR")
    minimum_minor = models.BigIntegerField(db_default=0)  # the least amount to ask for, credits counted
    template = models.CharField(max_length=40)
    tone = models.CharField(max_length=8, db_default="neutral")
    channel = models.CharField(max_length=10)
    starts_on = models.DateField()
    ends_on = models.DateField()
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    # What happened to it, and by whom: its state is read from these.
    frozen_at = models.DateTimeField(null=True, blank=True)
    frozen_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=models.F("starts_on")), name="campaign_ends_later"),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True) | Q(frozen_at__isnull=False), name="campaign_frozen_first"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def state(self, day: date) -> CampaignState:
        """Where it stands on a day."""
        if self.stopped_at:
            return CampaignState.STOPPED
        if not self.released_at:
            return CampaignState.FROZEN if self.frozen_at else CampaignState.DRAFT
        if day < self.starts_on:
            return CampaignState.RELEASED
        return CampaignState.RUNNING if day <= self.ends_on else CampaignState.ENDED


class Recipient(models.Model):
    """A customer on a campaign's frozen list: the facts of that day, and what was decided last, why, and when.

    Verdict empty: not looked at yet; `not`: looked at again on the next day of the window; `do`: its message is ordered.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="recipients")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="campaigns")
    segment = models.CharField(max_length=40, blank=True)
    facts = models.JSONField(default=dict)
    verdict = models.CharField(max_length=4, blank=True, choices=[("do", _("To do")), ("not", _("Not done"))])
    rail = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    decided_on = models.DateField(null=True, blank=True)
    about = ArrayField(models.BigIntegerField(), default=list)
    amount_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["campaign", "customer"], name="recipient_once")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.customer_id} {self.verdict}"
