// What servers are told at first where that is not what clients give: users of Redis's ACL and of memcached, from files, and how
// they are changed.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { postAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { encodeCommand, RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const RULES = ['~*', '&*', '+@all'];

/** Lets in a user with these passwords, and nobody else. */
async function startWithUser(user: string, ...passwords: string[]): Promise<RedisServer> {
  const words = passwords.map(password => `>${password}`);
  const admin = ['--user', 'admin', 'on', '>admin', ...RULES];
  return startRedis({ args: ['--user', user, 'on', ...words, ...RULES, ...admin, '--user', 'default', 'off'] });
}

async function asAdmin(server: RedisServer, ...words: string[]): Promise<unknown> {
  const client = await server.client();
  await client.command('AUTH', 'admin', 'admin');
  const reply = await client.command(...words);
  client.destroy();
  return reply;
}

/** Names of the users that have connections. */
async function usersOn(server: RedisServer): Promise<string[]> {
  const list = String(await asAdmin(server, 'CLIENT', 'LIST'));
  const users = [...list.matchAll(/ user=(\S+)/g)].map(([, user]) => user!);
  return users.filter(user => user !== 'admin' && user !== '(superuser)');
}

test('servers are told a user and a password of their own, clients another, and each server may have its own', async t => {
  const [one, other] = await Promise.all([startWithUser('proxy', 'geheim'), startWithUser('legacy', 'older')]);
  t.after(() => Promise.all([one.kill(), other.kill()]));
  const directory = temporaryDirectory('credentials');
  const file = path.join(directory, 'password');
  writeFileSync(file, 'geheim\n', { mode: 0o600 });
  const daemon = await startDaemon(t, {
    pool: {
      protocol: 'redis',
      servers: [one.port],
      settings: ['redis_auth: "for clients"', 'server_user: proxy', `server_password: { file: ${file} }`],
    },
    legacy: { protocol: 'redis', servers: [other.port], settings: ['server_user: legacy', 'server_password: older'] },
  });
  const client = await daemon.client('pool');
  assert.deepEqual(await client.command('GET', 'a'), new RespError('NOAUTH Authentication required.'));
  const wrong = new RespError('WRONGPASS invalid username-password pair or user is disabled.');
  assert.deepEqual(await client.command('AUTH', 'proxy', 'geheim'), wrong);
  assert.deepEqual(await client.command('AUTH', 'geheim'), wrong);
  assert.equal(await client.command('AUTH', 'for clients'), 'OK');
  assert.equal(await client.command('SET', 'a', '1'), 'OK');
  // A transaction has a connection of its own, and RESP3 one of its kind.
  client.send(
    Buffer.concat([['WATCH', 'a'], ['MULTI'], ['INCR', 'a'], ['EXEC']].map(words => encodeCommand(...words))),
  );
  assert.deepEqual(await client.readReply(), Buffer.from('+OK\r\n'));
  await client.readReplies(2);
  assert.deepEqual(String(await client.readReply()), '*1\r\n:2\r\n');
  const open = await daemon.client('legacy');
  assert.equal(await open.command('SET', 'b', '1'), 'OK', 'no password is asked of clients');
  assert.deepEqual(new Set(await usersOn(one)), new Set(['proxy']));
  assert.deepEqual(new Set(await usersOn(other)), new Set(['legacy']));
  const config = (await daemon.page('/config')).body;
  assert.doesNotMatch(config + daemon.ringmaster.stderr(), /geheim|for clients|older/);
  for (const each of [client, open]) each.destroy();
});

