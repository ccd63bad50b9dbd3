-- One tested statement per canonical topic, read tool and write tool of config/catalogue,
-- against the simulator's schema. A mapping for the sql connector can take them as they are.
--
--   * `-- name: TOOL` gives the answer's own fields in at most one row; no row means the
--     system of record does not know the thing asked for.
--   * `-- name: TOOL/LIST` gives one row per element of that list of the answer.
--   * A column `cost.amount` is the member `amount` of the object `cost`. A NULL column is
--     an absent field. A column ending in `:json` holds JSON text, `:boolean` holds 0 or 1.
--   * `system` is the connector's own name for this database and is not selected.
--   * :parameters are the tool's arguments by name; an optional one that was not given is
--     NULL. :cursor and :limit belong to polls, :key is the effect's idempotency key.

-- Topics: rows after the cursor, in the order of their change. `cursor` is the next cursor.

-- name: order.line
SELECT l.change_seq AS cursor, l.line_id AS line, l.order_id AS "order",
  l.customer_id AS customer, c.name AS customer_name, l.item_id AS item,
  i.name AS item_name, l.site_id AS site, CAST(l.quantity AS TEXT) AS quantity, i.unit,
  printf('%d.%02d', l.unit_price_cents / 100, l.unit_price_cents % 100)
    AS "unit_price.amount",
  (SELECT currency FROM sim_company) AS "unit_price.currency",
  l.requested_date, l.promised_date, l.entered_at,
  CAST(l.shipped AS TEXT) AS shipped_quantity, l.state, l.note,
  'sales_line/' || l.line_id AS record, l.changed_at AS as_of
FROM sales_line l JOIN item i USING (item_id) JOIN customer c USING (customer_id)
WHERE l.change_seq > :cursor
ORDER BY l.change_seq LIMIT :limit;

-- Where a first poll starts: before the first line that is still open. Closed history was
-- numbered before every open line, so nothing open lies before it.
-- name: order.line/start
SELECT coalesce((SELECT min(change_seq) - 1 FROM sales_line WHERE state = 'open'),
  (SELECT value FROM sim_counter WHERE name = 'sales_line.change_seq')) AS cursor;

-- name: purchase.line
SELECT l.change_seq AS cursor, l.line_id AS line, l.order_id AS "order",
  l.supplier_id AS supplier, l.item_id AS item, l.site_id AS site,
  CAST(l.quantity - l.received AS TEXT) AS quantity_open, i.unit, l.ordered_date,
  l.promised_date, l.state, 'purchase_line/' || l.line_id AS record, l.changed_at AS as_of
FROM purchase_line l JOIN item i USING (item_id)
WHERE l.change_seq > :cursor
ORDER BY l.change_seq LIMIT :limit;

-- name: purchase.line/start
SELECT coalesce((SELECT min(change_seq) - 1 FROM purchase_line WHERE state = 'open'),
  (SELECT value FROM sim_counter WHERE name = 'purchase_line.change_seq')) AS cursor;

-- Reads ---------------------------------------------------------------------------------

-- name: erp.stock
SELECT item_id AS item, unit, (SELECT now FROM sim_clock) AS as_of
FROM item WHERE item_id = :item;

-- name: erp.stock/sites
SELECT site_id AS site, CAST(on_hand AS TEXT) AS on_hand,
  CAST(reserved AS TEXT) AS reserved, CAST(on_hand - reserved AS TEXT) AS available,
  'stock/' || item_id || '@' || site_id AS record
FROM stock WHERE item_id = :item AND (:site IS NULL OR site_id = :site)
ORDER BY site_id;

-- name: erp.item
SELECT item_id AS item, unit, 'item/' || item_id AS record,
  printf('%d.%02d', cost_cents / 100, cost_cents % 100) AS "cost.amount",
  (SELECT currency FROM sim_company) AS "cost.currency",
  printf('%d.%02d', list_price_cents / 100, list_price_cents % 100)
    AS "list_price.amount",
  (SELECT currency FROM sim_company) AS "list_price.currency",
  CAST(pack AS TEXT) AS pack, lead_time_days, (SELECT now FROM sim_clock) AS as_of
