from django.db import migrations, models

# TRUNCATE is no DELETE to a trigger: without this the trail could be emptied by one word.
GUARD = """
CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON core_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION core_audit_refuse();
"""
FORGET = "DROP TRIGGER audit_never_emptied ON core_auditentry;"


class Migration(migrations.Migration):
    dependencies = [("core", "0005_chain")]

    operations = [
        migrations.RunSQL(GUARD, FORGET),
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
