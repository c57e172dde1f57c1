"""How far sums were off stands in the bands that were made of it: nobody read it beside them. How far cases came and what contacts
cost is told otherwise: the sums that slices are made of are made anew, over twelve months, by the next measuring.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("insight", "0005_funnel")]

    operations = [
        migrations.RemoveField(model_name="forecast", name="spreads"),
        migrations.RunSQL("DELETE FROM insight_kept", migrations.RunSQL.noop),
    ]