FROM item WHERE item_id = :item;

-- name: erp.item/substitutes
SELECT substitute_item_id AS item, approved AS "approved:boolean",
  'item_substitute/' || item_id || '>' || substitute_item_id AS record
FROM item_substitute WHERE item_id = :item ORDER BY substitute_item_id;

-- name: erp.order_line
SELECT l.line_id AS line, l.order_id AS "order", l.customer_id AS customer,
  l.item_id AS item, l.site_id AS site, CAST(l.quantity AS TEXT) AS quantity, i.unit,
  printf('%d.%02d', l.unit_price_cents / 100, l.unit_price_cents % 100)
    AS "unit_price.amount",
  (SELECT currency FROM sim_company) AS "unit_price.currency",
  l.requested_date, l.promised_date, CAST(l.allocated AS TEXT) AS allocated, l.state,
  c.ship_complete AS "ship_complete:boolean",
  'sales_line/' || l.line_id AS record, (SELECT now FROM sim_clock) AS as_of
FROM sales_line l JOIN item i USING (item_id) JOIN customer c USING (customer_id)
WHERE l.line_id = :line;

-- name: erp.open_orders
SELECT (SELECT now FROM sim_clock) AS as_of FROM item WHERE item_id = :item;

-- `quantity` is what has not been shipped yet.
-- name: erp.open_orders/lines
SELECT line_id AS line, order_id AS "order", customer_id AS customer,
  CAST(quantity - shipped AS TEXT) AS quantity, CAST(allocated AS TEXT) AS allocated,
  requested_date, entered_at, 'sales_line/' || line_id AS record
FROM sales_line
WHERE item_id = :item AND site_id = :site AND state = 'open'
ORDER BY requested_date, entered_at, line_id LIMIT 5000;

-- name: erp.supply
SELECT (SELECT now FROM sim_clock) AS as_of FROM item WHERE item_id = :item;

-- name: erp.supply/lines
SELECT line_id AS line, 'purchase' AS kind, site_id AS site,
  CAST(quantity - received AS TEXT) AS quantity, promised_date,
  'purchase_line/' || line_id AS record, supplier_id AS supplier, ordered_date,
  NULL AS site_from, NULL AS reference
FROM purchase_line
WHERE item_id = :item AND state = 'open' AND (:site IS NULL OR site_id = :site)
UNION ALL
SELECT transfer_id, 'transfer', to_site_id, CAST(quantity AS TEXT), due_date,
  'transfer/' || transfer_id, NULL, substr(created_at, 1, 10), from_site_id, reference
FROM transfer
WHERE item_id = :item AND state IN ('requested', 'picked', 'shipped')
  AND (:site IS NULL OR to_site_id = :site)
ORDER BY promised_date, line LIMIT 5000;

-- Stock, supply and orders of an item at a site, of one moment.
-- name: erp.position
SELECT i.item_id AS item, i.unit, CAST(i.pack AS TEXT) AS pack,
  (SELECT now FROM sim_clock) AS as_of
FROM item i WHERE i.item_id = :item;

-- name: erp.position/sites
SELECT site_id AS site, CAST(on_hand AS TEXT) AS on_hand,
  CAST(reserved AS TEXT) AS reserved, CAST(on_hand - reserved AS TEXT) AS available,
  'stock/' || item_id || '@' || site_id AS record
FROM stock WHERE item_id = :item AND (:site IS NULL OR site_id = :site)
ORDER BY site_id;

-- name: erp.position/supply
SELECT line_id AS line, 'purchase' AS kind, site_id AS site,
  CAST(quantity - received AS TEXT) AS quantity, promised_date,
  'purchase_line/' || line_id AS record, supplier_id AS supplier, ordered_date,
  NULL AS site_from, NULL AS reference
