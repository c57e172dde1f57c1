"""The audit trail can only grow."""

from django.db import migrations

GUARD = """
CREATE FUNCTION core_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'The audit trail is append-only.' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON core_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION core_audit_refuse();
"""
FORGET = "DROP FUNCTION core_audit_refuse CASCADE;"


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, FORGET)]
