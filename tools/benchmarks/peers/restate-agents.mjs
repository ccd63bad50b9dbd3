// The Restate service that takes decisions: a process of its own, as Restate wants it. Prints the
// address that it listens on once it does.
import http2 from 'node:http2';
import { join } from 'node:path';
import * as restate from '@restatedev/restate-sdk';
import { options } from './load.mjs';
import { SystemOfRecord, canPick, checkLine, decide, findOptions } from './work.mjs';

const record = new SystemOfRecord(join(options().dir, 'record.db'), { fsync: true });

const decision = restate.service({
  name: 'decision',
  handlers: {
    decide: async (ctx, event) => {
      const shortage = await ctx.run('order', () => checkLine(event));
      if (!shortage.short) return { state: 'not short' };
      const found = await ctx.run('replenishment', () => findOptions(shortage));
      const picks = await ctx.run('warehouse', () => canPick(event, found));
      const made = await ctx.run('gate', () => decide(event, shortage, found, picks));
      if (!made.allowed) return { state: 'not allowed' };
      return ctx.run('effect', () => record.transfer(event, made));
    },
  },
});

const server = http2.createServer(restate.createEndpointHandler({ services: [decision] }));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}\n`);
});
process.on('SIGTERM', () => process.exit(0)); // commits are synced one by one; nothing is open
