"""The same file of triggers once more: what comes in for a customer who is being merged goes to the one who stays."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_api")]
    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "residuals.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop
        )
    ]
