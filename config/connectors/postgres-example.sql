-- A small ERP on PostgreSQL, to try the sql connector on; postgres-example.toml is its
-- mapping. On an empty database, as its owner, with postgres-changes.sql beside it:
--
--   psql --set ON_ERROR_STOP=1 --file postgres-example.sql DATABASE
--
-- Quantities are NUMERIC in the item's unit, amounts NUMERIC in the company's currency. A
-- rule that is broken raises an exception that begins with "refused:" (the caller asked for
-- something that cannot be) or "conflict:" (what it believed has changed).

CREATE TABLE company (
  id       integer PRIMARY KEY CHECK (id = 1),
  name     text NOT NULL,
  currency text NOT NULL                       -- ISO 4217
);

CREATE TABLE site (
  site_id             text PRIMARY KEY,
  name                text NOT NULL,
  utc_offset_minutes  integer NOT NULL,
  working_days        integer[] NOT NULL,      -- ISO weekdays
  cutoff_time         time NOT NULL,           -- the site's own time
  pick_lines_per_hour numeric NOT NULL
);

CREATE TABLE lane (
  from_site_id      text NOT NULL REFERENCES site,
  to_site_id        text NOT NULL REFERENCES site,
  transit_days      integer NOT NULL,          -- working days
  cost_per_transfer numeric(12, 2) NOT NULL,
  cost_per_unit     numeric(12, 2) NOT NULL,
  PRIMARY KEY (from_site_id, to_site_id)
);

CREATE TABLE item (
  item_id        text PRIMARY KEY,
  name           text NOT NULL,
  unit           text NOT NULL,
  pack           numeric NOT NULL CHECK (pack > 0),
  cost           numeric(12, 2) NOT NULL,
  list_price     numeric(12, 2) NOT NULL,
  lead_time_days integer NOT NULL
);

CREATE TABLE item_substitute (
  item_id            text NOT NULL REFERENCES item,
  substitute_item_id text NOT NULL REFERENCES item,
  approved           boolean NOT NULL,
  PRIMARY KEY (item_id, substitute_item_id)
);

CREATE TABLE customer (
  customer_id text PRIMARY KEY,
  name        text NOT NULL
);

CREATE TABLE stock (
  item_id  text NOT NULL REFERENCES item,
  site_id  text NOT NULL REFERENCES site,
  on_hand  numeric NOT NULL DEFAULT 0,
  reserved numeric NOT NULL DEFAULT 0,         -- allocated lines and requested transfers
  PRIMARY KEY (item_id, site_id)
);

CREATE TABLE sales_line (
  line_id        text PRIMARY KEY,
  order_id       text NOT NULL,
  customer_id    text NOT NULL REFERENCES customer,
  item_id        text NOT NULL REFERENCES item,
  site_id        text NOT NULL REFERENCES site,
  quantity       numeric NOT NULL CHECK (quantity > 0),
  allocated      numeric NOT NULL DEFAULT 0,
  shipped        numeric NOT NULL DEFAULT 0,
  unit_price     numeric(12, 2) NOT NULL,
  entered_at     timestamptz NOT NULL DEFAULT now(),
  requested_date date NOT NULL,                -- to leave the site by
  promised_date  date NOT NULL,                -- what the customer sees
  state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'shipped', 'cancelled')),
  note           text,
  CHECK (allocated >= 0 AND shipped >= 0 AND allocated + shipped <= quantity)
);
CREATE INDEX sales_line_waiting ON sales_line (item_id, site_id) WHERE state = 'open';
CREATE INDEX sales_line_demand ON sales_line (item_id, site_id, entered_at);

