import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("insight", "0004_boardsa"), ("ledger", "0001_initial")]

    operations = [
        # Nothing was ever written into it.
        migrations.DeleteModel(name="Report"),
        migrations.CreateModel(
            name="Report",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=40)),
                ("as_of", models.DateField()),
                ("currency", models.CharField(max_length=3)),
                ("language", models.CharField(max_length=5)),
                ("name", models.CharField(max_length=120)),
                ("sha256", models.CharField(max_length=64)),
                ("size", models.IntegerField()),
                ("made_at", models.DateTimeField()),
                ("creditor", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="ledger.creditor")),
            ],
            options={
                "indexes": [models.Index(fields=["as_of"], name="report_day")],
                "constraints": [
                    models.UniqueConstraint(fields=("creditor", "kind", "as_of", "currency", "language"), name="report_once")
                ],
            },
        ),
    ]