test('a server of a pool, and its replica, by their own name', async t => {
  const [one, other, copy] = await Promise.all([
    startWithUser('proxy', 'geheim'),
    startWithUser('legacy', 'older'),
    startWithUser('legacy', 'older'),
  ]);
  t.after(() => Promise.all([one.kill(), other.kill(), copy.kill()]));
  await asAdmin(copy, 'CONFIG', 'SET', 'masteruser', 'admin');
  await asAdmin(copy, 'CONFIG', 'SET', 'masterauth', 'admin');
  await asAdmin(copy, 'REPLICAOF', '127.0.0.1', String(other.port));
  await waitFor(async () => String(await asAdmin(copy, 'INFO', 'replication')).includes('master_link_status:up'), {
    what: 'the copy',
  });
  const daemon = await startDaemon(t, {
    pool: {
      protocol: 'redis',
      servers: [one.port],
      settings: [
        'server_user: proxy',
        'server_password: geheim',
        'read_from: replica',
        'replica_unavailable: error',
        'health_check: { interval: 50ms, failures: 1 }',
      ],
    },
  });
  const copies = `replicas: ["127.0.0.1:${copy.port}"]`;
  const line = `{ address: "127.0.0.1:${other.port}", name: other, user: legacy, password: older, ${copies} }`;
  daemon.ringmaster.writeConfig(`${readFileSync(daemon.ringmaster.configFile, 'utf8')}      - ${line}\n`);
  assert.equal((await postAdmin(daemon.adminPort, '/-/reload')).status, 200);
  const client = await daemon.client('pool');
  for (let i = 0; i < 64; i++) assert.equal(await client.command('SET', `k${i}`, '1'), 'OK');
  assert.ok(Number(await asAdmin(other, 'DBSIZE')) > 0);
  assert.ok(Number(await asAdmin(one, 'DBSIZE')) > 0);
  const held = String(((await asAdmin(other, 'KEYS', '*')) as Buffer[])[0]);
  await waitFor(async () => String(await client.command('GET', held)) === '1', { what: 'a read of the copy' });
  assert.deepEqual(new Set(await usersOn(copy)), new Set(['legacy']));
  client.destroy();
});

test('a changed password: connections with the old one finish what they have, and no request fails', async t => {
  const server = await startWithUser('proxy', 'one');
  t.after(() => server.kill());
  const file = path.join(temporaryDirectory('rotation'), 'password');
  writeFileSync(file, 'one\n', { mode: 0o600 });
  const settings = ['server_user: proxy', `server_password: { file: ${file} }`, 'server_connections: 2'];
  const daemon = await startDaemon(
    t,
    { pool: { protocol: 'redis', servers: [server.port], settings } },
    { workers: 2 },
  );
  const clients = await Promise.all(Array.from({ length: 8 }, () => daemon.client('pool')));
  const waiting = await daemon.client('pool');
  waiting.send(encodeCommand('BLPOP', 'list', 0));
  await waitFor(async () => String(await asAdmin(server, 'CLIENT', 'LIST')).includes('cmd=blpop'), { what: 'BLPOP' });

  let isOver = false;
  const loads = clients.map(async (client: RawClient, i) => {
    let requests = 0;
    for (; !isOver; requests++) {
      const [key, value] = [`k${i}`, String(requests)];
      client.send(Buffer.concat([encodeCommand('SET', key, value), encodeCommand('GET', key)]));
      const replies = (await client.readReplies(2)).map(String);
      assert.deepEqual(replies, ['+OK\r\n', `$${value.length}\r\n${value}\r\n`]);
    }
    return requests;
  });
  const done = Promise.all(loads);
  done.catch(() => {});
  for (let i = 1; i <= 6; i++) {
    const [old, next] = [`${i === 1 ? 'one' : `pw${i - 1}`}`, `pw${i}`];
    await asAdmin(server, 'ACL', 'SETUSER', 'proxy', `>${next}`);
    const before = await idsOn(server);
    writeFileSync(file, `${next}\n`);
    const reloaded = await postAdmin(daemon.adminPort, '/-/reload');
    assert.equal(reloaded.status, 200, reloaded.text);
    assert.match(reloaded.text, /"server_password"/);
    await asAdmin(server, 'ACL', 'SETUSER', 'proxy', `<${old}`);
    // All but the one that waits have others in their place.
    await waitFor(async () => (await idsOn(server)).filter(id => before.includes(id)).length <= 1, { what: 'others' });
  }
  isOver = true;
  assert.ok((await done).every(requests => requests > 0));
  await asAdmin(server, 'RPUSH', 'list', 'x');
  assert.equal(String(await waiting.readReply()), '*2\r\n$4\r\nlist\r\n$1\r\nx\r\n');
  assert.equal(await daemon.metric('ringmaster_server_failures_total').catch(() => 0), 0);
  for (const client of [...clients, waiting]) client.destroy();
});

