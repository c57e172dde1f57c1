from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0005_chain")]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="agency",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.RemoveConstraint(model_name="scope", name="scope_once"),
        migrations.AddConstraint(
            model_name="scope",
            constraint=models.UniqueConstraint(
                fields=("user", "role", "creditor_ref", "branch_ref", "agency"), name="scope_once", nulls_distinct=False
            ),
        ),
    ]
