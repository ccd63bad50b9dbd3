// Restate: its server and the service with the agents as processes on loopback, both ended with
// this one; this process is the client. The server's log is synced as it comes
// (rocksdb-disable-wal-fsync = false); the system of record syncs each commit.
import { spawn } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { inFlight, measure, options, report, residentMegabytes, version } from './load.mjs';

const option = options();
const children = [];
const agent = new http.Agent({ keepAlive: true, maxSockets: Math.max(...inFlight) });

async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function request(port, method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const sent = http.request({
      agent, host: '127.0.0.1', port, method, path,
      headers: { accept: 'application/json', 'content-type': 'application/json',
        ...(text && { 'content-length': Buffer.byteLength(text) }), ...headers },
    }, (answer) => {
      let got = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { got += part; });
      answer.on('error', reject);
      answer.on('end', () => {
        if (answer.statusCode < 300) resolve(got ? JSON.parse(got) : undefined);
        else reject(new Error(`${method} ${path}: ${answer.statusCode} ${got.slice(0, 400)}`));
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

function start(command, args, settings) {
  const child = spawn(command, args, settings);
  child.on('error', (error) => { throw error; });
  children.push(child);
  return child;
}

async function startServer() {
  const [ingress, admin, fabric] = await freePorts(3);
  const config = join(option.dir, 'restate.toml');
  writeFileSync(config, [
    'bind-ip = "127.0.0.1"', 'advertised-host = "127.0.0.1"', 'listen-mode = "tcp"',
    `bind-port = ${fabric}`, 'node-name = "bench"', 'disable-telemetry = true',
    `base-dir = ${JSON.stringify(join(option.dir, 'restate'))}`, 'log-filter = "warn"',
    '[ingress]', `bind-port = ${ingress}`, '[admin]', `bind-port = ${admin}`,
    'disable-web-ui = true', '',
  ].join('\n'));
  const platform = `@restatedev/restate-server-linux-${process.arch}`;
  const binary = createRequire(import.meta.url).resolve(`${platform}/bin/restate-server`);
  const log = openSync(join(option.dir, 'restate.log'), 'w');
  const env = { PATH: process.env.PATH, HOME: option.dir };
  const server = start(binary, ['--config-file', config, '--no-logo'],
    { stdio: ['ignore', log, log], env });
  for (const deadline = Date.now() + 60_000; ;) {
    if (server.exitCode !== null || Date.now() > deadline) {
      const said = readFileSync(join(option.dir, 'restate.log'), 'utf8');
      throw new Error(`restate-server did not come up:\n${said.slice(-2000)}`);
    }
    const up = await Promise.all([request(admin, 'GET', '/health').then(() => true),
      request(ingress, 'GET', '/restate/health').then(() => true)]).catch(() => false);
    if (up) return { server, ingress, admin };
    await sleep(100);
  }
}

async function startAgents() {
  const agents = start(process.execPath,
    [new URL('restate-agents.mjs', import.meta.url).pathname, '--dir', option.dir],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, RESTATE_LOGGING: 'ERROR' } });
  const lines = createInterface({ input: agents.stdout });
  for await (const uri of lines) return { agents, uri };
  throw new Error('the agents did not come up');
}

async function stopAll() {
  await Promise.all(children.reverse().map((child) => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null || !child.pid) return resolve();
    const kill = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', () => { clearTimeout(kill); resolve(); });
    child.kill('SIGTERM');
  })));
  agent.destroy();
}
for (const name of ['SIGINT', 'SIGTERM']) {
  process.once(name, () => stopAll().finally(() => process.exit(1)));
}

try {
  const { server, ingress, admin } = await startServer();
  const { agents, uri } = await startAgents();
  await request(admin, 'POST', '/deployments', { uri });

  const record = new Database(join(option.dir, 'record.db'), { readonly: true });
  const rows = record.prepare('SELECT count(*) FROM transfer').pluck();
  const decideOnce = (event) =>
    request(ingress, 'POST', '/decision/decide', event, { 'idempotency-key': event.id });
  const { figures, decisions } =
    await measure(decideOnce, { rows: () => rows.get() }, option.seconds);

  const counted = await request(admin, 'POST', '/query',
    { query: 'SELECT count(*) AS entries FROM sys_journal' });
  report({
    figures: {
      ...figures,
      records_per_decision: counted.rows[0].entries / decisions,
      rss_mb: residentMegabytes(server.pid) + residentMegabytes(agents.pid),
    },
    notes: [
      `${version('@restatedev/restate-server')}, ${version('@restatedev/restate-sdk')}, ` +
        `Node.js ${process.versions.node}; server and agents are processes of their own`,
      'log: one node, RocksDB, synced as it comes; system of record: synchronous 2',
    ],
  });
  record.close();
} finally {
  await stopAll();
}