-- One row for each promise that was changed from outside, under the caller's key.
CREATE TABLE promise_change (
  reference     text PRIMARY KEY,
  line_id       text NOT NULL REFERENCES sales_line,
  promised_date date NOT NULL,
  previous_date date,
  changed_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE purchase_line (
  line_id                text PRIMARY KEY,
  order_id               text NOT NULL,
  supplier_id            text NOT NULL,
  item_id                text NOT NULL REFERENCES item,
  site_id                text NOT NULL REFERENCES site,
  quantity               numeric NOT NULL CHECK (quantity > 0),
  received               numeric NOT NULL DEFAULT 0,
  ordered_date           date NOT NULL,
  original_promised_date date NOT NULL,
  promised_date          date NOT NULL,
  received_date          date,
  state                  text NOT NULL DEFAULT 'open'
                           CHECK (state IN ('open', 'received', 'cancelled'))
);
CREATE INDEX purchase_line_item ON purchase_line (item_id, ordered_date);

CREATE TABLE transfer (
  transfer_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  reference        text UNIQUE,                -- the caller's idempotency key
  cancel_reference text UNIQUE,                -- and that of the cancellation
  item_id          text NOT NULL REFERENCES item,
  from_site_id     text NOT NULL REFERENCES site,
  to_site_id       text NOT NULL REFERENCES site,
  quantity         numeric NOT NULL CHECK (quantity > 0),
  order_line_id    text REFERENCES sales_line,
  created_by       text NOT NULL DEFAULT current_user,
  created_at       timestamptz NOT NULL DEFAULT now(),
  due_date         date NOT NULL,
  received_date    date,
  cancelled_at     timestamptz,
  state            text NOT NULL DEFAULT 'requested'
    CHECK (state IN ('requested', 'picked', 'shipped', 'received', 'cancelled')),
  CHECK (from_site_id <> to_site_id)
);
CREATE INDEX transfer_open ON transfer (item_id) WHERE state IN ('requested', 'picked', 'shipped');

CREATE TABLE pick_day (
  site_id        text NOT NULL REFERENCES site,
  pick_date      date NOT NULL,
  lines_due      integer NOT NULL,
  lines_on_time  integer NOT NULL,
  capacity_lines integer NOT NULL,
  PRIMARY KEY (site_id, pick_date)
);

-- The ERP's own rules ------------------------------------------------------------------
-- They run with their owner's rights: who may ask for a transfer need not be able to write
-- stock. They lock what they check, so that it still holds at the commit.

CREATE FUNCTION sales_line_allocated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
  UPDATE stock SET reserved = reserved + NEW.allocated -
    CASE TG_OP WHEN 'UPDATE' THEN OLD.allocated ELSE 0 END
  WHERE item_id = NEW.item_id AND site_id = NEW.site_id;
  RETURN NULL;
END
$body$;
CREATE TRIGGER sales_line_allocated AFTER INSERT OR UPDATE OF allocated ON sales_line
  FOR EACH ROW EXECUTE FUNCTION sales_line_allocated();

CREATE FUNCTION transfer_requested() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
  available numeric;
BEGIN
  IF NEW.state <> 'requested' THEN
    RETURN NEW;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM lane
      WHERE from_site_id = NEW.from_site_id AND to_site_id = NEW.to_site_id) THEN
    RAISE EXCEPTION 'refused: no lane between these sites';
  END IF;
  SELECT on_hand - reserved INTO available FROM stock
  WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id FOR UPDATE;
  IF NEW.quantity > coalesce(available, 0) THEN
    RAISE EXCEPTION 'refused: the sending site does not have the quantity available';
  END IF;
  UPDATE stock SET reserved = reserved + NEW.quantity
  WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id;
  RETURN NEW;
END
$body$;
CREATE TRIGGER transfer_requested BEFORE INSERT ON transfer
  FOR EACH ROW EXECUTE FUNCTION transfer_requested();

CREATE FUNCTION transfer_step() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
BEGIN
  IF (OLD.state, NEW.state) NOT IN (('requested', 'picked'), ('requested', 'cancelled'),
      ('picked', 'shipped'), ('shipped', 'received')) THEN
    RAISE EXCEPTION 'conflict: the transfer is past the state this change needs';
  END IF;
  IF NEW.state IN ('cancelled', 'shipped') THEN
    UPDATE stock SET reserved = reserved - NEW.quantity,
      on_hand = on_hand - CASE NEW.state WHEN 'shipped' THEN NEW.quantity ELSE 0 END
    WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id;
  ELSIF NEW.state = 'received' THEN
    INSERT INTO stock (item_id, site_id, on_hand)
    VALUES (NEW.item_id, NEW.to_site_id, NEW.quantity)
    ON CONFLICT (item_id, site_id) DO UPDATE SET on_hand = stock.on_hand + excluded.on_hand;
  END IF;
  RETURN NEW;
END
$body$;
CREATE TRIGGER transfer_step BEFORE UPDATE OF state ON transfer
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION transfer_step();

CREATE FUNCTION promise_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
DECLARE
  current_date_of_line date;
BEGIN
  SELECT promised_date INTO current_date_of_line FROM sales_line
  WHERE line_id = NEW.line_id AND state = 'open' FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'refused: no open order line with this id';
  END IF;
  IF NEW.previous_date <> current_date_of_line THEN
    RAISE EXCEPTION 'conflict: the promise is no longer the date given as previous';
  END IF;
  NEW.previous_date := current_date_of_line;
  UPDATE sales_line SET promised_date = NEW.promised_date WHERE line_id = NEW.line_id;
  RETURN NEW;
END
$body$;
CREATE TRIGGER promise_changed BEFORE INSERT ON promise_change
  FOR EACH ROW EXECUTE FUNCTION promise_changed();

-- What crossdock adds, and what its login may do -----------------------------------------

\ir postgres-changes.sql
SELECT crossdock.watch('sales_line', 'line_id', 'crossdock_order_line');
SELECT crossdock.watch('purchase_line', 'line_id', 'crossdock_purchase_line');

-- A login belongs to the server, not to the database: it may be there already. Give it a
-- password with \password crossdock.
DO $body$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'crossdock') THEN
    CREATE ROLE crossdock LOGIN;
  END IF;
END
$body$;
GRANT USAGE ON SCHEMA public, crossdock TO crossdock;
GRANT SELECT ON company, site, lane, item, item_substitute, customer, stock, sales_line,
  promise_change, purchase_line, transfer, pick_day, crossdock.change TO crossdock;
GRANT INSERT ON transfer, promise_change TO crossdock;
GRANT UPDATE (state, cancel_reference, cancelled_at) ON transfer TO crossdock;
