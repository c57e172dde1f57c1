"""Measured values, each of one KPI, one day, one slice; the sums that any other slice is made of; reports that were sent."""

from django.db import models

from amiable.ledger.models import Creditor


class Figure(models.Model):
    """One measured value. A closed day's never changes: a correction is a newer row (`measured_at`)."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    kpi = models.CharField(max_length=40)
    as_of = models.DateField()
    currency = models.CharField(max_length=3, blank=True)
    slice = models.JSONField(default=dict, blank=True)
    value = models.FloatField(null=True)  # empty: nothing to measure (a dash on screen, never a wrong zero)
    numerator = models.BigIntegerField(null=True)
    denominator = models.BigIntegerField(null=True)
    measured_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["creditor", "kpi", "-as_of"], name="figure_day"),
            # The course of a figure is that of its totals: one row a day, not one per slice.
            models.Index(
                fields=["creditor", "kpi", "as_of"],
                include=["currency", "value", "numerator", "denominator", "measured_at", "id"],
                name="figure_total",
                condition=models.Q(slice={}),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kpi} {self.as_of} {self.value}"


class Kept(models.Model):
    """The rows of one grain and month, added up by all their dimensions, without any customer: a table as an Arrow stream.

    Rewritten until the month has settled; what was measured of a day stands in its figures and never changes.
    """

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    grain = models.CharField(max_length=20)
    month = models.DateField()
    as_of = models.DateField()  # the last day that it knows whole
    digest = models.CharField(max_length=32)  # of what is in it: the same again is not written again
    rows = models.IntegerField()
    content = models.BinaryField()
    measured_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "grain", "month"], name="kept_once")]

    def __str__(self) -> str:
        return f"{self.grain} {self.month}"


class Report(models.Model):
    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE)
    kind = models.CharField(max_length=40)
    as_of = models.DateField()
    content = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "kind", "as_of"], name="report_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.as_of}"


class Forecast(models.Model):
    """What a day expected of the weeks after it, made once and never changed. `why`: the key of why it expects nothing."""

    creditor = models.ForeignKey(Creditor, on_delete=models.CASCADE, related_name="forecasts")
    as_of = models.DateField()
    why = models.CharField(max_length=20, blank=True)
    learnt_from = models.IntegerField(default=0)  # payments seen
    beside = models.JSONField(default=dict)  # by currency: open, netted and outside, in minor units
    habits = models.JSONField(default=dict)  # of the house and its groups; emptied after some weeks
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["creditor", "as_of"], name="forecast_once")]

    def __str__(self) -> str:
        return f"{self.creditor_id} {self.as_of}"


class ForecastWeek(models.Model):
    """One week of a forecast in one currency; `came_minor` is written when the week is over."""

    forecast = models.ForeignKey(Forecast, on_delete=models.CASCADE, related_name="weeks")
    currency = models.CharField(max_length=3)
    number = models.PositiveSmallIntegerField()
    since = models.DateField()
    until = models.DateField()
    low_minor = models.BigIntegerField()
    middle_minor = models.BigIntegerField()
    high_minor = models.BigIntegerField()
    upto_low_minor = models.BigIntegerField()  # of all weeks until the end of this one
    upto_middle_minor = models.BigIntegerField()
    upto_high_minor = models.BigIntegerField()
    plain_minor = models.BigIntegerField()  # the reference: due date plus the customer's mean delay
    parts = models.JSONField(default=dict)
    came_minor = models.BigIntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["forecast", "currency", "number"], name="forecast_week_once")]
        indexes = [models.Index(fields=["until"], name="forecast_week_until")]

    def __str__(self) -> str:
        return f"{self.forecast_id} {self.currency} {self.number}"
