"""Whoever looks at a customer is told that they have just opened a message."""

from django.db import migrations

TELL = """
CREATE FUNCTION live_opened() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  most CONSTANT int := 20;
  many int;
BEGIN
  SELECT count(*) INTO many FROM (SELECT FROM touched WHERE kind IN ('opened', 'clicked') LIMIT most + 1) t;
  IF many = 0 THEN RETURN NULL; END IF;
  IF many <= most THEN
    PERFORM live_say(jsonb_build_object('w', 'opened', 'n', true, 'k', m.creditor_id, 'c', m.customer_id, 'r', m.id))
      FROM touched t JOIN outreach_message m ON m.id = t.message_id WHERE t.kind IN ('opened', 'clicked');
  ELSE
    PERFORM live_say(jsonb_build_object('w', 'much', 'k', k.creditor_id)) FROM (
      SELECT DISTINCT m.creditor_id FROM touched t JOIN outreach_message m ON m.id = t.message_id
      WHERE t.kind IN ('opened', 'clicked')) k;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER live_insert AFTER INSERT ON outreach_event REFERENCING NEW TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION live_opened();
"""


class Migration(migrations.Migration):
    dependencies = [("web", "0001_live"), ("outreach", "0001_initial")]
    operations = [migrations.RunSQL(TELL, "DROP FUNCTION live_opened CASCADE;")]