FROM purchase_line
WHERE item_id = :item AND state = 'open' AND (:site IS NULL OR site_id = :site)
UNION ALL
SELECT transfer_id, 'transfer', to_site_id, CAST(quantity AS TEXT), due_date,
  'transfer/' || transfer_id, NULL, substr(created_at, 1, 10), from_site_id, reference
FROM transfer
WHERE item_id = :item AND state IN ('requested', 'picked', 'shipped')
  AND (:site IS NULL OR to_site_id = :site)
ORDER BY promised_date, line LIMIT 5000;

-- name: erp.position/orders
SELECT line_id AS line, order_id AS "order", customer_id AS customer,
  CAST(quantity - shipped AS TEXT) AS quantity, CAST(allocated AS TEXT) AS allocated,
  requested_date, entered_at, 'sales_line/' || line_id AS record
FROM sales_line
WHERE item_id = :item AND site_id = :site AND state = 'open'
ORDER BY requested_date, entered_at, line_id LIMIT 5000;

-- name: erp.demand
SELECT (SELECT now FROM sim_clock) AS as_of, 'stock/' || item_id || '@' || :site AS record
FROM item WHERE item_id = :item;

-- name: erp.demand/days
SELECT date(l.entered_at, s.utc_offset_minutes || ' minutes') AS date,
  CAST(sum(l.quantity) AS TEXT) AS quantity
FROM sales_line l JOIN site s USING (site_id)
WHERE l.item_id = :item AND l.site_id = :site AND l.entered_at >= :since
  AND l.state <> 'cancelled'
GROUP BY 1 ORDER BY 1 LIMIT 5000;

-- name: erp.sites
SELECT now AS as_of FROM sim_clock;

-- open_pick_lines: order lines with stock allocated that are due by now, and transfers
-- not picked yet.
-- name: erp.sites/sites
SELECT s.site_id AS site, s.name, s.utc_offset_minutes,
  s.working_days AS "working_days:json", s.cutoff_time AS cutoff,
  CAST(s.pick_lines_per_hour AS TEXT) AS pick_lines_per_hour,
  (SELECT count(*) FROM sales_line l WHERE l.site_id = s.site_id AND l.state = 'open'
     AND l.allocated > 0 AND l.requested_date <=
       date((SELECT now FROM sim_clock), s.utc_offset_minutes || ' minutes'))
  + (SELECT count(*) FROM transfer t WHERE t.from_site_id = s.site_id
     AND t.state = 'requested') AS open_pick_lines,
  'site/' || s.site_id AS record
FROM site s ORDER BY s.site_id;

-- name: erp.sites/lanes
SELECT from_site_id AS "from", to_site_id AS "to", transit_days,
  printf('%d.%02d', cost_per_transfer_cents / 100, cost_per_transfer_cents % 100)
    AS "cost_per_transfer.amount",
  (SELECT currency FROM sim_company) AS "cost_per_transfer.currency",
  printf('%d.%02d', cost_per_unit_cents / 100, cost_per_unit_cents % 100)
    AS "cost_per_unit.amount",
  (SELECT currency FROM sim_company) AS "cost_per_unit.currency",
  'lane/' || from_site_id || '>' || to_site_id AS record
FROM lane ORDER BY from_site_id, to_site_id;

-- name: erp.transfer_history
SELECT now AS as_of FROM sim_clock;

-- name: erp.transfer_history/transfers
SELECT transfer_id AS id, from_site_id AS "from", to_site_id AS "to", item_id AS item,
  CAST(quantity AS TEXT) AS quantity, created_at, due_date, received_date,
  'transfer/' || transfer_id AS record
FROM transfer
WHERE state = 'received' AND created_at >= :since
ORDER BY created_at DESC, transfer_no DESC LIMIT min(coalesce(:limit, 5000), 5000);

