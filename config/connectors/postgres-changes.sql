-- Changes of an ERP's own tables, for crossdock's feeds (docs/reference/sql-connector.md).
-- Once, as the owner of the tables:
--
--   \i postgres-changes.sql
--   SELECT crossdock.watch('sales_line', 'line_id', 'crossdock_order_line');
--   GRANT USAGE ON SCHEMA crossdock TO crossdock;
--   GRANT SELECT ON crossdock.change TO crossdock;
--
-- From then on crossdock.change has one row for each record of the table, with the number
-- of its latest change, and each commit that changed one notifies the channel. A feed joins
-- it to the table: WHERE feed = '...' AND number > :cursor ORDER BY number LIMIT :limit.
-- To undo it all: DROP SCHEMA crossdock CASCADE.

CREATE SCHEMA crossdock;

CREATE TABLE crossdock.change (
  feed       text NOT NULL,          -- the channel that is notified
  record     text NOT NULL,          -- the record's key
  number     bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (feed, record)
);
CREATE UNIQUE INDEX change_by_number ON crossdock.change (feed, number);
CREATE SEQUENCE crossdock.change_number AS bigint OWNED BY crossdock.change.number;

-- Runs when the transaction commits. A number that is taken earlier may become visible after
-- a larger one, and a poll that saw the larger one would never see it. Here the lock is held
-- from the number to the end of the commit, so numbers become visible in their order. It
-- costs that commits which change a watched table wait for each other while they flush, as
-- commits with NOTIFY always do.
CREATE FUNCTION crossdock.record_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('crossdock.change', 0));
  INSERT INTO crossdock.change (feed, record, number, changed_at)
  VALUES (TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[1], nextval('crossdock.change_number'),
    clock_timestamp())
  ON CONFLICT (feed, record)
    DO UPDATE SET number = excluded.number, changed_at = excluded.changed_at;
  PERFORM pg_notify(TG_ARGV[0], '');
  RETURN NULL;
END
$body$;

-- Watches a table: triggers on it, and a number for each record that is there already. A
-- record that is deleted is not reported; set a state instead, as ERPs do.
CREATE FUNCTION crossdock.watch(target regclass, key name, feed text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF feed !~ '^[a-z_][a-z0-9_]{0,62}$' THEN
    RAISE EXCEPTION 'a feed is the name of a channel, as crossdock_order_line: %', feed;
  END IF;
  EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT ON %s
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION crossdock.record_change(%L, %L)', feed || '_added', target, feed, key);
  EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER UPDATE ON %s
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD *<> NEW)
    EXECUTE FUNCTION crossdock.record_change(%L, %L)', feed || '_changed', target, feed, key);
  EXECUTE format('INSERT INTO crossdock.change (feed, record, number, changed_at)
    SELECT %L, k, nextval(''crossdock.change_number''), clock_timestamp()
    FROM (SELECT %I::text AS k FROM %s ORDER BY %I) AS known', feed, key, target, key);
END
$body$;
