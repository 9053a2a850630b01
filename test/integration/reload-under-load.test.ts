import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { askAdmin, metricOf, postAdmin } from '../support/admin-client.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

const RELOADS = 100;
const WORKERS = 2;
const CLIENTS = 12;
const PIPELINE = 8;
const KEYS = 400;
const PRELOAD = pathToFileURL(`${import.meta.dirname}/../support/worker-preload.ts`).href;

interface Load {
  readonly requests: number;
  readonly faults: readonly string[];
}

/** Pipelines of SET and GET until told to stop. A key holds its own name or nothing, whichever server it is on. */
async function load(client: RawClient, seed: number, isOver: () => boolean): Promise<Load> {
  const faults: string[] = [];
  let requests = 0;
  for (let round = 0; !isOver(); round++) {
    const keys = Array.from({ length: PIPELINE }, (_, i) => `key:${(seed * 131 + round * 7 + i * 29) % KEYS}`);
    const commands = keys.map((key, i) => (i % 2 === 0 ? ['SET', key, key] : ['GET', key]));
    client.send(Buffer.concat(commands.map(command => encodeCommand(...command))));
    for (const [i, reply] of (await client.readReplies(PIPELINE)).entries()) {
      const key = keys[i]!;
      const expected = i % 2 === 0 ? ['+OK\r\n'] : ['$-1\r\n', `$${key.length}\r\n${key}\r\n`];
      if (!expected.includes(String(reply)))
        faults.push(`${commands[i]!.join(' ')} → ${JSON.stringify(String(reply))}`);
    }
    requests += PIPELINE;
  }
  return { requests, faults };
}

async function connectionsTo(server: RedisServer): Promise<number> {
  const list = String(await server.command('CLIENT', 'LIST'));
  return list.split('\n').filter(line => line !== '' && !line.includes('cmd=client|list')).length;
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What keeps each worker's event loop alive, by process. */
async function resources(daemon: Ringmaster): Promise<Record<string, Record<string, number>>> {
  const pids = daemon.workerPids();
  const answers = () => [...daemon.stderr().matchAll(/^RESOURCES (.*)$/gm)].map(([, json]) => JSON.parse(json!));
  const before = answers().length;
  for (const pid of pids) process.kill(pid, 'SIGURG');
  await daemon.until(() => answers().length === before + pids.length, 'the resources of all workers');
  return Object.fromEntries(
    answers()
      .slice(before)
      .map(({ pid, active }) => [pid, active]),
  );
}

test(`${RELOADS} reloads in a row under load: no request fails, nothing is left over`, async t => {
  const redis = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(redis.map(server => server.kill())));
  const [a, b, c] = redis.map(server => `127.0.0.1:${server.port}`) as [string, string, string];
  const [adminPort, port, otherPort] = (await freePorts(3)) as [number, number, number];
  const file = (servers: readonly string[], timeoutMs: number, others = '') =>
    `admin: 127.0.0.1:${adminPort}\nshutdown_timeout: 5s\npools:\n` +
    `  main: { listen: '127.0.0.1:${port}', protocol: redis, timeout: ${timeoutMs}ms, servers: [${servers.join(', ')}] }\n` +
    others;
  const other = `  other: { listen: '127.0.0.1:${otherPort}', protocol: redis, preconnect: true, servers: ['${c}'] }\n`;
  const shapes = [
    file([a, b], 5000),
    file([a, b, c], 5000, other),
    file([b, c], 4000),
    file([`${a}:3`, b], 5000, other),
    file([c], 5000),
  ];

  const daemon = await startRingmaster({
    config: shapes[0]!,
    workers: WORKERS,
    env: { NODE_OPTIONS: `--import ${PRELOAD}` },
  });
  t.after(() => daemon.kill());
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)));
  // Every connection that the first shape needs is open before anything is counted.
  for (const client of clients) {
    for (let i = 0; i < KEYS; i += 8) await client.command('GET', `key:${i}`);
  }
  const pids = [daemon.pid, ...daemon.workerPids()];
  const filesBefore = pids.map(openFiles);
  const resourcesBefore = await resources(daemon);
  const connectionsBefore = await Promise.all(redis.map(connectionsTo));
  const workersWithClients = connectionsBefore[0]!;

  let isOver = false;
  const loads = clients.map((client, i) => load(client, i, () => isOver));
  const startedAt = performance.now();
  for (let i = 1; i <= RELOADS; i++) {
    daemon.writeConfig(shapes[i % shapes.length]!);
    const { status, text } = await postAdmin(adminPort, '/-/reload');
    assert.equal(status, 200, text);
  }
  const tookMs = performance.now() - startedAt;
  assert.equal(RELOADS % shapes.length, 0, 'it ends with the shape it began with');
  isOver = true;
  const results = await Promise.all(loads);
  const requests = results.reduce((sum, result) => sum + result.requests, 0);
  t.diagnostic(`${RELOADS} reloads in ${tookMs.toFixed(0)} ms beside ${requests} requests`);
  assert.deepEqual(
    results.flatMap(result => result.faults),
    [],
  );
  assert.ok(requests > RELOADS * 10, `${requests} requests are a load`);

  await waitFor(async () => (await connectionsTo(redis[2]!)) === 0, {
    what: 'no connection to the server that is gone',
  });
  for (const client of clients) for (let i = 0; i < KEYS; i += 8) await client.command('GET', `key:${i}`);
  const connections = () => Promise.all(redis.map(connectionsTo));
  await untilEqual(connections, [workersWithClients, workersWithClients, 0], 'connections to the servers');
  assert.deepEqual([daemon.pid, ...daemon.workerPids()], pids, 'no process was replaced');
  await waitFor(() => pids.map(openFiles).every((count, i) => count <= filesBefore[i]!), {
    what: `as few open files as before: ${filesBefore}, now ${pids.map(openFiles)}`,
  });
  await untilEqual(() => resources(daemon), resourcesBefore, 'what is left over');
  assert.equal(await metricOf(adminPort, 'ringmaster_server_failures_total'), 0);
  assert.equal(await metricOf(adminPort, 'ringmaster_pool_client_connections', { pool: 'main' }), CLIENTS);
  assert.equal((await askAdmin(adminPort, '/readyz')).status, 200);
  for (const client of clients) client.destroy();
  await daemon.stop();
});
