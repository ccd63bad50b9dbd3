// Keeps a number of decisions in flight for some seconds, and what a peer's program has in common
// with the next: options, the figures' names, checks that what was counted was really done.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { orderLine } from './work.mjs';

export const inFlight = [1, 16, 64];
const warmUpSeconds = 1; // a just-in-time compiler needs it; not counted

export function options(extra = {}) {
  const { values } = parseArgs({
    options: {
      dir: { type: 'string' },
      seconds: { type: 'string', default: '5' },
      ...extra,
    },
  });
  const seconds = Number(values.seconds);
  if (!values.dir || !(seconds > 0)) {
    throw new Error('usage: PEER.mjs --dir EMPTY_DIRECTORY [--seconds N]');
  }
  return { ...values, seconds };
}

export function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

async function keepInFlight(decide, events, count, seconds) {
  const waits = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const worker = async () => {
    while (performance.now() < end) {
      const begin = performance.now();
      const outcome = await decide(events.next());
      if (outcome?.state !== 'confirmed') {
        throw new Error(`a decision ended as ${JSON.stringify(outcome)}`);
      }
      waits.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: count }, worker));
  const took = (performance.now() - start) / 1000;
  waits.sort((a, b) => a - b);
  return { waits, perSecond: waits.length / took };
}

function eventSource() {
  const run = `run${process.pid}`;
  let n = 0;
  return { next: () => orderLine(run, ++n), first: () => orderLine(run, 1), given: () => n };
}

/**
 * Measures `decide(event) -> outcome` at 1, 16 and 64 in flight. Throws if the system of record
 * does not hold exactly one row per decision, or if an event given again made another one.
 */
export async function measure(decide, record, seconds) {
  const events = eventSource();
  const figures = {};
  await keepInFlight(decide, events, inFlight[1], warmUpSeconds);
  for (const count of inFlight) {
    const { waits, perSecond } = await keepInFlight(decide, events, count, seconds);
    figures[`decisions_per_s_${count}`] = perSecond;
    figures[`latency_ms_p50_${count}`] = quantile(waits, 0.5);
    figures[`latency_ms_p99_${count}`] = quantile(waits, 0.99);
  }
  await decide(events.first());
  if (record.rows() !== events.given()) {
    throw new Error(`${events.given()} decisions, but ${record.rows()} transfers written`);
  }
  return { figures, decisions: events.given() };
}

export function version(name) {
  const file = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
}

export function residentMegabytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]) / 1024;
}

export function report(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
