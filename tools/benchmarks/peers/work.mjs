// The work of one decision, the same for every peer: what the three agents answer, how options
// are ranked, what policy allows, and the system of record that the effect writes into. How each
// step becomes durable is the peer's own business and lives in the peer's file.
import { createHash } from 'node:crypto';
import Database from 'better-sqlite3';

const carriers = ['16:00', '16:30', '17:15'];

/** Order line number `n` of a run: about 400 bytes of JSON, always short, always allowed. */
export function orderLine(run, n) {
  return {
    id: `${run}-${String(n).padStart(9, '0')}`,
    source: 'erp/sales',
    type: 'order.line',
    time: '2026-11-25T09:30:00.000Z',
    order: `SO-${String(n).padStart(8, '0')}`,
    line: 1 + (n % 9),
    customer: `C-${String(n % 700).padStart(5, '0')}`,
    item: `SKU-${String(n % 4000).padStart(6, '0')}`,
    site: `B${1 + (n % 6)}`,
    quantity: String(10 + (n % 7)),
    on_hand: '3',
    unit: 'pc',
    unit_price: '12.50',
    currency: 'EUR',
    wanted: '2026-11-27',
    carrier_cutoff: carriers[n % carriers.length],
    contract: 'frame agreement 2026',
    note: 'deliver complete, call before delivery',
  };
}

/** The order agent: is the line short, by how much, and what is at stake. */
export function checkLine(event) {
  const missing = Number(event.quantity) - Number(event.on_hand);
  return {
    short: missing > 0,
    item: event.item,
    site: event.site,
    missing: String(missing),
    at_stake: (Number(event.quantity) * Number(event.unit_price)).toFixed(2),
    currency: event.currency,
    because: `${event.quantity} ${event.unit} ordered, ${event.on_hand} on hand at ${event.site}`,
  };
}

/** The replenishment agent: three ways out. */
export function findOptions(shortage) {
  const other = shortage.site === 'B1' ? 'B2' : 'B1';
  const stake = Number(shortage.at_stake);
  return [
    { id: 'transfer', from: other, item: shortage.item, quantity: shortage.missing,
      arrives: '2026-11-26', probability: '0.94', gain: stake.toFixed(2), cost: '18.00' },
    { id: 'substitute', from: shortage.site, item: `${shortage.item}-A`,
      quantity: shortage.missing, arrives: '2026-11-25', probability: '0.55',
      gain: (stake * 0.9).toFixed(2), cost: '6.00' },
    { id: 'later', from: 'supplier', item: shortage.item, quantity: shortage.missing,
      arrives: '2026-12-02', probability: '0.88', gain: (stake * 0.6).toFixed(2), cost: '0.00' },
  ];
}

/** The warehouse agent: which of them can be picked before the carrier leaves. */
export function canPick(event, options) {
  return options.map((o) => ({
    id: o.id,
    pickable: o.from !== 'supplier',
    minutes: o.from === event.site ? 12 : 35,
    until: event.carrier_cutoff,
  }));
}

const allowedUpTo = 500;

/** Ranks by expected value and asks the policy. The key of the effect is fixed here, before it. */
export function decide(event, shortage, options, picks) {
  const pickable = new Set(picks.filter((p) => p.pickable).map((p) => p.id));
  const ranked = options
    .map((o) => ({
      id: o.id,
      pickable: pickable.has(o.id),
      expected: (Number(o.probability) * Number(o.gain) - Number(o.cost)).toFixed(2),
    }))
    .sort((a, b) => Number(b.pickable) - Number(a.pickable) ||
      Number(b.expected) - Number(a.expected));
  const best = options.find((o) => o.id === ranked[0].id);
  const action = {
    tool: 'erp.transfer', item: best.item, from: best.from, to: event.site,
    quantity: best.quantity, amount: shortage.at_stake, currency: shortage.currency,
  };
  const key = createHash('sha256').update(`${event.id}\n${JSON.stringify(action)}`).digest('hex');
  const allowed = Number(action.amount) <= allowedUpTo;
  return {
    ranked, action, key, allowed,
    because: `${action.amount} ${action.currency} of at most ${allowedUpTo} allowed`,
  };
}

/** The system of record: a database of its own, one row per transfer, unique by key. */
export class SystemOfRecord {
  constructor(path, { fsync }) {
    this.db = new Database(path);
    this.db.pragma('journal_mode = WAL');
    if (fsync) this.db.pragma('synchronous = FULL');
    this.db.exec(`CREATE TABLE IF NOT EXISTS transfer (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, event TEXT NOT NULL, item TEXT NOT NULL,
      from_site TEXT NOT NULL, to_site TEXT NOT NULL, quantity TEXT NOT NULL)`);
    this.insert = this.db.prepare(`INSERT INTO transfer
      (key, event, item, from_site, to_site, quantity) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (key) DO NOTHING`);
    this.find = this.db.prepare('SELECT id FROM transfer WHERE key = ?');
  }

  /** Writes the transfer once; a second call with the same key answers the first one's row. */
  transfer(event, { key, action }) {
    const done = this.insert.run(key, event.id, action.item, action.from, action.to,
      action.quantity);
    const id = done.changes === 1 ? done.lastInsertRowid : this.find.get(key).id;
    return { state: 'confirmed', reference: `T-${id}` };
  }

  synchronous() {
    return this.db.pragma('synchronous', { simple: true });
  }

  rows() {
    return this.db.prepare('SELECT count(*) FROM transfer').pluck().get();
  }

  close() {
    this.db.close();
  }
}
