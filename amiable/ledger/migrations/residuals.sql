-- The database keeps the residuals. Statement-level triggers with transition tables, so that bulk loads stay fast.
--   a new invoice  -> its opening entry (principal)
--   a new credit   -> its opening entry (receipt)
--   a new allocation -> its entry (allocation or reversal)
--   a new entry    -> the residual of the invoice and of the credit that it names
-- The plans of these functions are kept by the session and may have been made when a table was empty: they are held to
-- index look-ups, which are right for one row and for a million.
-- Over-allocation meets the CHECKs on both residuals; rows are locked in one order, so concurrent payers queue.
-- Charges (interest, indemnity, costs) stand beside what was invoiced: `charged_minor` is the sum of those posted, paid or not.
-- What has come in covers the invoice first in this: it is settled once open_minor <= charged_minor, on the day from which on
-- what was invoiced was covered. Charges that are still open make no settled invoice late again.
-- What comes in for a customer who is being merged into another waits for the merge, and goes to the one who stays.

CREATE OR REPLACE FUNCTION ledger_open_invoices() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF EXISTS (SELECT FROM added WHERE open_minor <> amount_minor OR charged_minor <> 0) THEN
    RAISE EXCEPTION 'A new invoice is open in full: open_minor must equal amount_minor.' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO ledger_entry (kind, invoice_id, amount_minor, effective_on, known_at)
    SELECT 'principal', id, amount_minor, issued_on, known_at FROM added;
  PERFORM 1 FROM ledger_customer WHERE id IN (SELECT customer_id FROM added) ORDER BY id FOR KEY SHARE;
  IF EXISTS (SELECT FROM ledger_customer WHERE id IN (SELECT customer_id FROM added) AND merged_into_id IS NOT NULL) THEN
    UPDATE ledger_invoice r SET customer_id = c.merged_into_id FROM added a JOIN ledger_customer c ON c.id = a.customer_id
      WHERE r.id = a.id AND c.merged_into_id IS NOT NULL;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_open_credits() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF EXISTS (SELECT FROM added WHERE open_minor <> amount_minor) THEN
    RAISE EXCEPTION 'A new credit is open in full: open_minor must equal amount_minor.' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO ledger_entry (kind, credit_id, amount_minor, effective_on, known_at)
    SELECT 'receipt', id, amount_minor, received_on, known_at FROM added;
  PERFORM 1 FROM ledger_customer WHERE id IN (SELECT customer_id FROM added) ORDER BY id FOR KEY SHARE;
  IF EXISTS (SELECT FROM ledger_customer WHERE id IN (SELECT customer_id FROM added) AND merged_into_id IS NOT NULL) THEN
    UPDATE ledger_credit r SET customer_id = c.merged_into_id FROM added a JOIN ledger_customer c ON c.id = a.customer_id
      WHERE r.id = a.id AND c.merged_into_id IS NOT NULL;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_spread() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added a JOIN ledger_credit c ON c.id = a.credit_id JOIN ledger_invoice i ON i.id = a.invoice_id
    WHERE c.currency <> i.currency OR c.creditor_id <> i.creditor_id
  ) THEN
    RAISE EXCEPTION 'An allocation stays within one creditor and one currency.' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM added WHERE reverses_id IS NOT NULL) THEN
    IF EXISTS (
      SELECT FROM added a JOIN ledger_allocation o ON o.id = a.reverses_id
      WHERE o.credit_id <> a.credit_id OR o.invoice_id <> a.invoice_id OR o.amount_minor <> -a.amount_minor
    ) THEN
      RAISE EXCEPTION 'A reversal takes back the whole of the allocation that it names.' USING ERRCODE = 'check_violation';
    END IF;
  END IF;
  INSERT INTO ledger_entry (kind, invoice_id, credit_id, allocation_id, amount_minor, effective_on, known_at, by_id)
    SELECT CASE WHEN amount_minor > 0 THEN 'allocation' ELSE 'reversal' END,
           invoice_id, credit_id, id, -amount_minor, effective_on, known_at, by_id
    FROM added;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_covered_on(which bigint) RETURNS date LANGUAGE sql STABLE AS $$
  WITH days AS (
    SELECT effective_on AS day, sum(sum(amount_minor)) OVER (ORDER BY effective_on) AS left_minor
    FROM ledger_entry WHERE invoice_id = which AND kind NOT IN ('interest', 'indemnity', 'fee') GROUP BY 1
  )
  SELECT min(day) FROM days WHERE day > coalesce((SELECT max(day) FROM days WHERE left_minor > 0), '-infinity')
$$;

