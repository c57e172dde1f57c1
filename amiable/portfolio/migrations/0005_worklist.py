"""Tasks are weighed by the database when they are made; only the end of one makes its customer's facts stale."""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("portfolio", "0004_totals"), ("casework", "0003_worklist")]
    operations = [
        migrations.RunSQL(
            (Path(__file__).parent / "weigh.sql").read_text(encoding="utf-8"),
            "DROP TRIGGER weigh_insert ON casework_task; DROP FUNCTION portfolio_weigh_new; DROP FUNCTION portfolio_weigh;"
            "DROP FUNCTION portfolio_mark_task CASCADE;"
            "CREATE TRIGGER stale_update AFTER UPDATE ON casework_task REFERENCING OLD TABLE AS before NEW TABLE AS touched"
            "  FOR EACH STATEMENT EXECUTE FUNCTION portfolio_mark('customer_id')",
        )
    ]
