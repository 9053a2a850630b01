// One port for several pools, and who tries to have another's pool by it: by pieces, by pipelines, in transactions, by doing nothing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { askAdmin, postAdmin } from '../support/admin-client.ts';
import { packet } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { memcachedSignIn } from '../support/memcached-sign-in.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const ALICES = 'alices-password';
const BOBS = 'bobs-password';
/** What is under `who` in the pool of each. */
const [OF_ALICE, OF_BOB] = ['only of alice', 'only of bob'];
const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const WHO = encodeCommand('GET', 'who');
const signIn = (user: string, password: string) => encodeCommand('AUTH', user, password);

let daemon: Daemon;
const release: (() => unknown)[] = [];

before(async () => {
  const [alices, bobs, memcachedOne, memcachedTwo] = await Promise.all([
    startRedis(),
    startRedis(),
    startMemcached(),
    startMemcached(),
  ]);
  for (const server of [alices, bobs, memcachedOne, memcachedTwo]) release.push(() => server.kill());
  await alices.command('SET', 'who', OF_ALICE);
  await bobs.command('SET', 'who', OF_BOB);
  const guest = (protocol: 'redis' | 'memcached', port: number, settings: string[] = []) =>
    ({ protocol, servers: [port], hasNoPort: true, settings }) as const;
  const port = (protocol: 'redis' | 'memcached', more: string[] = []) =>
    ({ protocol, servers: [], settings: ['pool_by: user', ...more] }) as const;
  const pools = {
    front: port('redis'),
    narrow: port('redis', ['client_connections: 20']),
    texts: port('memcached'),
    a: guest('redis', alices.port),
    b: guest('redis', bobs.port),
    ma: guest('memcached', memcachedOne.port),
    mb: guest('memcached', memcachedTwo.port),
  };
  const settings = [
    'users:',
    `  alice: { pools: [a, ma], passwords: [${ALICES}] }`,
    `  bob: { pools: [b, mb], passwords: [${BOBS}] }`,
    `  homeless: { pools: [ma], passwords: [${ALICES}] }`,
  ];
  daemon = await startDaemon({ after: end => release.push(end as () => unknown) }, pools, { settings });
  for (const [user, password, value] of [
    ['alice', ALICES, OF_ALICE],
    ['bob', BOBS, OF_BOB],
  ] as const) {
    const client = await daemon.client('texts');
    client.send(`${memcachedSignIn(user, password)}set who 0 0 ${value.length}\r\n${value}\r\n`);
    await client.readUntil('STORED\r\nSTORED\r\n');
    client.destroy();
  }
});

after(async () => {
  for (const end of release.reverse()) await end();
});

async function connect(t: TestContext, port = 'front'): Promise<RawClient> {
  const client = await daemon.client(port);
  t.after(() => client.destroy());
  return client;
}

/** The answers to what is sent, of which each byte is known. */
async function expectOf(client: RawClient, bytes: Buffer | string, expected: string, what = ''): Promise<void> {
  client.send(bytes);
  assert.equal(String(await client.readUntil(expected.length)), expected, what);
}

/** The status of each answer in binary, or the value that is in it. */
async function packetsOf(client: RawClient, count: number): Promise<(number | string)[]> {
  const values: (number | string)[] = [];
  while (values.length < count) {
    const header = await client.readUntil(24);
    const body = await client.readUntil(header.readUInt32BE(8));
    const status = header.readUInt16BE(6);
    values.push(header[1] === 0 && status === 0 ? body.subarray(header[4]).toString('latin1') : status);
  }
  return values;
}

