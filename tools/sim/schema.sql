-- The simulated distributor's ERP: one SQLite file, schema version 1.
--
-- Units and formats, the same in every table:
--   quantity, on_hand, ...  INTEGER, whole base units of the item (no item is sold in
--                           fractions). Decimal text: CAST(quantity AS TEXT). The tables
--                           are STRICT, so '7' is stored as 7 and '7.5' is refused.
--   *_cents                 INTEGER, minor units of sim_company.currency, never negative.
--                           Decimal text: printf('%d.%02d', x / 100, x % 100).
--   *_date                  TEXT YYYY-MM-DD, the site's calendar.
--   *_at, sim_clock.now     TEXT YYYY-MM-DDTHH:MM:SSZ (RFC 3339, UTC).
-- Ids are text a person can read out: SKU-00123, BR-2, CU-0007, SU-012, SO-100231,
-- SO-100231/1, PO-50012/3, TR-000045.
--
-- Change feeds: sales_line.change_seq and purchase_line.change_seq come from one counter a
-- table. SQLite has one writer at a time, so numbers become visible in their own order:
-- `WHERE change_seq > ? ORDER BY change_seq LIMIT n` neither misses nor reorders. A row
-- that changes twice between two polls appears once, in its last form.
--
-- Tables named sim_* belong to the simulator (only sim_clock and sim_company are read by a
-- connector); tables named truth_* hold labels and are not for connectors.