/** Of the connections of `proxy`. */
async function idsOn(server: RedisServer): Promise<string[]> {
  const list = String(await asAdmin(server, 'CLIENT', 'LIST'));
  return [...list.matchAll(/^id=(\d+) .* user=proxy /gm)].map(([, id]) => id!);
}

test('a secret that is gone leaves a reload without effect', async t => {
  const server = await startWithUser('proxy', 'one');
  t.after(() => server.kill());
  const file = path.join(temporaryDirectory('gone'), 'password');
  writeFileSync(file, 'one', { mode: 0o600 });
  const settings = ['server_user: proxy', `server_password: { file: ${file} }`];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const client = await daemon.client('pool');
  writeFileSync(file, '');
  const refused = await postAdmin(daemon.adminPort, '/-/reload');
  assert.equal(refused.status, 400, refused.text);
  assert.match(refused.text, /server_password: is empty/);
  assert.equal(await client.command('SET', 'a', '1'), 'OK');
  client.destroy();
});

test('a user that may not do something: the words of the server reach the client', async t => {
  const server = await startRedis({ args: '--user proxy on >geheim ~app:* +get +set --user default off'.split(' ') });
  t.after(() => server.kill());
  const settings = ['server_user: proxy', 'server_password: geheim'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const client = await daemon.client('pool');
  assert.equal(await client.command('SET', 'app:a', '1'), 'OK');
  const denied = new RespError('NOPERM this user has no permissions to access one of the keys used as arguments');
  assert.deepEqual(await client.command('SET', 'a', '1'), denied);
  client.destroy();
});

test('a server that repeats what it was told does not bring the password into the log', async t => {
  const told: string[] = [];
  const server = await startFakeBackend(
    answering(redisRequest, request => {
      const words = redisWords(request).map(String);
      told.push(words.join(' '));
      return `-ERR unknown command '${words[0]}', with args beginning with: '${words.slice(1).join("' '")}'\r\n`;
    }),
  );
  t.after(() => server.close());
  const settings = ['server_user: proxy', 'server_password: geheim', 'health_check: { interval: 50ms, failures: 1 }'];
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port], settings } });
  const client = await daemon.client('pool');
  assert.ok((await client.command('GET', 'a')) instanceof RespError);
  await waitFor(() => daemon.logged(/server (down|is down)|refused the handshake/).length > 0, { what: 'the log' });
  assert.ok(told.includes('AUTH proxy geheim'));
  const all = [
    daemon.ringmaster.stderr(),
    (await daemon.page('/api/v1/events')).body,
    (await daemon.page('/metrics')).body,
  ];
  assert.doesNotMatch(all.join(''), /geheim/);
  client.destroy();
});

test('memcached with users, and a pool whose clients give another password', async t => {
  const file = path.join(temporaryDirectory('memcached-users'), 'users');
  writeFileSync(file, 'proxy:geheim\nother:older\n');
  const server = await startMemcached({ args: ['-Y', file] });
  t.after(() => server.kill());
  const settings = ['memcached_auth: "app:for clients"', 'server_user: proxy', 'server_password: geheim'];
  const daemon = await startDaemon(t, {
    pool: { protocol: 'memcached', servers: [server.port], settings },
    open: { protocol: 'memcached', servers: [server.port], settings: ['server_user: other', 'server_password: older'] },
  });
  const client = await daemon.client('pool');
  client.send('get a\r\nset x 0 0 15\r\napp for clients\r\nset a 0 0 1\r\n1\r\nget a\r\n');
  const want = 'CLIENT_ERROR unauthenticated\r\nSTORED\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n';
  assert.equal((await client.readUntil(want.length)).toString(), want);
  const open = await daemon.client('open');
  open.send('get a\r\n');
  const found = 'VALUE a 0 1\r\n1\r\nEND\r\n';
  assert.equal((await open.readUntil(found.length)).toString(), found);
  for (const each of [client, open]) each.destroy();
});
