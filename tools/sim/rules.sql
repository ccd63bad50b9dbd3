-- Indexes and the ERP's own business rules, created after the history is loaded. A rule
-- that is broken aborts the statement with a message that begins with `refused:` (the
-- caller asked for something that cannot be) or `conflict:` (what it believed has changed).

CREATE UNIQUE INDEX sales_line_change ON sales_line (change_seq);
CREATE INDEX sales_line_demand ON sales_line (item_id, site_id, entered_at, quantity, state);
CREATE INDEX sales_line_open ON sales_line (site_id, requested_date) WHERE state = 'open';
CREATE INDEX sales_line_waiting ON sales_line (item_id, site_id, requested_date)
  WHERE state = 'open';
CREATE UNIQUE INDEX purchase_line_change ON purchase_line (change_seq);
CREATE INDEX purchase_line_item ON purchase_line (item_id, ordered_date);
CREATE INDEX purchase_line_supplier ON purchase_line (supplier_id, ordered_date);
CREATE INDEX purchase_line_ordered ON purchase_line (ordered_date);
CREATE INDEX purchase_line_open ON purchase_line (item_id, site_id) WHERE state = 'open';
CREATE INDEX transfer_open ON transfer (item_id)
  WHERE state IN ('requested', 'picked', 'shipped');
CREATE INDEX transfer_created ON transfer (created_at);
CREATE INDEX stock_movement_place ON stock_movement (item_id, site_id);

-- Change feeds -------------------------------------------------------------------------

CREATE TRIGGER sales_line_added AFTER INSERT ON sales_line BEGIN
  UPDATE sim_counter SET value = value + 1 WHERE name = 'sales_line.change_seq';
  UPDATE sales_line SET
    change_seq = (SELECT value FROM sim_counter WHERE name = 'sales_line.change_seq'),
    changed_at = (SELECT now FROM sim_clock)
  WHERE line_id = NEW.line_id;
END;
CREATE TRIGGER sales_line_changed AFTER UPDATE OF customer_id, item_id, site_id, quantity,
  allocated, shipped, unit_price_cents, requested_date, promised_date, shipped_at, state,
  note ON sales_line BEGIN
  UPDATE sim_counter SET value = value + 1 WHERE name = 'sales_line.change_seq';
  UPDATE sales_line SET
    change_seq = (SELECT value FROM sim_counter WHERE name = 'sales_line.change_seq'),
    changed_at = (SELECT now FROM sim_clock)
  WHERE line_id = NEW.line_id;
END;
CREATE TRIGGER purchase_line_added AFTER INSERT ON purchase_line BEGIN
  UPDATE sim_counter SET value = value + 1 WHERE name = 'purchase_line.change_seq';
  UPDATE purchase_line SET
    change_seq = (SELECT value FROM sim_counter WHERE name = 'purchase_line.change_seq'),
    changed_at = (SELECT now FROM sim_clock)
  WHERE line_id = NEW.line_id;
END;
CREATE TRIGGER purchase_line_changed AFTER UPDATE OF quantity, received, promised_date,
  received_date, state ON purchase_line BEGIN
  UPDATE sim_counter SET value = value + 1 WHERE name = 'purchase_line.change_seq';
  UPDATE purchase_line SET
    change_seq = (SELECT value FROM sim_counter WHERE name = 'purchase_line.change_seq'),
    changed_at = (SELECT now FROM sim_clock)
  WHERE line_id = NEW.line_id;
END;

-- Stock follows documents ----------------------------------------------------------------

CREATE TRIGGER stock_moved AFTER INSERT ON stock_movement BEGIN
  UPDATE stock SET on_hand = on_hand + NEW.quantity
  WHERE item_id = NEW.item_id AND site_id = NEW.site_id;
END;

-- A line's allocation is part of its site's reserved stock.
CREATE TRIGGER sales_line_allocated_new AFTER INSERT ON sales_line WHEN NEW.allocated > 0
BEGIN
  UPDATE stock SET reserved = reserved + NEW.allocated
  WHERE item_id = NEW.item_id AND site_id = NEW.site_id;