test('back and forth in one pipeline, cut at every byte: each reply is of the pool whose user asked', async t => {
  const bytes = Buffer.concat([
    WHO,
    signIn('alice', ALICES),
    WHO,
    signIn('bob', BOBS),
    WHO,
    encodeCommand('RESET'),
    WHO,
    signIn('bob', BOBS),
    WHO,
  ]);
  const expected = `${NOAUTH}+OK\r\n${bulk(OF_ALICE)}+OK\r\n${bulk(OF_BOB)}+RESET\r\n${NOAUTH}+OK\r\n${bulk(OF_BOB)}`;
  const reset = encodeCommand('RESET');
  const client = await connect(t);
  for (let at = 1; at < bytes.length; at++) {
    client.send(bytes.subarray(0, at));
    await new Promise(resolve => setImmediate(resolve));
    await expectOf(client, bytes.subarray(at), expected, `cut at ${at}`);
    await expectOf(client, reset, '+RESET\r\n');
  }
});

test('another user while requests are under way, wrong and right, again and again', async t => {
  const client = await connect(t);
  const pieces: Buffer[] = [];
  let expected = '';
  const gets = (count: number, value: string) => {
    for (let i = 0; i < count; i++) pieces.push(WHO);
    expected += bulk(value).repeat(count);
  };
  for (let round = 0; round < 50; round++) {
    pieces.push(signIn('alice', ALICES));
    expected += '+OK\r\n';
    gets(20, OF_ALICE);
    pieces.push(signIn('bob', BOBS));
    expected += '+OK\r\n';
    gets(20, OF_BOB);
  }
  await expectOf(client, Buffer.concat(pieces), expected);
  const wrong = Buffer.concat([
    WHO,
    signIn('alice', BOBS),
    WHO,
    signIn('nobody', ALICES),
    WHO,
    signIn('homeless', ALICES),
    WHO,
  ]);
  const bob = bulk(OF_BOB);
  await expectOf(client, wrong, bob + WRONG + bob + WRONG + bob + WRONG + bob);
});

test('a sign-in in a transaction, with watched keys or as somebody who listens leads nowhere', async t => {
  const client = await connect(t);
  await expectOf(client, signIn('alice', ALICES), '+OK\r\n');
  const hello = (...more: string[]) => encodeCommand('HELLO', '2', 'AUTH', 'bob', BOBS, ...more);
  for (const other of [signIn('bob', BOBS), hello(), hello('SETNAME', 'x')]) {
    client.send(Buffer.concat([encodeCommand('MULTI'), WHO, other, WHO, encodeCommand('EXEC'), WHO]));
    const replies = String(Buffer.concat(await client.readReplies(6)));
    assert.ok(!replies.includes(OF_BOB), replies);
    assert.ok(replies.endsWith(bulk(OF_ALICE)), replies);
    assert.match(replies, /^\+OK\r\n\+QUEUED\r\n-ERR [^\r]*\r\n\+QUEUED\r\n-EXECABORT /);
    client.send(Buffer.concat([encodeCommand('WATCH', 'who'), other, WHO, encodeCommand('UNWATCH')]));
    const watched = String(Buffer.concat(await client.readReplies(4)));
    assert.match(watched, /^\+OK\r\n-ERR /);
    assert.ok(watched.includes(OF_ALICE) && !watched.includes(OF_BOB), watched);
  }
  client.send(Buffer.concat([encodeCommand('SUBSCRIBE', 'news'), signIn('bob', BOBS), encodeCommand('PING')]));
  assert.match(
    String(Buffer.concat(await client.readReplies(3))),
    /^\*3\r\n\$9\r\nsubscribe\r\n[\s\S]*\r\n-ERR [^\r]*\r\n\*2\r\n\$4\r\npong\r\n/,
  );
});

