// Who is not let in tries to be: by pieces, by pipelines, by what looks like a request inside a password, by floods and by garbage.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { packet } from '../support/binary-packets.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';

const PASSWORD = 'correct-horse-battery';
const GUESS = 'wrong-guess-of-mine';
const NOAUTH = '-NOAUTH Authentication required.\r\n';
const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';
const SECRET = 'only for those who may';
const USERS = [
  'users:',
  `  app: { pools: [redis, memcached], passwords: ['#${createHash('sha256').update(PASSWORD).digest('hex')}'] }`,
];

interface Under {
  readonly daemon: Daemon;
  client(pool?: 'redis' | 'memcached'): Promise<RawClient>;
}

/** Servers that have a value under `secret`. */
async function start(t: TestContext): Promise<Under> {
  const redis = await startRedis();
  const memcached = await startMemcached();
  t.after(() => Promise.all([redis.kill(), memcached.kill()]));
  await redis.command('SET', 'secret', SECRET);
  const direct = await RawClient.connect(memcached.port);
  direct.send(`set secret 0 0 ${SECRET.length}\r\n${SECRET}\r\n`);
  await direct.readLine();
  direct.destroy();
  const pools = {
    redis: { protocol: 'redis', servers: [redis.port] },
    memcached: { protocol: 'memcached', servers: [memcached.port] },
  } as const;
  const daemon = await startDaemon(t, pools, { settings: USERS });
  return {
    daemon,
    async client(pool = 'redis') {
      const client = await daemon.client(pool);
      t.after(() => client.destroy());
      return client;
    },
  };
}

/** Nothing of these texts is where people look. */
async function assertUnsaid(daemon: Daemon, texts: readonly string[]): Promise<void> {
  const pages = ['/config', '/metrics', '/api/v1/events', '/api/v1/slowlog', '/api/v1/clients', '/api/v1/settings'];
  const said = await Promise.all(pages.map(async page => `${page} ${(await daemon.page(page)).body}`));
  for (const text of texts) {
    for (const each of [...said, daemon.ringmaster.stderr()]) assert.ok(!each.includes(text), each.slice(0, 40));
  }
}

test('AUTH in two pieces, split anywhere, and a request before and behind it', async t => {
  const { client } = await start(t);
  const get = encodeCommand('GET', 'secret');
  const bytes = Buffer.concat([get, encodeCommand('AUTH', 'app', PASSWORD), get]);
  const expected = `${NOAUTH}+OK\r\n$${SECRET.length}\r\n${SECRET}\r\n`;
  for (let at = 1; at < bytes.length; at++) {
    const one = await client();
    one.send(bytes.subarray(0, at));
    // What is whole of it is answered before the rest is sent.
    if (at >= get.length) assert.equal(String(await one.readUntil(NOAUTH.length)), NOAUTH);
    one.send(bytes.subarray(at));
    const rest = at >= get.length ? expected.slice(NOAUTH.length) : expected;
    assert.equal(String(await one.readUntil(rest.length)), rest, `split at ${at}`);
    one.destroy();
  }
});

test('requests behind a refused sign-in, in the same write, are refused', async t => {
  const { daemon, client } = await start(t);
  const get = encodeCommand('GET', 'secret');
  const signIns = [
    encodeCommand('AUTH', 'app', GUESS),
    encodeCommand('AUTH', 'nobody', PASSWORD),
    encodeCommand('AUTH', GUESS),
    encodeCommand('AUTH', '', ''),
    encodeCommand('AUTH', 'app', `${PASSWORD}\0`),
    encodeCommand('AUTH', 'APP', PASSWORD),
    encodeCommand('AUTH', 'app\r\n+OK', PASSWORD),
    encodeCommand('AUTH', '__proto__', 'x'),
    encodeCommand('AUTH', 'constructor', 'x'),
  ];
  // At once: the answers to wrong passwords wait.
  await Promise.all(
    signIns.map(async signIn => {
      const one = await client();
      one.send(Buffer.concat([signIn, get, get]));
      const expected = WRONG + NOAUTH + NOAUTH;
      assert.equal(String(await one.readUntil(expected.length)), expected, String(signIn));
    }),
  );
  await assertUnsaid(daemon, [GUESS, PASSWORD, SECRET]);
});

