-- Whoever is touched by a row that facts are made of is marked, in the same transaction: the mark is seen when the row is.
CREATE FUNCTION portfolio_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_ARGV[0] = 'message_id' THEN
    INSERT INTO portfolio_stale (customer_id)
      SELECT DISTINCT m.customer_id FROM touched t JOIN outreach_message m ON m.id = t.message_id;
  ELSIF TG_OP = 'UPDATE' THEN  -- a row may pass from one customer to another: both are marked
    EXECUTE format('INSERT INTO portfolio_stale (customer_id) SELECT %1$I FROM touched WHERE %1$I IS NOT NULL'
      ' UNION SELECT %1$I FROM before WHERE %1$I IS NOT NULL', TG_ARGV[0]);
  ELSE
    EXECUTE format('INSERT INTO portfolio_stale (customer_id) SELECT DISTINCT %1$I FROM touched WHERE %1$I IS NOT NULL', TG_ARGV[0]);
  END IF;
  RETURN NULL;
END $$;

DO $$
DECLARE
  source text;
  act text;
BEGIN
  FOREACH source IN ARRAY ARRAY['ledger_invoice', 'ledger_credit', 'ledger_hold', 'ledger_customer', 'outreach_message', 'outreach_event',
    'outreach_reply', 'outreach_optout', 'casework_task', 'casework_dispute', 'casework_surveyanswer', 'payments_promise',
    'payments_plan', 'payments_attempt', 'payments_mandate']
  LOOP
    FOREACH act IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
      CONTINUE WHEN source = 'ledger_customer' AND act = 'INSERT';  -- nothing is known of a new customer yet
      EXECUTE format('CREATE TRIGGER stale_%s AFTER %s ON %I REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION portfolio_mark(%L)',
        lower(act), act, source, CASE act WHEN 'DELETE' THEN 'OLD TABLE AS touched' WHEN 'INSERT' THEN 'NEW TABLE AS touched'
          ELSE 'OLD TABLE AS before NEW TABLE AS touched' END,
        CASE source WHEN 'ledger_customer' THEN 'id' WHEN 'outreach_event' THEN 'message_id' ELSE 'customer_id' END);
    END LOOP;
  END LOOP;
END $$;
