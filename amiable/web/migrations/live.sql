-- What happens is told to whoever listens (NOTIFY amiable_live), at the end of the transaction in which it happened:
--   {"w": what, "n": a new row?, "k": creditor, "c": customer, "r": row}   a row of one customer
--   {"w": "bell", "u": user}                                               a line for a colleague
--   {"w": "much", "k": creditor}                                           more than anybody could follow
--   {"w": "people"}                                                        who works here, or what they may see
-- An import and the day must not wait for this: a statement that touches many rows says one word a creditor, and so does a
-- transaction that has told much already. PostgreSQL itself says the same thing once a transaction.

CREATE FUNCTION live_say(told jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('amiable_live', told::text);
END $$;

-- TG_ARGV: what is told; whether the table has a column for the creditor.
CREATE FUNCTION live_tell() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  most CONSTANT int := 20;      -- rows a statement
  enough CONSTANT int := 200;   -- rows a transaction
  many int;
  told int;
BEGIN
  SELECT count(*) INTO many FROM (SELECT FROM touched LIMIT most + 1) t;
  IF many = 0 THEN RETURN NULL; END IF;
  told := coalesce(nullif(current_setting('amiable.told', true), ''), '0')::int + many;
  PERFORM set_config('amiable.told', least(told, enough + 1)::text, true);
  IF many <= most AND told <= enough THEN
    IF TG_ARGV[0] = 'bell' THEN
      PERFORM live_say(jsonb_build_object('w', 'bell', 'u', t.user_id)) FROM (SELECT DISTINCT user_id FROM touched) t;
    ELSIF TG_ARGV[1]::boolean THEN
      PERFORM live_say(jsonb_build_object('w', TG_ARGV[0], 'n', TG_OP = 'INSERT', 'k', t.creditor_id, 'c', t.customer_id, 'r', t.id))
        FROM touched t;
    ELSE
      PERFORM live_say(jsonb_build_object('w', TG_ARGV[0], 'n', TG_OP = 'INSERT', 'k', c.creditor_id, 'c', t.customer_id, 'r', t.id))
        FROM touched t JOIN ledger_customer c ON c.id = t.customer_id;
    END IF;
  ELSIF TG_ARGV[0] = 'bell' THEN
    PERFORM live_say(jsonb_build_object('w', 'bell', 'u', NULL));
  ELSIF TG_ARGV[1]::boolean THEN
    PERFORM live_say(jsonb_build_object('w', 'much', 'k', t.creditor_id)) FROM (SELECT DISTINCT creditor_id FROM touched) t;
  ELSE
    PERFORM live_say(jsonb_build_object('w', 'much', 'k', k.creditor_id))
      FROM (SELECT DISTINCT c.creditor_id FROM touched t JOIN ledger_customer c ON c.id = t.customer_id) k;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION live_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM live_say('{"w": "people"}');
  RETURN NULL;
END $$;

DO $$
DECLARE
  one record;
  act text;
BEGIN
  FOR one IN SELECT * FROM (VALUES
    ('ledger_credit', 'credit', true), ('ledger_invoice', 'invoice', true), ('ledger_hold', 'hold', true),
    ('outreach_message', 'message', true), ('outreach_reply', 'reply', true), ('payments_attempt', 'attempt', true),
    ('payments_promise', 'promise', false), ('payments_plan', 'plan', false), ('casework_task', 'task', true),
    ('casework_note', 'note', false), ('casework_dispute', 'dispute', false), ('casework_notification', 'bell', false)
  ) t(source, what, has_creditor) LOOP
    FOREACH act IN ARRAY ARRAY['INSERT', 'UPDATE'] LOOP
      EXECUTE format('CREATE TRIGGER live_%s AFTER %s ON %I REFERENCING NEW TABLE AS touched FOR EACH STATEMENT '
        'EXECUTE FUNCTION live_tell(%L, %L)', lower(act), act, one.source, one.what, one.has_creditor);
    END LOOP;
  END LOOP;
END $$;

CREATE TRIGGER live_user AFTER UPDATE OF is_active, is_superuser, password ON core_user
  FOR EACH STATEMENT EXECUTE FUNCTION live_people();
CREATE TRIGGER live_scope AFTER INSERT OR UPDATE OR DELETE ON core_scope FOR EACH STATEMENT EXECUTE FUNCTION live_people();
CREATE TRIGGER live_session AFTER DELETE ON django_session FOR EACH STATEMENT EXECUTE FUNCTION live_people();
