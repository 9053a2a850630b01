// Users of a memcached pool: text, meta and binary requests are held against the same rules.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { describeResponses, packet, responseLength, storeExtras } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { connectMemjs } from '../support/memjs.ts';
import { startDaemon } from '../support/pool-daemon.ts';

const hash = createHash('sha256').update('pass').digest('hex');
const NO_COMMAND = 'CLIENT_ERROR this user has no permissions to run the command\r\n';
const NO_KEY = 'CLIENT_ERROR this user has no permissions to access the key\r\n';
const SIGN_IN = 'set x 0 0 8\r\napp pass\r\n';

async function start(t: TestContext, rules: string) {
  const servers = await Promise.all([startMemcached(), startMemcached()]);
  t.after(() => servers.forEach(server => void server.kill()));
  const users = ['users:', `  app: { pools: [pool], passwords: ['#${hash}'], rules: '${rules}' }`];
  const pool = { protocol: 'memcached', servers: servers.map(({ port }) => port) } as const;
  return startDaemon(t, { pool }, { settings: users });
}

test('text and meta: commands by category, keys by what is done to them', async t => {
  const daemon = await start(t, '+@read +@write -flush_all +stats|settings ~app:* %R~shared:*');
  const client = await daemon.client('pool');
  t.after(() => client.destroy());
  const steps: [string, string | RegExp][] = [
    [SIGN_IN, 'STORED\r\n'],
    ['set app:1 0 0 1\r\na\r\n', 'STORED\r\n'],
    ['set shared:1 0 0 1\r\na\r\n', NO_KEY],
    ['set other 0 0 5 noreply\r\nset a\r\nget app:1\r\n', 'VALUE app:1 0 1\r\na\r\nEND\r\n'],
    ['get app:1 shared:1\r\n', 'VALUE app:1 0 1\r\na\r\nEND\r\n'],
    ['get app:1 other\r\n', NO_KEY],
    ['gat 100 shared:1\r\n', NO_KEY],
    ['incr shared:1 1\r\n', NO_KEY],
    ['delete other\r\n', NO_KEY],
    ['flush_all\r\n', NO_COMMAND],
    ['stats\r\n', NO_COMMAND],
    ['stats reset\r\n', NO_COMMAND],
    ['verbosity 1\r\n', NO_COMMAND],
    ['mg shared:1 v\r\n', 'EN\r\n'],
    ['mg shared:1 v N30\r\n', NO_KEY],
    ['mg shared:1 v T30\r\n', NO_KEY],
    ['mg app:1 v T30\r\n', 'VA 1\r\na\r\n'],
    ['mg b3RoZXI= b v\r\n', NO_KEY],
    ['mg YXBwOjE= b v\r\n', 'VA 1\r\na\r\n'],
    ['ms other 1\r\nx\r\n', NO_KEY],
    ['ms app:2 1\r\nx\r\n', 'HD\r\n'],
    ['md shared:1 q\r\nmn\r\n', `${NO_KEY}MN\r\n`],
    ['me app:1\r\n', NO_COMMAND],
    ['version\r\n', /^VERSION /],
    ['nosuch\r\n', 'ERROR\r\n'],
  ];
  for (const [sent, want] of steps) {
    client.send(sent);
    if (typeof want === 'string') {
      assert.equal((await client.readUntil(want.length)).toString(), want, sent);
    } else assert.match((await client.readUntil('\r\n')).toString(), want);
  }
  client.send('stats settings\r\n');
  assert.match((await client.readUntil('END\r\n')).toString(), /^STAT /);
});

test('binary: a refused request is answered by itself, also among gets that go together', async t => {
  const daemon = await start(t, '+@read +set ~app:*');
  const client = await daemon.client('pool');
  t.after(() => client.destroy());
  client.send(packet('saslAuth', { key: 'PLAIN', value: '\0app\0pass' }));
  assert.equal(describeResponses(await client.readUntil(responseLength)).length, 1);
  const requests = [
    packet('set', { key: 'app:1', extras: storeExtras(0, 0), value: 'a', opaque: 1 }),
    packet('set', { key: 'other', extras: storeExtras(0, 0), value: 'a', opaque: 2 }),
    packet('getkq', { key: 'app:1', opaque: 3 }),
    packet('getkq', { key: 'other', opaque: 4 }),
    packet('get', { key: 'app:1', opaque: 5 }),
    packet('flush', { opaque: 6 }),
    packet('noop', { opaque: 7 }),
  ];
  client.send(Buffer.concat(requests));
  const statuses: [number, number][] = [];
  for (let i = 0; i < requests.length; i++) {
    const response = await client.readUntil(responseLength);
    statuses.push([response.readUInt32BE(12), response.readUInt16BE(6)]);
  }
  assert.deepEqual(statuses, [
    [1, 0],
    [2, 0x20],
    [3, 0],
    [4, 0x20],
    [5, 0],
    [6, 0x20],
    [7, 0],
  ]);
});

test('memjs signs in as a user', async t => {
  const daemon = await start(t, '+@read +@write ~app:*');
  const client = connectMemjs(daemon.port('pool'), { username: 'app', password: 'pass' });
  t.after(() => client.close());
  assert.equal(await client.set('app:1', 'v', {}), true);
  assert.equal(String((await client.get('app:1')).value), 'v');
  await assert.rejects(client.set('other', 'v', {}));
});