-- name: erp.receipt_history
SELECT now AS as_of FROM sim_clock;

-- promised_date is the date first confirmed: lateness is measured against it.
-- name: erp.receipt_history/receipts
SELECT line_id AS line, supplier_id AS supplier, item_id AS item, ordered_date,
  original_promised_date AS promised_date, received_date,
  'purchase_line/' || line_id AS record
FROM purchase_line
WHERE ordered_date >= :since AND state <> 'cancelled'
  AND (:item IS NULL OR item_id = :item)
  AND (:supplier IS NULL OR supplier_id = :supplier)
ORDER BY ordered_date DESC, line_id DESC LIMIT min(coalesce(:limit, 5000), 5000);

-- name: erp.pick_history
SELECT now AS as_of FROM sim_clock;

-- Newest first, so that a cut at the limit loses the oldest days.
-- name: erp.pick_history/days
SELECT site_id AS site, pick_date AS date, lines_due, lines_on_time, capacity_lines,
  'pick_day/' || site_id || '@' || pick_date AS record
FROM pick_day
WHERE pick_date >= :since AND (:site IS NULL OR site_id = :site)
ORDER BY pick_date DESC, site_id LIMIT 5000;

-- What an assessment reads: pages after :after, the cursor of the last row that was read.

-- name: erp.order_history
SELECT now AS as_of FROM sim_clock;

-- name: erp.order_history/lines
SELECT l.line_id AS cursor, l.line_id AS line, l.order_id AS "order",
  l.customer_id AS customer, l.item_id AS item, l.site_id AS site,
  CAST(l.quantity AS TEXT) AS quantity, CAST(l.shipped AS TEXT) AS shipped_quantity,
  printf('%d.%02d', l.unit_price_cents / 100, l.unit_price_cents % 100)
    AS "unit_price.amount",
  (SELECT currency FROM sim_company) AS "unit_price.currency",
  l.requested_date, l.promised_date, l.entered_at,
  date(l.shipped_at, s.utc_offset_minutes || ' minutes') AS shipped_date,
  CASE l.state WHEN 'shipped' THEN l.shipped_at WHEN 'cancelled' THEN l.changed_at END
    AS closed_at,
  l.state, 'sales_line/' || l.line_id AS record
FROM sales_line l JOIN site s USING (site_id)
WHERE l.line_id > coalesce(:after, '')
  AND (l.entered_at >= :since OR l.state = 'open' OR l.changed_at >= :since)
ORDER BY l.line_id LIMIT min(coalesce(:limit, 1000), 5000);

-- name: erp.purchase_history
SELECT now AS as_of FROM sim_clock;

-- name: erp.purchase_history/lines
SELECT line_id AS cursor, line_id AS line, supplier_id AS supplier, item_id AS item,
  site_id AS site, CAST(quantity AS TEXT) AS quantity, ordered_date,
  original_promised_date AS first_promised_date, promised_date, received_date, state,
  'purchase_line/' || line_id AS record
FROM purchase_line
WHERE line_id > coalesce(:after, '')
  AND (ordered_date >= :since OR state = 'open' OR received_date >= :since)
ORDER BY line_id LIMIT min(coalesce(:limit, 1000), 5000);

-- name: erp.supply_history
SELECT now AS as_of FROM sim_clock;

-- name: erp.supply_history/events
SELECT CAST(m.movement_id AS TEXT) AS cursor, coalesce(t.created_at, m.moved_at) AS at,
  m.item_id AS item, m.site_id AS site,
  CASE m.kind WHEN 'opening' THEN 'other' ELSE m.kind END AS kind,
  CAST(m.quantity AS TEXT) AS quantity, m.document,
  'stock_movement/' || m.movement_id AS record
