// LangGraph JS with its SQLite checkpointer. `--durable default` takes everything as it comes;
// `--durable fsync` syncs each commit and writes each step before the next one starts.
import { join } from 'node:path';
import { Annotation, END, START, StateGraph } from '@langchain/langgraph';
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite';
import Database from 'better-sqlite3';
import { measure, options, report, residentMegabytes, version } from './load.mjs';
import { SystemOfRecord, canPick, checkLine, decide, findOptions } from './work.mjs';

const option = options({ durable: { type: 'string', default: 'default' } });
if (!['default', 'fsync'].includes(option.durable)) {
  throw new Error('--durable is default or fsync');
}
const fsync = option.durable === 'fsync';

const record = new SystemOfRecord(join(option.dir, 'record.db'), { fsync });
const database = new Database(join(option.dir, 'checkpoints.db'));
const checkpointer = new SqliteSaver(database);
checkpointer.setup(); // sets journal_mode = WAL itself, and nothing else
if (fsync) database.pragma('synchronous = FULL');

const State = Annotation.Root({
  event: Annotation(),
  shortage: Annotation(),
  options: Annotation(),
  picks: Annotation(),
  decision: Annotation(),
  outcome: Annotation(),
});

const graph = new StateGraph(State)
  .addNode('order', ({ event }) => ({ shortage: checkLine(event) }))
  .addNode('replenishment', ({ shortage }) => ({ options: findOptions(shortage) }))
  .addNode('warehouse', (s) => ({ picks: canPick(s.event, s.options) }))
  .addNode('gate', (s) => ({ decision: decide(s.event, s.shortage, s.options, s.picks) }))
  .addNode('effect', (s) => ({ outcome: record.transfer(s.event, s.decision) }))
  .addEdge(START, 'order')
  .addConditionalEdges('order', ({ shortage }) => (shortage.short ? 'replenishment' : END))
  .addEdge('replenishment', 'warehouse')
  .addEdge('warehouse', 'gate')
  .addConditionalEdges('gate', ({ decision }) => (decision.allowed ? 'effect' : END))
  .addEdge('effect', END)
  .compile({ checkpointer });

// The thread is named by the event, so an event seen before is found by one read.
async function decideOnce(event) {
  const thread = { configurable: { thread_id: event.id } };
  const seen = await checkpointer.getTuple(thread);
  if (seen) return seen.checkpoint.channel_values.outcome;
  const state = await graph.invoke({ event }, fsync ? { ...thread, durability: 'sync' } : thread);
  return state.outcome;
}

const { figures, decisions } = await measure(decideOnce, record, option.seconds);
const count = (table) => database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
const checkpoints = count('checkpoints') / decisions;
const writes = count('writes') / decisions;
report({
  figures: {
    ...figures,
    records_per_decision: checkpoints + writes,
    checkpoints_per_decision: checkpoints,
    writes_per_decision: writes,
    rss_mb: residentMegabytes(process.pid),
  },
  notes: [
    `${version('@langchain/langgraph')}, ${version('@langchain/langgraph-checkpoint-sqlite')}, ` +
      `Node.js ${process.versions.node}`,
    `checkpoints: journal_mode ${database.pragma('journal_mode', { simple: true })}, ` +
      `synchronous ${database.pragma('synchronous', { simple: true })}; ` +
      `system of record: synchronous ${record.synchronous()}; ` +
      `durability "${fsync ? 'sync' : 'async'}"`,
  ],
});
database.close();
record.close();
