"""The triggers by which the database itself tells what happened (core/live.py listens)."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("sessions", "0001_initial"),
        ("core", "0002_audit_append_only"),
        ("ledger", "0002_residuals"),
        ("casework", "0002_live"),
        ("outreach", "0001_initial"),
        ("payments", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "live.sql").read_text(encoding="utf-8"),
            "DROP FUNCTION live_tell CASCADE; DROP FUNCTION live_people CASCADE; DROP FUNCTION live_say CASCADE;",
        )
    ]
