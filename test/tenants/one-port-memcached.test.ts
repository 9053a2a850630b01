// One port for several pools: the user that a memcached client signs in as chooses the pool, in text and in binary.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { describeResponses, packet, responseLength, storeExtras } from '../support/binary-packets.ts';
import { memcachedSignIn, startMemcachedFor } from '../support/memcached-sign-in.ts';
import { connectMemjs } from '../support/memjs.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';

async function start(t: TestContext): Promise<Daemon> {
  const [alices, bobs] = [await startMemcachedFor(t, 'alice:sesame'), await startMemcachedFor(t, 'bob:open')];
  const pool = (port: number, credentials: string) => ({
    protocol: 'memcached' as const,
    servers: [port],
    settings: [`memcached_auth: "${credentials}"`],
    hasNoPort: true,
  });
  const front = {
    protocol: 'memcached' as const,
    servers: [],
    settings: ['pool_by: user', 'pools: { alice: a, bob: b }'],
  };
  const pools = { front, a: pool(alices.port, 'alice:sesame'), b: pool(bobs.port, 'bob:open') };
  return startDaemon(t, pools);
}

test('text: the first set names the user, and nothing is open before', async t => {
  const daemon = await start(t);
  const requests = [
    'get k',
    'version',
    'mn',
    'set k 0 0 1\r\nv',
    'nonsense',
    'set x 0 0 5\r\nalice',
    'set x 0 0 0\r\n',
  ];
  const client = await daemon.client('front');
  client.send(`${requests.join('\r\n')}\r\n${memcachedSignIn('alice', 'wrong')}${memcachedSignIn('nobody', 'x')}`);
  const DENIED = 'CLIENT_ERROR unauthenticated\r\n';
  const WRONG = 'CLIENT_ERROR authentication failure\r\n';
  const want = DENIED.repeat(3) + WRONG + DENIED + WRONG.repeat(4);
  assert.equal((await client.readUntil(want.length)).toString(), want);
  client.send(`${memcachedSignIn('alice', 'sesame')}get k\r\n`);
  assert.equal((await client.readUntil('END\r\n')).toString(), 'STORED\r\nEND\r\n');
  const bob = await daemon.client('front');
  bob.send(`${memcachedSignIn('bob', 'open')}set who 0 0 3\r\nbob\r\nget who\r\n`);
  assert.equal((await bob.readUntil('END\r\n')).toString(), 'STORED\r\nSTORED\r\nVALUE who 0 3\r\nbob\r\nEND\r\n');
  client.send('get who\r\n');
  assert.equal((await client.readUntil('END\r\n')).toString(), 'END\r\n');
  for (const each of [client, bob]) each.destroy();
});

test('text, split at every byte', async t => {
  const daemon = await start(t);
  const bytes = `get k\r\n${memcachedSignIn('alice', 'sesame')}set k 0 0 1\r\nv\r\nget k\r\n`;
  const want = 'CLIENT_ERROR unauthenticated\r\nSTORED\r\nSTORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n';
  for (let at = 1; at < bytes.length; at++) {
    const client = await daemon.client('front');
    client.send(bytes.slice(0, at));
    await new Promise(resolve => setImmediate(resolve));
    client.send(bytes.slice(at));
    assert.equal((await client.readUntil(want.length)).toString(), want, `at ${at}`);
    client.destroy();
  }
});

test('binary: SASL PLAIN, also as another user later', async t => {
  const daemon = await start(t);
  const client = await daemon.client('front');
  const sasl = (user: string, password: string) =>
    packet('saslAuth', { key: 'PLAIN', value: `\0${user}\0${password}` });
  const set = (key: string) => packet('set', { key, value: 'v', extras: storeExtras() });
  const read = async () => describeResponses(await client.readUntil(responseLength))[0]!;
  client.send(sasl('alice', 'wrong'));
  assert.match(await read(), /status 32 /);
  client.send(Buffer.concat([sasl('alice', 'sesame'), set('mine'), packet('get', { key: 'mine' })]));
  assert.match(await read(), /status 0 .*Authenticated/);
  assert.match(await read(), /^set status 0 /);
  assert.match(await read(), /^get status 0 /);
  client.send(Buffer.concat([sasl('bob', 'open'), packet('get', { key: 'mine' })]));
  assert.match(await read(), /status 0 .*Authenticated/);
  assert.match(await read(), /^get status 1 /);
  client.destroy();
});

test('memjs with user and password', async t => {
  const daemon = await start(t);
  const alice = connectMemjs(daemon.port('front'), { username: 'alice', password: 'sesame' });
  const bob = connectMemjs(daemon.port('front'), { username: 'bob', password: 'open' });
  assert.equal(await alice.set('shared', 'alice', {}), true);
  assert.equal(await bob.set('shared', 'bob', {}), true);
  assert.equal(String((await alice.get('shared')).value), 'alice');
  assert.equal(String((await bob.get('shared')).value), 'bob');
  alice.close();
  bob.close();
});
