-- What a task may bring, and who waits: portfolio/worth.py in the words of the database, for a hundred thousand tasks at
-- once. `chosen`: these tasks, or all open ones (of one creditor) where null. `day`: null is the day on which each was made, or is due where
-- that is later.
CREATE FUNCTION portfolio_weigh(chosen bigint[], whose bigint, day date) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  weighed integer;
BEGIN
  WITH facts AS (
    SELECT t.id, t.kind, t.key, t.context, t.due_on, t.not_before, k.minutes, n.today, c.kind = 'consumer' AS consumer,
      coalesce(p.segment, '') AS segment, p.oldest_due_on, coalesce(p.days_late_12m, 12.9) AS habit,
      greatest(coalesce(p.overdue_minor - p.disputed_minor, 0), 0) AS owed,
      greatest(n.today - coalesce(p.oldest_due_on, n.today), 0) AS late,
      coalesce(p.calls_answered_90d, 0) AS answered, greatest(coalesce(p.calls_30d, 0), coalesce(p.calls_answered_90d, 0)) AS tried,
      coalesce(p.promises_kept, 0) AS kept, coalesce(p.promises_broken, 0) AS broken,
      CASE WHEN v.currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'IQD', 'ISK', 'JPY', 'KMF', 'KRW', 'LAK', 'LBP', 'MGA', 'MMK', 'PYG',
                               'RSD', 'RWF', 'SOS', 'SYP', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF', 'YER', 'ALL', 'AFN', 'IRR') THEN 1
           WHEN v.currency IN ('BHD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') THEN 1000 ELSE 100 END AS unit
    FROM casework_task t
    JOIN ledger_customer c ON c.id = t.customer_id
    JOIN ledger_creditor r ON r.id = t.creditor_id
    CROSS JOIN LATERAL (SELECT coalesce(nullif(t.context ->> 'currency', ''), r.currency) AS currency) v
    CROSS JOIN LATERAL (SELECT coalesce(day, greatest((t.created_at AT TIME ZONE r.time_zone)::date, t.due_on)) AS today) n
    LEFT JOIN portfolio_profile p ON p.customer_id = t.customer_id AND p.currency = v.currency
    LEFT JOIN casework_pace k ON k.kind = t.kind
    WHERE t.done_at IS NULL AND (chosen IS NULL OR t.id = ANY(chosen)) AND (whose IS NULL OR t.creditor_id = whose)
  ), parts AS (
    SELECT f.*,
      CASE kind WHEN 'call' THEN CASE WHEN consumer THEN 0.048 ELSE 0.060 END
                WHEN 'reply' THEN CASE WHEN consumer THEN 0.048 ELSE 0.060 END
                WHEN 'confirm' THEN CASE WHEN consumer THEN 0.026 ELSE 0.028 END
                WHEN 'manual' THEN CASE WHEN consumer THEN 0.026 ELSE 0.028 END ELSE 0.027 END::float8 AS effect,
      CASE WHEN kind = 'call' THEN (answered + 4 * 0.26) / (tried + 4) / 0.26 ELSE 1 END::float8 AS reach,
      CASE WHEN kind = 'call' THEN (kept + 2 * 0.65) / (kept + broken + 2) / 0.65 ELSE 1 END::float8 AS word,
      1 - 0.92 * exp(-least(greatest(late - habit, 0) / 14, 500)::float8) AS need,
      power(0.5::float8, least(late, 36500) / 180.0) AS age,
      coalesce(minutes, CASE kind WHEN 'call' THEN 6 WHEN 'confirm' THEN 1 WHEN 'manual' THEN 5 WHEN 'reply' THEN 4
                                  WHEN 'check' THEN 5 ELSE 8 END)::float8 AS took
    FROM facts f
  ), weight AS (
    SELECT id, owed, segment, oldest_due_on, owed::float8 / unit * effect * reach * word * need * age / took AS gain,
      CASE WHEN not_before IS NOT NULL THEN 0
           WHEN kind = 'reply' OR key LIKE 'talk:%' OR context ? 'waits' THEN 1
           WHEN due_on >= today AND (key LIKE 'promise:%' OR key LIKE 'plan:%' OR key LIKE 'returned:%') THEN 2
           WHEN context ? 'dispute' OR context ->> 'deadline' <= today::text THEN 3
           WHEN kind = 'check' THEN 4
           ELSE 9 END AS rank
    FROM parts
  )
  UPDATE casework_task t SET rank = w.rank, gain = w.gain, owed_minor = w.owed, oldest_due_on = w.oldest_due_on, segment = w.segment
  FROM weight w WHERE t.id = w.id AND (t.rank, t.gain, t.owed_minor, t.oldest_due_on, t.segment)
                      IS DISTINCT FROM (w.rank, w.gain, w.owed, w.oldest_due_on, w.segment);
  GET DIAGNOSTICS weighed = ROW_COUNT;
  RETURN weighed;
END $$;

-- No path that makes a task forgets to weigh it.
CREATE FUNCTION portfolio_weigh_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM portfolio_weigh((SELECT array_agg(id) FROM made WHERE done_at IS NULL), NULL, NULL)
    WHERE EXISTS (SELECT FROM made WHERE done_at IS NULL);
  RETURN NULL;
END $$;
CREATE TRIGGER weigh_insert AFTER INSERT ON casework_task REFERENCING NEW TABLE AS made
  FOR EACH STATEMENT EXECUTE FUNCTION portfolio_weigh_new();

-- Facts read whose a task is, of what kind, and when and how it ended: what else changes in a task makes nobody stale. One
-- that lies on the desk again, or asks for something else, is weighed anew.
CREATE FUNCTION portfolio_mark_task() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  other bigint[];
BEGIN
  SELECT array_agg(t.id) INTO other FROM touched t JOIN before b ON b.id = t.id
    WHERE t.done_at IS NULL AND (t.kind, t.not_before, t.context, NULL::timestamptz)
                                IS DISTINCT FROM (b.kind, b.not_before, b.context, b.done_at);
  IF other IS NOT NULL THEN
    PERFORM portfolio_weigh(other, NULL, NULL);
  END IF;
  INSERT INTO portfolio_stale (customer_id)
    SELECT DISTINCT x.customer_id FROM touched t JOIN before b ON b.id = t.id
    CROSS JOIN LATERAL (VALUES (t.customer_id), (b.customer_id)) x(customer_id)
    WHERE (t.customer_id, t.kind, t.done_at, t.outcome) IS DISTINCT FROM (b.customer_id, b.kind, b.done_at, b.outcome);
  RETURN NULL;
END $$;
DROP TRIGGER stale_update ON casework_task;
CREATE TRIGGER stale_update AFTER UPDATE ON casework_task REFERENCING OLD TABLE AS before NEW TABLE AS touched
  FOR EACH STATEMENT EXECUTE FUNCTION portfolio_mark_task();
