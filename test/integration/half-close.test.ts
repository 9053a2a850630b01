// FIN after the requests: the client still gets every reply, then our FIN.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answering, type FakeBackend, held, inOnePiece, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { startMemcachedPool, startRedisPool } from '../support/pool-under-test.ts';
import { WIRES, type Wire } from '../support/wire.ts';

const MAX_PIPELINE = 16;
const cleanUps: (() => unknown)[] = [];
const t = { after: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) };
const servers = new Map<Wire, FakeBackend>();
let daemon: Daemon;

before(async () => {
  for (const wire of WIRES) {
    const server = await startFakeBackend(answering(wire.split, wire.answer));
    t.after(() => server.close());
    servers.set(wire, server);
  }
  const settings = [`max_pipeline: ${MAX_PIPELINE}`];
  const pools = WIRES.map(({ protocol }, i) => {
    const { port } = [...servers.values()][i] as FakeBackend;
    return [protocol, { protocol, servers: [port], settings }] as const;
  });
  daemon = await startDaemon(t, Object.fromEntries(pools));
});

after(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

for (const wire of WIRES) {
  for (const [what, count] of [
    ['one request', 1],
    ['a pipeline', 10],
    ['a pipeline longer than max_pipeline', MAX_PIPELINE * 40],
  ] as const) {
    test(`${wire.protocol}: all replies to ${what} come after FIN, then ours`, async () => {
      const gate = held();
      const server = servers.get(wire) as FakeBackend;
      server.handler = answering(wire.split, wire.answer, gate.delivery);
      const before = server.requests().length;
      const eofs = await daemon.metric('ringmaster_pool_client_eof_total', { pool: wire.protocol });
      const client = await daemon.client(wire.protocol);
      const keys = Array.from({ length: count }, (_, i) => `key${i}`);
      client.send(keys.map(wire.get).join(''));
      client.end();
      await server.untilRequests(before + Math.min(count, MAX_PIPELINE));
      assert.ok(server.requests().length <= before + MAX_PIPELINE);
      gate.release();
      const bytes = (await client.readToEnd()).toString('latin1');
      assert.ok(bytes === keys.map(key => wire.value(key)).join(''), `${bytes.length} bytes`);
      await client.closed;
      assert.equal(client.error, null);
      await daemon.untilMetric('ringmaster_pool_client_connections', { pool: wire.protocol }, 0);
      await daemon.untilMetric('ringmaster_pool_client_eof_total', { pool: wire.protocol }, eofs + 1);
    });
  }

  test(`${wire.protocol}: a request that FIN cut off is dropped, the ones before it are answered`, async () => {
    const server = servers.get(wire) as FakeBackend;
    server.handler = answering(wire.split, wire.answer, inOnePiece);
    const before = server.requests().length;
    const whole = wire.get('whole');
    for (let cut = 1; cut < whole.length; cut++) {
      const client = await daemon.client(wire.protocol);
      client.send(whole + wire.get('whole').slice(0, cut));
      client.end();
      assert.equal((await client.readToEnd()).toString('latin1'), wire.value('whole'), `cut at ${cut}`);
    }
    assert.equal(server.requests().length, before + whole.length - 1);
  });
}

test('real servers: a long pipeline over several of them, then FIN', async t => {
  const [redis, memcached] = await Promise.all([
    startRedisPool(t, { servers: 2, settings: [`max_pipeline: ${MAX_PIPELINE}`] }),
    startMemcachedPool(t, { servers: 2, settings: [`max_pipeline: ${MAX_PIPELINE}`] }),
  ]);
  const keys = Array.from({ length: 1000 }, (_, i) => `key${i}`);
  const r = await redis.client();
  r.send(keys.map(key => `SET ${key} ${key}\r\nGET ${key}\r\n`).join(''));
  r.end();
  assert.equal((await r.readToEnd()).toString(), keys.map(key => `+OK\r\n$${key.length}\r\n${key}\r\n`).join(''));
  const m = await memcached.client();
  m.send(keys.map(key => `set ${key} 0 0 ${key.length}\r\n${key}\r\nget ${key}\r\n`).join(''));
  m.end();
  const want = keys.map(key => `STORED\r\nVALUE ${key} 0 ${key.length}\r\n${key}\r\nEND\r\n`).join('');
  assert.equal((await m.readToEnd()).toString(), want);
});
