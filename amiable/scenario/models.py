"""Scenarios in versions, and what was decided for each customer: done or not done, and why."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
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


class Campaign(models.Model):
    """A frozen filter, template, channel and window, sent through the same guard."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    name = models.CharField(max_length=120)
    filter = models.TextField()
    template = models.CharField(max_length=40)
    channel = models.CharField(max_length=10)
    starts_on = models.DateField()
    ends_on = models.DateField()
    frozen_at = models.DateTimeField(null=True, blank=True)
    customers = ArrayField(models.BigIntegerField(), default=list)

    def __str__(self) -> str:
        return self.name


class Experiment(models.Model):
    """Champion, challenger and hold-out of a scenario, with their shares."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    key = models.CharField(max_length=40)
    champion = models.ForeignKey(Scenario, on_delete=models.PROTECT, related_name="+")
    challenger = models.ForeignKey(Scenario, null=True, on_delete=models.PROTECT, related_name="+")
    challenger_share = models.FloatField(default=0.0)
    holdout_share = models.FloatField(default=0.0)
    since = models.DateField()
    until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "key"], name="experiment_once")]

    def __str__(self) -> str:
        return self.key


class Assignment(models.Model):
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="assignments")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    arm = models.CharField(max_length=12)
    propensity = models.FloatField()
    assigned_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experiment", "customer"], name="assignment_once")]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.arm}"
