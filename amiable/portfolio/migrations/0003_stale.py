"""The triggers that mark of whom something has changed."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("portfolio", "0001_initial"),
        ("ledger", "0002_residuals"),
        ("outreach", "0001_initial"),
        ("casework", "0001_initial"),
        ("payments", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "stale.sql").read_text(encoding="utf-8"), "DROP FUNCTION portfolio_mark CASCADE"
        )
    ]