CREATE TABLE sim_meta (            -- seed, size, today, generator_version, ...
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sim_clock (           -- the ERP's business time: every read reports it as as_of
  id  INTEGER PRIMARY KEY CHECK (id = 1),
  now TEXT NOT NULL
) STRICT;

CREATE TABLE sim_company (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  name     TEXT NOT NULL,
  currency TEXT NOT NULL           -- ISO 4217; every amount in this database
) STRICT;

-- Master data ------------------------------------------------------------------------

CREATE TABLE site (
  site_id             TEXT PRIMARY KEY,        -- DC-1, BR-1, BR-2
  name                TEXT NOT NULL,
  kind                TEXT NOT NULL CHECK (kind IN ('dc', 'branch')),
  utc_offset_minutes  INTEGER NOT NULL,        -- fixed, no daylight saving
  working_days        TEXT NOT NULL,           -- JSON array of ISO weekdays, [1,2,3,4,5]
  opens_time          TEXT NOT NULL,           -- HH:MM, site time
  cutoff_time         TEXT NOT NULL,           -- HH:MM, site time, the main carrier's
  pick_lines_per_hour INTEGER NOT NULL         -- whole crew at full strength
) STRICT, WITHOUT ROWID;

CREATE TABLE holiday (             -- no site works
  holiday_date TEXT PRIMARY KEY,
  name         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE carrier_cutoff (
  site_id     TEXT NOT NULL REFERENCES site,
  carrier     TEXT NOT NULL,
  cutoff_time TEXT NOT NULL,                   -- HH:MM, site time
  is_main     INTEGER NOT NULL CHECK (is_main IN (0, 1)),
  PRIMARY KEY (site_id, carrier)
) STRICT, WITHOUT ROWID;

CREATE TABLE lane (                -- how stock moves between two sites
  from_site_id            TEXT NOT NULL REFERENCES site,
  to_site_id              TEXT NOT NULL REFERENCES site,
  transit_days            INTEGER NOT NULL,    -- working days
  cost_per_transfer_cents INTEGER NOT NULL,
  cost_per_unit_cents     INTEGER NOT NULL,
  PRIMARY KEY (from_site_id, to_site_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE supplier (
  supplier_id    TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  origin         TEXT NOT NULL CHECK (origin IN ('domestic', 'import')),
  lead_time_days INTEGER NOT NULL              -- calendar days, as quoted
) STRICT, WITHOUT ROWID;

CREATE TABLE item (
  item_id          TEXT PRIMARY KEY,
  name             TEXT NOT NULL,
  category         TEXT NOT NULL,
  unit             TEXT NOT NULL,              -- EA, FT, BX, ...
  pack             INTEGER NOT NULL CHECK (pack > 0),
  cost_cents       INTEGER NOT NULL,
  list_price_cents INTEGER NOT NULL,
  supplier_id      TEXT NOT NULL REFERENCES supplier,
  lead_time_days   INTEGER NOT NULL,           -- calendar days, as the buyer entered it
  lifecycle        TEXT NOT NULL CHECK (lifecycle IN ('active', 'new', 'superseded', 'ending'))
) STRICT, WITHOUT ROWID;

CREATE TABLE item_substitute (
  item_id            TEXT NOT NULL REFERENCES item,
  substitute_item_id TEXT NOT NULL REFERENCES item,
  approved           INTEGER NOT NULL CHECK (approved IN (0, 1)),
  PRIMARY KEY (item_id, substitute_item_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE customer (
  customer_id        TEXT PRIMARY KEY,
  name               TEXT NOT NULL,
  tier               TEXT NOT NULL CHECK (tier IN ('A', 'B', 'C')),
  site_id            TEXT NOT NULL REFERENCES site,   -- served from
  allows_substitutes INTEGER NOT NULL CHECK (allows_substitutes IN (0, 1)),
  ship_complete      INTEGER NOT NULL CHECK (ship_complete IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Stock ------------------------------------------------------------------------------

CREATE TABLE stock (
  item_id        TEXT NOT NULL REFERENCES item,
  site_id        TEXT NOT NULL REFERENCES site,
  on_hand        INTEGER NOT NULL DEFAULT 0,
  reserved       INTEGER NOT NULL DEFAULT 0,   -- open lines' allocated + transfers not shipped
  reorder_point  INTEGER NOT NULL,
  order_quantity INTEGER NOT NULL,
  PRIMARY KEY (item_id, site_id)
) STRICT, WITHOUT ROWID;

-- Every change of on_hand, opening balance included: on_hand = SUM(quantity).
CREATE TABLE stock_movement (
  movement_id INTEGER PRIMARY KEY,
  moved_at    TEXT NOT NULL,
  item_id     TEXT NOT NULL,
  site_id     TEXT NOT NULL,
  kind        TEXT NOT NULL CHECK (kind IN
                ('opening', 'sale', 'receipt', 'transfer_out', 'transfer_in', 'adjustment')),
  quantity    INTEGER NOT NULL,                -- signed: + into stock
  document    TEXT                             -- line or transfer id
) STRICT;

-- Sales ------------------------------------------------------------------------------

CREATE TABLE sales_order (
  order_id    TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customer,
  site_id     TEXT NOT NULL REFERENCES site,
  customer_po TEXT NOT NULL,
  entered_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sales_line (
  line_id          TEXT PRIMARY KEY,           -- order_id/line number
  order_id         TEXT NOT NULL REFERENCES sales_order,
  customer_id      TEXT NOT NULL REFERENCES customer,
  item_id          TEXT NOT NULL REFERENCES item,
  site_id          TEXT NOT NULL REFERENCES site,
  quantity         INTEGER NOT NULL CHECK (quantity > 0),
  allocated        INTEGER NOT NULL DEFAULT 0, -- reserved for this line, not yet shipped
  shipped          INTEGER NOT NULL DEFAULT 0,
  unit_price_cents INTEGER NOT NULL,
  entered_at       TEXT NOT NULL,
  requested_date   TEXT NOT NULL,              -- to leave the site by
  promised_date    TEXT NOT NULL,              -- what the customer sees
  shipped_at       TEXT,                       -- when the last unit left
  state            TEXT NOT NULL DEFAULT 'open'
                     CHECK (state IN ('open', 'shipped', 'cancelled')),
  note             TEXT,                       -- the customer's words: untrusted
  change_seq       INTEGER NOT NULL DEFAULT 0, -- see "Change feeds" above
  changed_at       TEXT NOT NULL DEFAULT '',
  CHECK (allocated >= 0 AND shipped >= 0 AND allocated + shipped <= quantity)
) STRICT, WITHOUT ROWID;

-- One row per accepted change of a promise from outside. `reference` is the caller's
-- idempotency key: inserting it again fails on its uniqueness, looking it up finds it.
CREATE TABLE promise_change (
  reference     TEXT PRIMARY KEY,
  line_id       TEXT NOT NULL REFERENCES sales_line,
  promised_date TEXT NOT NULL,
  previous_date TEXT,                          -- if given it must match, else refused
  changed_at    TEXT
) STRICT, WITHOUT ROWID;

-- Purchasing -------------------------------------------------------------------------

CREATE TABLE purchase_order (
  order_id     TEXT PRIMARY KEY,
  supplier_id  TEXT NOT NULL REFERENCES supplier,
  site_id      TEXT NOT NULL REFERENCES site,
  ordered_date TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE purchase_line (
  line_id                TEXT PRIMARY KEY,
  order_id               TEXT NOT NULL REFERENCES purchase_order,
  supplier_id            TEXT NOT NULL REFERENCES supplier,
  item_id                TEXT NOT NULL REFERENCES item,
  site_id                TEXT NOT NULL REFERENCES site,
  quantity               INTEGER NOT NULL CHECK (quantity > 0),
  received               INTEGER NOT NULL DEFAULT 0,
  unit_cost_cents        INTEGER NOT NULL,
  ordered_date           TEXT NOT NULL,
  original_promised_date TEXT NOT NULL,        -- as first confirmed
  promised_date          TEXT NOT NULL,        -- as confirmed now
  received_date          TEXT,                 -- when complete; NULL while open
  state                  TEXT NOT NULL DEFAULT 'open'
                           CHECK (state IN ('open', 'received', 'cancelled')),
  change_seq             INTEGER NOT NULL DEFAULT 0,
  changed_at             TEXT NOT NULL DEFAULT '',
  CHECK (received >= 0 AND received <= quantity)
) STRICT, WITHOUT ROWID;

-- Transfers between sites --------------------------------------------------------------

CREATE TABLE transfer (
  transfer_no      INTEGER PRIMARY KEY AUTOINCREMENT,
  transfer_id      TEXT GENERATED ALWAYS AS (printf('TR-%06d', transfer_no)) VIRTUAL,
  reference        TEXT,                       -- the caller's idempotency key, unique
  cancel_reference TEXT,                       -- key of the cancellation, unique
  item_id          TEXT NOT NULL REFERENCES item,
  from_site_id     TEXT NOT NULL REFERENCES site,
  to_site_id       TEXT NOT NULL REFERENCES site,
  quantity         INTEGER NOT NULL CHECK (quantity > 0),
  order_line_id    TEXT REFERENCES sales_line, -- the line it is meant for, if any
  created_by       TEXT NOT NULL,
  created_at       TEXT NOT NULL,
  due_date         TEXT NOT NULL,
  picked_at        TEXT,
  shipped_at       TEXT,
  received_date    TEXT,
  cancelled_at     TEXT,
  state            TEXT NOT NULL DEFAULT 'requested'
    CHECK (state IN ('requested', 'picked', 'shipped', 'received', 'cancelled')),
  CHECK (from_site_id <> to_site_id)
) STRICT;
CREATE UNIQUE INDEX transfer_id ON transfer (transfer_id);
CREATE UNIQUE INDEX transfer_reference ON transfer (reference);
CREATE UNIQUE INDEX transfer_cancel_reference ON transfer (cancel_reference);

-- Warehouse ----------------------------------------------------------------------------

CREATE TABLE pick_day (            -- per site and working day
  site_id        TEXT NOT NULL REFERENCES site,
  pick_date      TEXT NOT NULL,
  lines_due      INTEGER NOT NULL,             -- to be picked by the cut-off
  lines_on_time  INTEGER NOT NULL,             -- picked by the cut-off
  capacity_lines INTEGER NOT NULL,             -- crew present x rate x hours to cut-off
  PRIMARY KEY (site_id, pick_date)
) STRICT, WITHOUT ROWID;

-- The simulator's own state and labels ---------------------------------------------------

CREATE TABLE sim_day (             -- the day being played; its plan is in sim_plan
  id             INTEGER PRIMARY KEY CHECK (id = 1),
  play_date      TEXT NOT NULL,
  seed           INTEGER NOT NULL,
  next_step      INTEGER NOT NULL,             -- first step not yet committed
  steps          INTEGER NOT NULL,
  counts         TEXT NOT NULL                 -- JSON, for the closing table
) STRICT;

CREATE TABLE sim_plan (
  step    INTEGER PRIMARY KEY,
  at      TEXT NOT NULL,
  kind    TEXT NOT NULL,
  payload TEXT NOT NULL                        -- JSON
) STRICT;

CREATE TABLE sim_counter (         -- last number given
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE truth_short_line (    -- lines that could not be filled when entered
  line_id          TEXT PRIMARY KEY,
  short_at_entry   INTEGER NOT NULL,
  injected         INTEGER NOT NULL,           -- 1: planted, 0: came about by itself
  remedy           TEXT NOT NULL               -- transfer_small, transfer_large, wait, natural
) STRICT, WITHOUT ROWID;

CREATE TABLE truth_arrival (       -- when an open purchase line will really arrive
  line_id    TEXT PRIMARY KEY,
  first_date TEXT NOT NULL,
  first_qty  INTEGER NOT NULL,                 -- less than ordered: a partial receipt
  last_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE truth_label (         -- other injected facts
  subject TEXT NOT NULL,                       -- record
  kind    TEXT NOT NULL,                       -- late_receipt, receipt_slip, late_transfer, ...
  detail  TEXT NOT NULL,                       -- JSON
  PRIMARY KEY (subject, kind)
) STRICT, WITHOUT ROWID;