END;
CREATE TRIGGER sales_line_allocated AFTER UPDATE OF allocated ON sales_line
WHEN NEW.allocated <> OLD.allocated BEGIN
  UPDATE stock SET reserved = reserved + NEW.allocated - OLD.allocated
  WHERE item_id = NEW.item_id AND site_id = NEW.site_id;
END;

-- Requested stock is reserved at once; an ERP does not promise what it does not have.
CREATE TRIGGER transfer_requested BEFORE INSERT ON transfer WHEN NEW.state = 'requested'
BEGIN
  SELECT RAISE(ABORT, 'refused: no lane between these sites') WHERE NOT EXISTS (
    SELECT 1 FROM lane WHERE from_site_id = NEW.from_site_id AND to_site_id = NEW.to_site_id);
  SELECT RAISE(ABORT, 'refused: the sending site does not have the quantity available')
  WHERE NEW.quantity > coalesce((SELECT on_hand - reserved FROM stock
    WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id), 0);
  UPDATE stock SET reserved = reserved + NEW.quantity
  WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id;
END;
CREATE TRIGGER transfer_step BEFORE UPDATE OF state ON transfer
WHEN NEW.state <> OLD.state AND NOT (
     (OLD.state = 'requested' AND NEW.state IN ('picked', 'cancelled'))
  OR (OLD.state = 'picked' AND NEW.state = 'shipped')
  OR (OLD.state = 'shipped' AND NEW.state = 'received')) BEGIN
  SELECT RAISE(ABORT, 'conflict: the transfer is past the state this change needs');
END;
CREATE TRIGGER transfer_cancelled AFTER UPDATE OF state ON transfer
WHEN OLD.state = 'requested' AND NEW.state = 'cancelled' BEGIN
  UPDATE stock SET reserved = reserved - NEW.quantity
  WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id;
END;
CREATE TRIGGER transfer_shipped AFTER UPDATE OF state ON transfer
WHEN OLD.state = 'picked' AND NEW.state = 'shipped' BEGIN
  UPDATE stock SET reserved = reserved - NEW.quantity
  WHERE item_id = NEW.item_id AND site_id = NEW.from_site_id;
  INSERT INTO stock_movement (moved_at, item_id, site_id, kind, quantity, document)
  SELECT now, NEW.item_id, NEW.from_site_id, 'transfer_out', -NEW.quantity, NEW.transfer_id
  FROM sim_clock;
END;
CREATE TRIGGER transfer_received AFTER UPDATE OF state ON transfer
WHEN OLD.state = 'shipped' AND NEW.state = 'received' BEGIN
  INSERT INTO stock (item_id, site_id, reorder_point, order_quantity)
  VALUES (NEW.item_id, NEW.to_site_id, 0, 1) ON CONFLICT DO NOTHING;
  INSERT INTO stock_movement (moved_at, item_id, site_id, kind, quantity, document)
  SELECT now, NEW.item_id, NEW.to_site_id, 'transfer_in', NEW.quantity, NEW.transfer_id
  FROM sim_clock;
END;

-- Promises ---------------------------------------------------------------------------------

CREATE TRIGGER promise_changed AFTER INSERT ON promise_change BEGIN
  SELECT RAISE(ABORT, 'refused: no open order line with this id') WHERE NOT EXISTS (
    SELECT 1 FROM sales_line WHERE line_id = NEW.line_id AND state = 'open');
  SELECT RAISE(ABORT, 'conflict: the promise is no longer the date given as previous')
  WHERE NEW.previous_date IS NOT NULL AND NEW.previous_date <>
    (SELECT promised_date FROM sales_line WHERE line_id = NEW.line_id);
  UPDATE promise_change SET changed_at = (SELECT now FROM sim_clock),
    previous_date = (SELECT promised_date FROM sales_line WHERE line_id = NEW.line_id)
  WHERE reference = NEW.reference;
  UPDATE sales_line SET promised_date = NEW.promised_date WHERE line_id = NEW.line_id;
END;
