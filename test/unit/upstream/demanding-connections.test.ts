// Replies that not every server can give are asked for on connections that have found out whether this one can, and only
// these find it out.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { memcachedProtocol } from '../../../src/protocol/memcached/memcached.ts';
import { REPLY_META, REPLY_VALUES } from '../../../src/protocol/memcached/reply-scanner.ts';
import type { BackendOptions } from '../../../src/upstream/backend-options.ts';
import { BackendUnderTest } from '../../support/backend-under-test.ts';
import { answering, type Delivery, held, inOnePiece, startFakeBackend } from '../../support/fake-backend.ts';
import { memcachedRequest } from '../../support/request-splitter.ts';
import { waitFor } from '../../support/wait-for.ts';

const MISS = 'END\r\n';
const META_MISS = 'EN\r\n';
const VERSION = 'version\r\n';

async function pair(
  t: TestContext,
  { version = 'VERSION 1.6.18\r\n', delivery = inOnePiece }: { version?: string; delivery?: Delivery } = {},
  options: Partial<BackendOptions> = {},
) {
  const said = { version };
  const fake = await startFakeBackend(
    answering(
      memcachedRequest,
      request => {
        const line = request.toString('latin1');
        if (line === VERSION) return said.version;
        return line.startsWith('mg ') ? META_MISS : MISS;
      },
      delivery,
    ),
  );
  t.after(() => fake.close());
  const proxy = new BackendUnderTest(t, fake.port, { protocol: memcachedProtocol, ...options });
  const get = (key: string, client = 1) => proxy.send(Buffer.from(`get ${key}\r\n`), client, 0, REPLY_VALUES);
  const meta = (key: string, client = 1) => proxy.send(Buffer.from(`mg ${key}\r\n`), client, 0, REPLY_META);
  const heard = (index: number) => fake.connections[index]?.requests.map(String);
  return { fake, proxy, said, get, meta, heard };
}

test('a server that is asked for plain things only hears nothing else', async t => {
  const { get, heard } = await pair(t);
  assert.equal(await get('a').settled(), MISS);
  assert.deepEqual(heard(0), ['get a\r\n']);
});

test('the first request that demands more has connections made anew, once', async t => {
  const { fake, proxy, get, meta, heard } = await pair(t);
  assert.equal(await get('a').settled(), MISS);
  assert.equal(await meta('b').settled(), META_MISS);
  assert.equal(await get('c').settled(), MISS);
  assert.equal(await meta('d').settled(), META_MISS);
  assert.deepEqual(heard(1), [VERSION, 'mg b\r\n', 'get c\r\n', 'mg d\r\n']);
  assert.equal(fake.connections.length, 2);
  assert.equal(proxy.stats.serverConnections, 1);
});

test('a request that demands more is the first of all: one connection', async t => {
  const { fake, proxy, meta, heard } = await pair(t, {}, { connections: 2 });
  assert.equal(await meta('a').settled(), META_MISS);
  assert.deepEqual(heard(0), [VERSION, 'mg a\r\n']);
  assert.equal(fake.connections.length, 1);
  assert.equal(proxy.stats.reconnects, 1);
});

test('it does not overtake what was asked before', async t => {
  const gate = held();
  const { fake, get, meta, heard } = await pair(t, { delivery: gate.delivery });
  const first = get('a');
  await fake.untilRequests(1);
  const rest = [meta('b'), get('c')];
  await waitFor(() => fake.connections.length === 1, { what: 'the one connection' });
  assert.equal(first.isSettled, false);
  gate.release();
  assert.deepEqual(await Promise.all([first, ...rest].map(answer => answer.settled())), [MISS, META_MISS, MISS]);
  assert.deepEqual([heard(0), heard(1)], [['get a\r\n'], [VERSION, 'mg b\r\n', 'get c\r\n']]);
});

test('a client stays on its connection among several', async t => {
  const { get, meta, heard } = await pair(t, {}, { connections: 2 });
  for (const client of [2, 3]) assert.equal(await get(`a${client}`, client).settled(), MISS);
  for (const client of [3, 2]) {
    const answers = [meta(`b${client}`, client), get(`c${client}`, client)];
    assert.deepEqual(await Promise.all(answers.map(answer => answer.settled())), [META_MISS, MISS]);
  }
  assert.deepEqual(heard(2), [VERSION, 'mg b3\r\n', 'get c3\r\n']);
  assert.deepEqual(heard(3), [VERSION, 'mg b2\r\n', 'get c2\r\n']);
});

test('a server that is too old refuses what demands more and serves the rest, until it is newer', async t => {
  const { fake, proxy, said, get, meta } = await pair(t, { version: 'VERSION 1.5.22\r\n' });
  assert.equal(await get('a').settled(), MISS);
  for (let i = 0; i < 3; i++) {
    assert.equal(await meta('b').settled(), 'server_version');
    assert.equal(await get('c').settled(), MISS);
  }
  said.version = 'VERSION 1.6.18\r\n';
  fake.resetAll();
  await waitFor(async () => (await meta('d').settled()) === META_MISS, { what: 'the newer server', everyMs: 5 });
  assert.equal(proxy.stats.serverConnections, 1);
});

test('where the server can not be reached, both fail with the reason', async t => {
  const { fake, get, meta } = await pair(t);
  await fake.close();
  assert.equal(await get('a').settled(), 'connection_refused');
  assert.equal(await meta('b').settled(), 'connection_refused');
  assert.equal(await get('c').settled(), 'connection_refused');
});

test('a backend that is closed refuses both', async t => {
  const { proxy, get, meta } = await pair(t);
  proxy.backend.close();
  assert.equal(meta('a').failure, 'no_backend');
  assert.equal(get('a').failure, 'no_backend');
});
