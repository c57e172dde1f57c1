from django.conf import settings
from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

JOURNEYS = [
    ("email_link", "Link in an e-mail"),
    ("sms_link", "Link in an SMS"),
    ("letter_link", "Link in a letter"),
    ("portal", "Portal"),
    ("agent", "Agent on the phone"),
    ("ivr", "Voice server"),
    ("ivr_agent", "Voice server with an agent"),
    ("campaign", "Call campaign with a voice server"),
    ("standing", "Standing order"),
    ("desk_link", "Link or QR code from a colleague"),
]
STATES = [
    ("opened", "Opened"),
    ("started", "Started"),
    ("pending", "At the bank"),
    ("succeeded", "Succeeded"),
    ("failed", "Failed"),
    ("abandoned", "Abandoned"),
]


def moved_when_opened(apps, schema_editor):
    apps.get_model("payments", "Chain").objects.update(moved_at=F("opened_at"))


def said_when_ended(apps, schema_editor):
    attempts = apps.get_model("payments", "Attempt").objects
    attempts.update(state_at=Coalesce("ended_at", "started_at"))
    attempts.filter(state="failed").update(declined_at=F("ended_at"))


class Migration(migrations.Migration):

    dependencies = [("payments", "0002_providers"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AddField("chain", "moved_at", models.DateTimeField(default=timezone.now), preserve_default=False),
        migrations.AddField("attempt", "state_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("attempt", "declined_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("attempt", "plan_ref", models.BigIntegerField(blank=True, null=True)),
        migrations.CreateModel(
            name="StandingOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("given_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="standing_orders", to="ledger.customer"
                    ),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=models.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "mandate",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="standing_orders", to="payments.mandate"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(ended_at__isnull=True),
                        fields=("customer", "currency"),
                        name="standing_order_one",
                    )
                ]
            },
        ),
        migrations.AlterField("attempt", "journey", models.CharField(choices=JOURNEYS, max_length=12)),
        migrations.AlterField("attempt", "state", models.CharField(choices=STATES, default="opened", max_length=10)),
        migrations.RunPython(moved_when_opened, migrations.RunPython.noop),
        migrations.RunPython(said_when_ended, migrations.RunPython.noop),
    ]