CREATE OR REPLACE FUNCTION ledger_post() RETURNS trigger LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  -- Depth 1: somebody posts by hand. Opening and allocation entries come only from the triggers above.
  IF pg_trigger_depth() = 1 AND EXISTS (SELECT FROM added WHERE kind IN ('principal', 'receipt', 'allocation', 'reversal')) THEN
    RAISE EXCEPTION 'Entries of this kind are written by the database: insert the invoice, credit or allocation.'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM added WHERE credit_id IS NOT NULL AND kind <> 'receipt') THEN
    PERFORM 1 FROM ledger_credit
      WHERE id IN (SELECT credit_id FROM added WHERE kind <> 'receipt') ORDER BY id FOR NO KEY UPDATE;
    UPDATE ledger_credit c SET open_minor = c.open_minor + d.moved
      FROM (SELECT credit_id, sum(amount_minor) AS moved FROM added
            WHERE credit_id IS NOT NULL AND kind <> 'receipt' GROUP BY credit_id) d
      WHERE c.id = d.credit_id;
  END IF;
  IF EXISTS (SELECT FROM added WHERE invoice_id IS NOT NULL AND kind <> 'principal') THEN
    PERFORM 1 FROM ledger_invoice
      WHERE id IN (SELECT invoice_id FROM added WHERE kind <> 'principal') ORDER BY id FOR NO KEY UPDATE;
    -- Settled on the day of its last posting, which need not be the one that is told last. The `+ 0` matters: a bare max()
    -- is answered by walking the index of days backwards for every invoice, which is quadratic in a backfill.
    UPDATE ledger_invoice i SET open_minor = i.open_minor + d.moved, charged_minor = i.charged_minor + d.charged,
        settled_on = CASE WHEN i.open_minor + d.moved > i.charged_minor + d.charged THEN NULL
                          WHEN i.charged_minor + d.charged > 0 OR d.charged <> 0 THEN ledger_covered_on(i.id)
                          ELSE (SELECT max(e.effective_on + 0) FROM ledger_entry e
                                WHERE e.invoice_id = i.id AND e.kind NOT IN ('interest', 'indemnity', 'fee')) END
      FROM (SELECT invoice_id, sum(amount_minor) AS moved,
                   coalesce(sum(amount_minor) FILTER (WHERE kind IN ('interest', 'indemnity', 'fee')), 0) AS charged
            FROM added WHERE invoice_id IS NOT NULL AND kind <> 'principal' GROUP BY invoice_id) d
      WHERE i.id = d.invoice_id;
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'check_violation';
END $$;

CREATE OR REPLACE TRIGGER open_invoices AFTER INSERT ON ledger_invoice
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_invoices();
CREATE OR REPLACE TRIGGER open_credits AFTER INSERT ON ledger_credit
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_credits();
CREATE OR REPLACE TRIGGER spread AFTER INSERT ON ledger_allocation
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_spread();
CREATE OR REPLACE TRIGGER post AFTER INSERT ON ledger_entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger_post();

CREATE OR REPLACE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON ledger_entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('Entries are append-only: a correction is a new entry.');
CREATE OR REPLACE TRIGGER allocation_append_only BEFORE UPDATE OR DELETE ON ledger_allocation
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse('Allocations are append-only: take one back with a reversal.');
CREATE OR REPLACE TRIGGER invoice_money_fixed BEFORE UPDATE OF open_minor, charged_minor, settled_on ON ledger_invoice
  FOR EACH ROW WHEN (pg_trigger_depth() = 0)
  EXECUTE FUNCTION ledger_refuse('The residual of an invoice is kept by the database: post an entry.');
CREATE OR REPLACE TRIGGER credit_money_fixed BEFORE UPDATE OF open_minor ON ledger_credit
  FOR EACH ROW WHEN (pg_trigger_depth() = 0)
  EXECUTE FUNCTION ledger_refuse('The residual of a credit is kept by the database: allocate or refund.');
CREATE OR REPLACE TRIGGER invoice_terms_fixed BEFORE UPDATE OF amount_minor, currency, creditor_id, issued_on, known_at ON ledger_invoice
  FOR EACH ROW WHEN (OLD.amount_minor <> NEW.amount_minor OR OLD.currency <> NEW.currency
    OR OLD.creditor_id <> NEW.creditor_id OR OLD.issued_on <> NEW.issued_on OR OLD.known_at <> NEW.known_at)
  EXECUTE FUNCTION ledger_refuse('Amount, currency, creditor and date of an invoice never change: post a correction.');
CREATE OR REPLACE TRIGGER credit_terms_fixed BEFORE UPDATE OF amount_minor, currency, creditor_id, received_on, known_at ON ledger_credit
  FOR EACH ROW WHEN (OLD.amount_minor <> NEW.amount_minor OR OLD.currency <> NEW.currency
    OR OLD.creditor_id <> NEW.creditor_id OR OLD.received_on <> NEW.received_on OR OLD.known_at <> NEW.known_at)
  EXECUTE FUNCTION ledger_refuse('Amount, currency, creditor and date of a credit never change: post a correction.');
