// What a user may not do is refused on every path, in the words of a real server with the same ACL.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { commandWords } from '../support/command-words.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';

const hash = createHash('sha256').update('pass').digest('hex');
const NO_KEY = 'NOPERM this user has no permissions to access one of the keys used as arguments';
const noCommand = (name: string) => `NOPERM this user has no permissions to run the '${name}' command`;

interface Both {
  readonly daemon: Daemon;
  readonly servers: readonly RedisServer[];
  /** Signed in through Ringmaster. */
  client(): Promise<RawClient>;
}

const userLine = (rules: string, more = '') =>
  `  app: { pools: [pool], passwords: ['#${hash}'], rules: '${rules}'${more} }`;

async function start(t: TestContext, rules: string, settings: readonly string[] = [], servers = 2): Promise<Both> {
  const started = await Promise.all(Array.from({ length: servers }, () => startRedis()));
  t.after(() => started.forEach(server => void server.kill()));
  const pool = { protocol: 'redis', servers: started.map(({ port }) => port), settings } as const;
  const daemon = await startDaemon(t, { pool }, { settings: ['users:', userLine(rules)] });
  const client = async () => {
    const client = await daemon.client('pool');
    t.after(() => client.destroy());
    assert.equal(await client.command('AUTH', 'app', 'pass'), 'OK');
    return client;
  };
  return { daemon, servers: started, client };
}

