"""A refresh is of one creditor; what was noted before is forgotten, so that the next one computes everyone anew."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portfolio", "0003_stale"), ("ledger", "0003_entry_effective")]
    operations = [
        migrations.RunSQL("DELETE FROM portfolio_refreshed", migrations.RunSQL.noop),
        migrations.AddField(
            "refreshed", "creditor", models.ForeignKey("ledger.Creditor", on_delete=models.deletion.CASCADE)
        ),
    ]
