"""The sums that slices are made of have more columns: they are made anew, over twelve months, by the next measuring."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("insight", "0004_course")]

    operations = [migrations.RunSQL("DELETE FROM insight_kept", migrations.RunSQL.noop)]
