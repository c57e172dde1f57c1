"""The triggers that keep residuals, opening entries and immutability."""

from pathlib import Path

from django.db import migrations

FORGET = """
DROP FUNCTION ledger_open_invoices, ledger_open_credits, ledger_spread, ledger_covered_on, ledger_post, ledger_refuse CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL((Path(__file__).parent / "residuals.sql").read_text(encoding="utf-8"), FORGET)]