test('a password that looks like requests is a password', async t => {
  const { client } = await start(t);
  const one = await client();
  const trick = `x\r\n*2\r\n$3\r\nGET\r\n$6\r\nsecret\r\n${encodeCommand('AUTH', 'app', PASSWORD)}`;
  one.send(Buffer.concat([encodeCommand('AUTH', 'app', trick), encodeCommand('GET', 'secret')]));
  const expected = WRONG + NOAUTH;
  assert.equal(String(await one.readUntil(expected.length)), expected);
  const other = await client('memcached');
  const data = `app x\r\nget secret\r\nset a 0 0 ${4 + PASSWORD.length}\r\napp ${PASSWORD}`;
  other.send(`set a 0 0 ${data.length}\r\n${data}\r\nget secret\r\n`);
  const words = 'CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\n';
  assert.equal(String(await other.readUntil(words.length)), words);
});

test('whoever has not signed in may not have much kept: as a server does it, the connection ends', async t => {
  const { client } = await start(t);
  for (const [bytes, answer] of [
    ['*11\r\n', '-ERR Protocol error: unauthenticated multibulk length\r\n'],
    ['*3\r\n$4\r\nAUTH\r\n$16385\r\n', '-ERR Protocol error: unauthenticated bulk length\r\n'],
    [`*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$500000000\r\n`, '-ERR Protocol error: unauthenticated bulk length\r\n'],
  ] as const) {
    const one = await client();
    one.send(bytes);
    assert.equal(String(await one.readToEnd()), answer);
  }
});

test('thousands of sign-ins in one pipeline: right ones are answered, wrong ones hold up nobody but their client', async t => {
  const { client } = await start(t);
  const count = 3000;
  const wrong = await client();
  wrong.send(Buffer.concat(Array.from({ length: count }, () => encodeCommand('AUTH', 'app', GUESS))));
  assert.equal(String(await wrong.readUntil(WRONG.length)), WRONG);
  const right = await client();
  right.send(Buffer.concat(Array.from({ length: count }, () => encodeCommand('AUTH', 'app', PASSWORD))));
  assert.equal(String(await right.readUntil(5 * count)), '+OK\r\n'.repeat(count));
  assert.deepEqual(await right.command('GET', 'secret'), Buffer.from(SECRET));
  wrong.reset();
  assert.deepEqual(await right.command('GET', 'secret'), Buffer.from(SECRET));
});

test('a flood of wrong passwords on many connections keeps nobody else from signing in', async t => {
  const { daemon, client } = await start(t);
  const wrong = Buffer.concat(Array.from({ length: 50 }, () => encodeCommand('AUTH', 'app', GUESS)));
  const flood = await Promise.all(Array.from({ length: 60 }, () => client()));
  for (const each of flood) each.send(wrong);
  // From the same address as they.
  for (let i = 0; i < 20; i++) {
    const one = await client();
    assert.equal(await one.command('AUTH', 'app', PASSWORD), 'OK');
    assert.deepEqual(await one.command('GET', 'secret'), Buffer.from(SECRET));
    one.destroy();
  }
  for (const each of flood) each.reset();
  const last = await client();
  assert.equal(await last.command('AUTH', 'app', PASSWORD), 'OK');
  await assertUnsaid(daemon, [GUESS, PASSWORD]);
});