test('memcached: steps of SASL between others, and text between packets', async t => {
  const sasl = (user: string, password: string) =>
    packet('saslAuth', { key: 'PLAIN', value: `\0${user}\0${password}` });
  const get = packet('get', { key: 'who' });
  const client = await connect(t, 'texts');
  const all = [
    sasl('alice', BOBS),
    sasl('bob', BOBS),
    get,
    sasl('alice', BOBS),
    get,
    sasl('alice', ALICES),
    get,
    // As with memcached nobody is signed in after it.
    packet('saslStep', { key: 'PLAIN', value: `\0bob\0${ALICES}` }),
    get,
  ];
  client.send(Buffer.concat(all));
  const refused = 0x20;
  const expected = [refused, 0, OF_BOB, refused, OF_BOB, 0, OF_ALICE, refused, refused];
  assert.deepEqual(await packetsOf(client, all.length), expected);
  for (const first of [sasl('alice', BOBS), packet('saslStep', { key: 'PLAIN', value: `\0alice\0${BOBS}` })]) {
    const other = await connect(t, 'texts');
    other.send(Buffer.concat([first, get, sasl('alice', ALICES), get]));
    const answer = await other.readToEnd();
    assert.ok(!answer.includes(OF_ALICE) && !answer.includes(OF_BOB), 'what is refused ends the connection');
  }
  const text = await connect(t, 'texts');
  const data = `alice ${ALICES}`;
  const trick = `bob x\r\nget who\r\nset a 0 0 ${data.length}\r\n${data}`;
  const words = 'CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\n';
  await expectOf(text, `set a 0 0 ${trick.length}\r\n${trick}\r\nget who\r\n`, words);
});

test('who does not sign in is bounded in number and in time, and holds up nobody in the pools', async t => {
  const inside = await connect(t, 'narrow');
  await expectOf(inside, signIn('alice', ALICES), '+OK\r\n');
  const silent = await Promise.all(Array.from({ length: 20 }, () => daemon.client('narrow')));
  for (const each of silent) t.after(() => each.destroy());
  // Half of a request is no sign-in.
  const half = `*3\r\n$4\r\nAUTH\r\n$5\r\nalice\r\n$16384\r\n${'x'.repeat(16_000)}`;
  for (const [i, each] of silent.entries()) if (i % 2 === 0) each.send(half);
  const held = () => daemon.metric('ringmaster_worker_held_bytes');
  await waitFor(async () => (await held()) >= 10 * half.length, { what: 'what is kept to be counted' });
  assert.ok((await held()) < 20 * 64 * 1024);
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'narrow' }, 20);
  const late = await connect(t, 'narrow');
  assert.match(String(await late.readToEnd()), /^-ERR max number of clients reached/);
  await expectOf(inside, WHO, bulk(OF_ALICE));
  const body = { set: { 'narrow.client_idle_timeout': '50ms' } };
  assert.equal((await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body })).status, 200);
  await Promise.all(silent.map(each => each.closed));
  await expectOf(inside, WHO, bulk(OF_ALICE));
  const next = await connect(t);
  await expectOf(next, Buffer.concat([signIn('bob', BOBS), WHO]), `+OK\r\n${bulk(OF_BOB)}`);
});

test('a pool that goes while clients are on it, in the middle of what they ask: whole replies, then the end', async t => {
  const text = readFileSync(daemon.ringmaster.configFile, 'utf8');
  const clients = await Promise.all(Array.from({ length: 10 }, () => connect(t)));
  for (const each of clients) await expectOf(each, signIn('bob', BOBS), '+OK\r\n');
  const asked = Buffer.concat(Array.from({ length: 300 }, () => WHO));
  for (const each of clients) each.send(asked);
  daemon.ringmaster.writeConfig(text.replace(/^ {2}b:\n(?: {4}.*\n)+/m, '').replace('pools: [b, mb]', 'pools: [mb]'));
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  for (const each of clients) {
    const answer = String(await each.readToEnd());
    const replies = answer.length / bulk(OF_BOB).length;
    assert.equal(answer, bulk(OF_BOB).repeat(Math.floor(replies)), 'nothing else, and nothing by halves');
  }
  const client = await connect(t);
  await expectOf(client, Buffer.concat([signIn('bob', BOBS), WHO]), WRONG + NOAUTH);
  await expectOf(client, Buffer.concat([signIn('alice', ALICES), WHO]), `+OK\r\n${bulk(OF_ALICE)}`);
  daemon.ringmaster.writeConfig(text);
  await waitFor(async () => (await postAdmin(daemon.adminPort, '/-/reload')).status === 200, { what: 'a reload' });
  await expectOf(client, Buffer.concat([signIn('bob', BOBS), WHO]), `+OK\r\n${bulk(OF_BOB)}`);
});