async function reload({ ringmaster, adminPort }: Daemon, from: string, to: string) {
  const text = readFileSync(ringmaster.configFile, 'utf8');
  assert.ok(text.includes(from));
  ringmaster.writeConfig(text.replace(from, to));
  const response = await fetch(`http://127.0.0.1:${adminPort}/-/reload`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
}

test('a conversation is answered as by a server that has the same user', async t => {
  const rules =
    '+@all -@dangerous -@blocking +blpop +sort ~app:* %R~shared:* &app.* -strlen -client|setname +client|getname';
  const { client } = await start(t, rules, [], 1);
  const reference = await startRedis();
  t.after(() => reference.kill());
  await reference.command('ACL', 'SETUSER', 'app', 'on', `#${hash}`, ...rules.split(' '));
  const lines = [
    'SET app:1 a',
    'SET shared:1 a',
    'GET shared:1',
    'GET other',
    'MGET app:1 shared:1',
    'MGET app:1 other',
    'MSET app:1 x other y',
    'COPY shared:1 app:2',
    'COPY app:1 shared:1',
    'RENAME app:1 other',
    'DEL app:1 app:2',
    'DEL app:1 other',
    'STRLEN app:1',
    'FLUSHALL',
    'CONFIG GET maxmemory',
    'CLIENT SETNAME x',
    'CLIENT GETNAME',
    'ACL WHOAMI',
    'BLPOP other 1',
    'BRPOP app:1 1',
    'PUBLISH app.news x',
    'PUBLISH news x',
    'SORT app:1 BY w_* GET x',
    'SORT app:1 BY nosort GET #',
    'SORT app:1 STORE shared:2',
    'SORT app:1 LIMIT 0 1',
    'EVAL "return 1" 1 other',
    'EVAL "return KEYS[1]" 1 app:1',
    'MULTI',
    'SET app:1 v',
    'SET other v',
    'GET app:1',
    'EXEC',
    'GET app:1',
    'MULTI',
    'SET app:1 v',
    'GET app:1',
    'EXEC',
    'WATCH other',
    'WATCH app:1',
    'MULTI',
    'FLUSHALL',
    'DISCARD',
    'AUTH app wrong',
    'GET app:1',
    'XADD app:s 1-1 f v',
    'XREAD COUNT 1 STREAMS app:s other 0 0',
    'XREAD COUNT 1 STREAMS app:s 0',
    'NOSUCH',
    'GET',
    'SUBSCRIBE app.a news',
    'PSUBSCRIBE app.a*',
  ];
  const ours = await client();
  const theirs = await reference.client();
  assert.equal(await theirs.command('AUTH', 'app', 'pass'), 'OK');
  for (const line of lines) {
    const request = encodeCommand(...commandWords(line));
    ours.send(request);
    theirs.send(request);
    const [got, want] = await Promise.all([ours.readReply(), theirs.readReply()]);
    assert.equal(got.toString('latin1'), want.toString('latin1'), line);
  }
  theirs.destroy();
});

test('EXEC that may not be run ends the transaction, as a server has it', async t => {
  const { client } = await start(t, '+@all -exec ~*', [], 1);
  const reference = await startRedis();
  t.after(() => reference.kill());
  await reference.command('ACL', 'SETUSER', 'app', 'on', `#${hash}`, '+@all', '-exec', '~*');
  const [ours, theirs] = [await client(), await reference.client()];
  await theirs.command('AUTH', 'app', 'pass');
  for (const line of ['EXEC', 'MULTI', 'SET k v', 'EXEC', 'GET k', 'EXEC', 'DISCARD', 'WATCH k', 'EXEC', 'SET k v']) {
    const [got, want] = await Promise.all([ours, theirs].map(each => each.command(...commandWords(line))));
    assert.deepEqual(got, want, line);
  }
  theirs.destroy();
});

test('pipelines, inline commands, whole transactions and requests in pieces reach no server with what is refused', async t => {
  const { client, servers } = await start(t, '+@all -del ~app:* &*');
  const each = await client();
  const words = [
    'SET app:1 v\r\nSET other v\r\nMGET app:1 other\r\ndel app:1\r\nGET app:1\r\n',
    'MULTI\r\nSET app:{x}1 v\r\nDEL app:{x}1\r\nEXEC\r\n',
  ].join('');
  const whole = Buffer.concat(
    ['MULTI', 'SET app:{x}1 v', 'SET other{x} v', 'EXEC'].map(line => encodeCommand(...commandWords(line))),
  );
  each.send(words);
  each.send(whole);
  const noKey = `-${NO_KEY}\r\n`;
  const noDel = `-${noCommand('del')}\r\n`;
  const aborted = '-EXECABORT Transaction discarded because of previous errors.\r\n';
  const want =
    `+OK\r\n${noKey}${noKey}${noDel}$1\r\nv\r\n` +
    `+OK\r\n+QUEUED\r\n${noDel}${aborted}+OK\r\n+QUEUED\r\n${noKey}${aborted}`;
  assert.equal((await each.readUntil(want.length)).toString(), want);
  const request = encodeCommand('SET', 'other', 'v');
  for (let i = 1; i < request.length; i++) {
    each.send(request.subarray(0, i));
    await new Promise(setImmediate);
    each.send(request.subarray(i));
    assert.equal((await each.readReply()).toString(), noKey, `at ${i}`);
  }
  for (const server of servers) {
    const keys = (await server.command('KEYS', '*')) as Buffer[];
    assert.deepEqual(keys.map(String), keys.length === 0 ? [] : ['app:1']);
  }
});

test('a reload: rules go from the next request on, and who listens where it may not is let go', async t => {
  const { daemon, client } = await start(t, '+@all ~app:* &app.*');
  const [works, listens] = [await client(), await client()];
  assert.equal(await works.command('SET', 'app:1', 'v'), 'OK');
  await listens.command('SUBSCRIBE', 'app.news');
  await reload(daemon, '+@all ~app:* &app.*', '+@all -set ~app:* ~new:* &app.* &new');
  assert.deepEqual(await works.command('SET', 'app:1', 'v'), new RespError(noCommand('set')));
  assert.deepEqual(await works.command('GET', 'new:1'), null);
  await daemon.client('pool').then(async publisher => {
    await publisher.command('AUTH', 'app', 'pass');
    assert.equal(await publisher.command('PUBLISH', 'app.news', 'hello'), 1);
    publisher.destroy();
  });
  assert.match(String(await listens.readReply()), /hello/);
  await reload(daemon, '&app.* &new', '&app.n*');
  await listens.closed;
  assert.deepEqual(await works.command('GET', 'new:1'), null);
});

test('databases: only its own, whatever the command', async t => {
  const servers = [await startRedis()];
  t.after(() => servers[0]!.kill());
  const pool = { protocol: 'redis', servers: [servers[0]!.port], settings: ['databases: 4'] } as const;
  const daemon = await startDaemon(
    t,
    { pool },
    { settings: ['users:', userLine('+@all ~* &*', ', databases: [1, 2]')] },
  );
  const client = await daemon.client('pool');
  const refused = new RespError('NOPERM this user has no permissions to access the database');
  assert.equal(await client.command('AUTH', 'app', 'pass'), 'OK');
  for (const line of ['GET k', 'SELECT 0', 'SELECT 3', 'FLUSHALL', 'DBSIZE']) {
    assert.deepEqual(await client.command(...commandWords(line)), refused, line);
  }
  assert.equal(await client.command('SELECT', '1'), 'OK');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  assert.equal(await client.command('COPY', 'k', 'j', 'DB', '2'), 1);
  assert.deepEqual(await client.command('COPY', 'k', 'j', 'DB', '3'), refused);
  assert.deepEqual(await client.command('MOVE', 'k', '0'), refused);
  client.destroy();
});
