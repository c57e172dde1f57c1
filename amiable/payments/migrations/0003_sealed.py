import json
from typing import Any

from django.db import migrations, models

from amiable.core import seal


def seal_what_was_said(apps: Any, _editor: Any) -> None:
    plan = apps.get_model("payments", "Plan")
    for row in plan.objects.exclude(capacity={}).iterator():
        row.sealed_capacity = seal.close(json.dumps(row.capacity))
        row.save(update_fields=["sealed_capacity"])


def unseal_what_was_said(apps: Any, _editor: Any) -> None:
    """The way back, for whoever holds the key; without it this stops, and nothing is lost."""
    plan = apps.get_model("payments", "Plan")
    for row in plan.objects.exclude(sealed_capacity="").iterator():
        row.capacity = json.loads(seal.open_(row.sealed_capacity))
        row.save(update_fields=["capacity"])


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_api")]

    operations = [
        migrations.AddField(
            "plan", "sealed_capacity", models.TextField(blank=True, default=""), preserve_default=False
        ),
        migrations.RunPython(seal_what_was_said, unseal_what_was_said),
        migrations.RemoveField("plan", "capacity"),
    ]
