import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { describeStats, StatsPort, type StatsPortOptions } from '../../../src/admin/stats-port.ts';
import { Totals } from '../../../src/admin/totals.ts';
import { BACKEND_FIELDS } from '../../../src/figures/backend-fields.ts';
import { POOL_FIELDS } from '../../../src/figures/pool-fields.ts';
import { CollectedLog } from '../../support/collected-log.ts';
import { readJson } from '../../support/nutcracker.ts';
import { RawClient } from '../../support/raw-client.ts';
import { within } from '../../support/wait-for.ts';
import { poolSnapshot, report, workerSnapshot } from '../../support/worker-figures.ts';

async function start(t: TestContext, totals: Totals, options: Partial<StatsPortOptions> = {}) {
  const log = new CollectedLog();
  const stats = new StatsPort({ totals, version: '1.2.3', fresh: async () => {}, log, ...options });
  const { port } = await stats.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => stats.close());
  return { port, stats, log };
}

test('who connects gets one line of JSON with the figures of all workers, then the end', async t => {
  const totals = new Totals([{ name: 'p', servers: [{ name: 's' }] }]);
  for (const slot of [0, 1]) {
    const pool = { clientConnections: 1, clientConnectionsTotal: 4, clientEof: 3, requests: 100 };
    const server = { serverConnections: 1, reconnects: 2, requests: 10, inQueue: 5, serverEjectedAtUs: 7 };
    report(totals, slot, workerSnapshot(slot, [poolSnapshot('p', pool, { s: server })]));
  }
  const { port } = await start(t, totals);
  const before = Math.floor(Date.now() / 1000);
  const text = (await (await RawClient.connect(port)).readToEnd()).toString();
  assert.match(text, /^\{.*\}\n$/);
  const { timestamp, ...stats } = JSON.parse(text);
  assert.ok(timestamp >= before && timestamp <= Date.now() / 1000);
  assert.deepEqual(stats, {
    service: 'nutcracker',
    source: hostname(),
    version: '1.2.3',
    uptime: 0,
    // A listener, then clients, then server connections.
    total_connections: 1 + 8 + 4,
    curr_connections: 1 + 2 + 2,
    p: {
      client_eof: 6,
      client_err: 0,
      client_connections: 2,
      server_ejects: 0,
      forward_error: 0,
      fragments: 0,
      s: {
        server_eof: 0,
        server_err: 0,
        server_timedout: 0,
        server_connections: 2,
        server_ejected_at: 7,
        requests: 20,
        request_bytes: 0,
        responses: 0,
        response_bytes: 0,
        in_queue: 10,
        in_queue_bytes: 0,
        out_queue: 0,
        out_queue_bytes: 0,
      },
    },
  });
});

test('names are escaped, and those that are numbers keep their place', async t => {
  const totals = new Totals([
    { name: 'a "b" \\', servers: [{ name: 'é\n' }] },
    { name: '1234567890', servers: [{ name: '1' }] },
  ]);
  const { port } = await start(t, totals);
  const text = (await (await RawClient.connect(port)).readToEnd()).toString();
  const stats = JSON.parse(text);
  assert.equal(stats['a "b" \\']['é\n'].requests, 0);
  assert.ok(text.indexOf('"1234567890": {') > text.indexOf('"é\\n": {'));
});

describe('figures', () => {
  test('are asked for at every connect', async t => {
    const totals = new Totals([{ name: 'p', servers: [] }]);
    let clientEof = 0;
    const { port } = await start(t, totals, {
      fresh: async () => report(totals, 0, workerSnapshot(1, [poolSnapshot('p', { clientEof: ++clientEof })])),
    });
    for (const expected of [1, 2]) {
      assert.equal(((await readJson(port)) as { p: { client_eof: number } }).p.client_eof, expected);
    }
  });

  test('are given as they are when asking fails', async t => {
    const { port, log } = await start(t, new Totals([]), { fresh: () => Promise.reject(new Error('worker died')) });
    assert.equal((await readJson(port)).service, 'nutcracker');
    assert.deepEqual(log.lines, ['warn statistics are not up to date']);
  });
});

describe('a client', () => {
  const totals = new Totals([{ name: 'p', servers: Array.from({ length: 50_000 }, (_, i) => ({ name: `s${i}` })) }]);

  test('that ends its side first still gets its line', async t => {
    const gate = Promise.withResolvers<void>();
    const { port } = await start(t, new Totals([]), { fresh: () => gate.promise });
    const client = await RawClient.connect(port);
    await new Promise<void>(resolve => client.socket.end(resolve));
    // The FIN is with the kernel; after two turns of the event loop the server has read it.
    await setImmediate();
    await setImmediate();
    gate.resolve();
    assert.match((await client.readToEnd()).toString(), /^\{"service":"nutcracker", .*\}\n$/);
  });

  test('that sends bytes gets its whole line and no reset', async t => {
    const { port } = await start(t, totals, { clientTimeoutMs: 3_600_000 });
    const accepted = nextAcceptedSocket();
    const client = await RawClient.connect(port);
    client.send(Buffer.alloc(1 << 20, 'stats\r\n'));
    const text = (await client.readToEnd()).toString();
    assert.equal(client.error, null);
    // At once, and not only when the time of such clients is up.
    await within(once(await accepted, 'close'), { what: "the end of the server's side" });
    assert.equal(Object.keys(JSON.parse(text).p).length, 6 + 50_000);
  });

  test('that does not read is cut off', async t => {
    const { port } = await start(t, totals, { clientTimeoutMs: 100 });
    const client = await RawClient.connect(port);
    client.pause();
    const poke = setInterval(() => client.send('x'), 20);
    t.after(() => clearInterval(poke));
    await within(client.closed, { what: 'a reset' });
  });

  test('that does not close is cut off, and nobody waits for it', async t => {
    const { port, stats } = await start(t, new Totals([]), { clientTimeoutMs: 100 });
    const stuck = await RawClient.connect(port);
    assert.equal((await readJson(port)).service, 'nutcracker');
    await within(stats.close(), { what: 'the end of close()' });
    stuck.destroy();
  });
});

test('a port in use is one sentence that names the address', async t => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const options = { totals: new Totals([]), version: '1', fresh: async () => {}, log: new CollectedLog() };
  await assert.rejects(new StatsPort(options).listen({ host: '127.0.0.1', port }), {
    message: `statistics port cannot listen on 127.0.0.1:${port}: the port is in use`,
  });
});

test('the description has every field of the port, in its order, and its help', () => {
  const expected = [POOL_FIELDS, BACKEND_FIELDS].map(fields =>
    fields.flatMap(({ statsName, help }) => (statsName === null ? [] : [[statsName, help]])),
  );
  const described = describeStats()
    .split('\n\n')
    .map(part => [...part.matchAll(/^ {2}(\w+) +"(.*)"$/gm)].map(([, name, help]) => [name, help]));
  assert.deepEqual(described, expected);
});

/** The server's side of the next connection that a server of this process accepts. */
function nextAcceptedSocket(): Promise<Socket> {
  return new Promise(resolve => {
    const take = (message: unknown) => {
      unsubscribe('net.server.socket', take);
      resolve((message as { socket: Socket }).socket);
    };
    subscribe('net.server.socket', take);
  });
}
