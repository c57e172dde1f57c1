from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("casework", "0007_agency")]

    operations = [
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                models.F("kind"),
                models.F("rank"),
                models.F("gain").desc(),
                models.F("due_on"),
                models.F("id"),
                condition=models.Q(done_at__isnull=True),
                name="task_kind_worth",
            ),
        ),
    ]