FROM stock_movement m
LEFT JOIN transfer t ON m.kind = 'transfer_out' AND t.transfer_id = m.document
WHERE m.movement_id > CAST(coalesce(:after, '0') AS INTEGER) AND m.kind <> 'sale'
  AND m.moved_at >= :since
ORDER BY m.movement_id LIMIT min(coalesce(:limit, 1000), 5000);

-- name: erp.supply_history/pending
SELECT created_at AS at, item_id AS item, from_site_id AS site,
  CAST(quantity AS TEXT) AS quantity, 'transfer/' || transfer_id AS record
FROM transfer
WHERE :after IS NULL AND state IN ('requested', 'picked')
ORDER BY transfer_no LIMIT 5000;

-- name: erp.stock_levels
SELECT now AS as_of FROM sim_clock;

-- name: erp.stock_levels/levels
SELECT s.item_id || '@' || s.site_id AS cursor, s.item_id AS item, s.site_id AS site,
  CAST(s.on_hand AS TEXT) AS on_hand,
  printf('%d.%02d', i.cost_cents / 100, i.cost_cents % 100) AS "unit_cost.amount",
  (SELECT currency FROM sim_company) AS "unit_cost.currency",
  i.supplier_id AS supplier, i.lead_time_days,
  'stock/' || s.item_id || '@' || s.site_id AS record
FROM stock s JOIN item i USING (item_id)
WHERE (s.item_id, s.site_id) > (
  substr(coalesce(:after, '@'), 1, instr(coalesce(:after, '@'), '@') - 1),
  substr(coalesce(:after, '@'), instr(coalesce(:after, '@'), '@') + 1))
ORDER BY s.item_id, s.site_id LIMIT min(coalesce(:limit, 1000), 5000);

-- Writes ----------------------------------------------------------------------------------
-- Each is one statement. A rule that is broken fails with a message that begins with
-- `refused:` or `conflict:`; a repeated key fails with SQLITE_CONSTRAINT_UNIQUE or
-- SQLITE_CONSTRAINT_PRIMARYKEY and is found by the look-up.

-- No row returned: the item is unknown or is not counted in this unit (refused).
-- name: erp.transfer.create
INSERT INTO transfer (reference, item_id, from_site_id, to_site_id, quantity,
  order_line_id, created_by, created_at, due_date)
SELECT :key, :item, :from, :to, :quantity, :order_line, 'crossdock', now, :need_date
FROM sim_clock JOIN item ON item_id = :item AND unit = :unit
RETURNING reference, 'transfer/' || printf('TR-%06d', transfer_no) AS record, state,
  created_at AS as_of;

-- name: erp.transfer.create/lookup
SELECT reference, 'transfer/' || transfer_id AS record, state,
  (SELECT now FROM sim_clock) AS as_of
FROM transfer WHERE reference = :key;

-- No row returned: the look-up below tells whether it is unknown, already cancelled by
-- this key, or past the point where it can be cancelled (a conflict).
-- name: erp.transfer.cancel
UPDATE transfer SET state = 'cancelled', cancel_reference = :key,
  cancelled_at = (SELECT now FROM sim_clock)
WHERE reference = :reference AND state = 'requested'
RETURNING reference, 'transfer/' || printf('TR-%06d', transfer_no) AS record, state,
  cancelled_at AS as_of;

-- A row means this key cancelled it.
-- name: erp.transfer.cancel/lookup
SELECT reference, 'transfer/' || transfer_id AS record, state,
  (SELECT now FROM sim_clock) AS as_of
FROM transfer WHERE cancel_reference = :key;

-- name: erp.order.promise
INSERT INTO promise_change (reference, line_id, promised_date, previous_date)
VALUES (:key, :line, :date, :previous)
RETURNING reference, 'sales_line/' || line_id AS record,
  (SELECT now FROM sim_clock) AS as_of;

-- name: erp.order.promise/lookup
SELECT reference, 'sales_line/' || line_id AS record, changed_at AS as_of
FROM promise_change WHERE reference = :key;