test('HELLO, RESET and transactions are no way round', async t => {
  const { client } = await start(t);
  const one = await client();
  const noauth = new RespError('NOAUTH Authentication required.');
  one.send(Buffer.concat([encodeCommand('HELLO', '3'), encodeCommand('HELLO', '3', 'AUTH', 'app', GUESS)]));
  assert.match(String(await one.readReply()), /^-NOAUTH HELLO must be called /);
  assert.equal(String(await one.readReply()), WRONG);
  assert.deepEqual(await one.command('MULTI'), noauth);
  assert.deepEqual(await one.command('GET', 'secret'), noauth);
  assert.deepEqual(await one.command('EXEC'), noauth);
  assert.deepEqual(await one.command('SUBSCRIBE', 'news'), noauth);
  assert.deepEqual(await one.command('EVAL', "return redis.call('GET', KEYS[1])", '1', 'secret'), noauth);
  assert.deepEqual(await one.command('CLIENT', 'LIST'), noauth);
  assert.deepEqual(await one.command('SLOWLOG', 'GET'), noauth);
  assert.deepEqual(await one.command('COMMAND', 'COUNT'), noauth);
  assert.equal(await one.command('AUTH', 'app', PASSWORD), 'OK');
  assert.equal(await one.command('RESET'), 'RESET');
  assert.deepEqual(await one.command('GET', 'secret'), noauth);
  one.send('GET secret\r\nget secret\r\n');
  assert.equal(String(await one.readUntil(2 * NOAUTH.length)), NOAUTH + NOAUTH);
});

test('SASL: garbage is refused, and what comes behind it is', async t => {
  const { daemon, client } = await start(t);
  const get = packet('get', { key: 'secret' });
  const sasl = (key: string, value: string | Buffer) => packet('saslAuth', { key, value });
  const garbage = [
    sasl('PLAIN', ''),
    sasl('PLAIN', '\0'),
    sasl('PLAIN', '\0\0'),
    sasl('PLAIN', '\0app'),
    sasl('PLAIN', `\0app\0${GUESS}`),
    sasl('PLAIN', `\0app\0${PASSWORD}\0`),
    sasl('PLAIN', `app\0\0${PASSWORD}`),
    sasl('PLAIN', Buffer.alloc(2000, 0)),
    sasl('PLAIN', Buffer.alloc(2000, 0xff)),
    sasl('plain', `\0app\0${PASSWORD}`),
    sasl('', `\0app\0${PASSWORD}`),
    sasl('CRAM-MD5', 'x'),
    sasl('EXTERNAL', 'app'),
    packet('saslStep', { key: 'PLAIN', value: `\0app\0${GUESS}` }),
  ];
  await Promise.all(
    garbage.map(async bytes => {
      const one = await client('memcached');
      one.send(Buffer.concat([bytes, get]));
      one.end();
      const answer = await one.readToEnd();
      assert.ok(answer.length >= 24, bytes.toString('hex'));
      assert.notEqual(answer.readUInt16BE(6), 0, bytes.toString('hex'));
      assert.ok(!answer.includes(SECRET), bytes.toString('hex'));
    }),
  );
  const good = await client('memcached');
  good.send(Buffer.concat([sasl('PLAIN', `\0app\0${PASSWORD}`), get]));
  good.end();
  assert.ok((await good.readToEnd()).includes(SECRET));
  await assertUnsaid(daemon, [GUESS, PASSWORD]);
});

test('memcached in text: odd first requests are refused, and what comes behind them is', async t => {
  const { daemon, client } = await start(t);
  const firsts = [
    `set a 0 0 ${4 + GUESS.length}\r\napp ${GUESS}\r\n`,
    `set a 0 0 ${4 + GUESS.length} noreply\r\napp ${GUESS}\r\n`,
    'set a 0 0 0\r\n\r\n',
    'set a 0 0 3\r\napp\r\n',
    'set a 0 0 1\r\n \r\n',
    `add a 0 0 ${4 + PASSWORD.length}\r\napp ${PASSWORD}\r\n`,
    'mg secret v\r\n',
    'gets secret\r\n',
    'stats\r\n',
  ];
  await Promise.all(
    firsts.map(async first => {
      const one = await client('memcached');
      one.send(`${first}get secret\r\n`);
      one.end();
      const answer = String(await one.readToEnd());
      assert.ok(!answer.includes(SECRET), `${first} ${answer}`);
      assert.match(answer, /CLIENT_ERROR|ERROR/, first);
    }),
  );
  await assertUnsaid(daemon, [GUESS, PASSWORD]);
});
