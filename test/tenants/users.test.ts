// `users:`: who may use a pool signs in, and keeps what it was while the file changes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { run } from '../support/child.ts';
import { startMemcached } from '../support/memcached-server.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { RespError } from '../support/resp-reader.ts';

const NOAUTH = new RespError('NOAUTH Authentication required.');
const WRONG_TEXT = 'WRONGPASS invalid username-password pair or user is disabled.';
const WRONG = new RespError(WRONG_TEXT);
const hashed = (password: string) => `'#${createHash('sha256').update(password).digest('hex')}'`;

const USERS = [
  'users:',
  `  app1: { pools: [pool], passwords: [${hashed('one')}, ${hashed('uno')}] }`,
  `  app2: { pools: [pool], passwords: [${hashed('two')}] }`,
];

async function start(
  t: TestContext,
  users: readonly string[],
  poolSettings: readonly string[] = [],
  workers = 1,
): Promise<Daemon> {
  const server = await startRedis(
    poolSettings.some(each => each.startsWith('redis_auth')) ? { requirepass: 'old' } : {},
  );
  t.after(() => server.kill());
  const pool = { protocol: 'redis', servers: [server.port], settings: poolSettings } as const;
  return startDaemon(t, { pool }, { settings: users, workers });
}

/** With other users. */
async function reload({ ringmaster, adminPort }: Daemon, before: readonly string[], after: readonly string[]) {
  const text = readFileSync(ringmaster.configFile, 'utf8');
  assert.ok(text.includes(before.join('\n')));
  ringmaster.writeConfig(text.replace(before.join('\n'), after.join('\n')));
  const response = await fetch(`http://127.0.0.1:${adminPort}/-/reload`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
}

test('a user signs in with any of its passwords, by AUTH and by HELLO, and nobody else does', async t => {
  const daemon = await start(t, USERS);
  const client = await daemon.client('pool');
  assert.deepEqual(await client.command('GET', 'k'), NOAUTH);
  assert.deepEqual(await client.command('AUTH', 'app1', 'two'), WRONG);
  assert.deepEqual(await client.command('AUTH', 'nobody', 'one'), WRONG);
  assert.deepEqual(await client.command('AUTH', 'one'), WRONG);
  assert.deepEqual(await client.command('GET', 'k'), NOAUTH);
  assert.equal(await client.command('AUTH', 'app1', 'uno'), 'OK');
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('app1'));
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  // A wrong password leaves it who it was.
  assert.deepEqual(await client.command('AUTH', 'app2', 'uno'), WRONG);
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('app1'));
  const hello = (await client.command('HELLO', '2', 'AUTH', 'app2', 'two')) as unknown[];
  assert.equal(hello.length, 14);
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('app2'));
  assert.match(String(await client.command('CLIENT', 'LIST')), / user=app2 /);
  assert.equal(await client.command('RESET'), 'RESET');
  assert.deepEqual(await client.command('GET', 'k'), NOAUTH);
  client.destroy();
});

test("the pool's own password is that of the user default", async t => {
  const daemon = await start(t, USERS, ['redis_auth: old']);
  const client = await daemon.client('pool');
  assert.equal(await client.command('AUTH', 'old'), 'OK');
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('default'));
  assert.equal(await client.command('AUTH', 'app1', 'one'), 'OK');
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  client.destroy();
});

test('a user default with nopass is who clients are before they sign in', async t => {
  const daemon = await start(t, [...USERS, '  default: { pools: [pool], nopass: true }']);
  const client = await daemon.client('pool');
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('default'));
  assert.equal(await client.command('SET', 'k', 'v'), 'OK');
  assert.equal(await client.command('AUTH', 'app1', 'one'), 'OK');
  assert.equal(await client.command('RESET'), 'RESET');
  assert.deepEqual(await client.command('ACL', 'WHOAMI'), Buffer.from('default'));
  client.destroy();
});

test('memcached: by a set in text, and by SASL', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: [server.port] } }, { settings: USERS });
  const client = await daemon.client('pool');
  const text = 'get k\r\nset a 0 0 8\r\napp1 two\r\nset a 0 0 8\r\napp2 two\r\nset k 0 0 1\r\nv\r\nget k\r\n';
  client.send(text);
  const want =
    'CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR authentication failure\r\nSTORED\r\nSTORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n';
  assert.equal((await client.readUntil(want.length)).toString(), want);
  client.destroy();
});

test('a reload: who stays keeps its connection, also with another password; who is gone is let go', async t => {
  const daemon = await start(t, USERS);
  const [stays, goes, unnamed] = await Promise.all([1, 2, 3].map(() => daemon.client('pool')));
  assert.equal(await stays!.command('AUTH', 'app1', 'one'), 'OK');
  assert.equal(await goes!.command('AUTH', 'app2', 'two'), 'OK');
  const users = ['users:', `  app1: { pools: [pool], passwords: [${hashed('other')}] }`];
  await reload(daemon, USERS, users);
  await goes!.closed;
  assert.equal(await stays!.command('SET', 'k', 'v'), 'OK');
  assert.deepEqual(await unnamed!.command('GET', 'k'), NOAUTH);
  assert.deepEqual(await unnamed!.command('AUTH', 'app1', 'one'), WRONG);
  assert.equal(await unnamed!.command('AUTH', 'app1', 'other'), 'OK');
  for (const client of [stays, unnamed]) client!.destroy();
});

test('wrong passwords are answered late and one after the other, and counted; which password is in use is seen', async t => {
  const daemon = await start(t, USERS);
  const [guesser, other] = await Promise.all([1, 2].map(() => daemon.client('pool')));
  // All at once: each is looked at when the one before it was answered.
  guesser!.send(['AUTH app1 a', 'AUTH nobody b', 'PING', 'AUTH app1 uno', 'PING', ''].join('\r\n'));
  assert.equal(await other!.command('AUTH', 'app1', 'uno'), 'OK');
  assert.equal(await other!.command('PING'), 'PONG');
  const wrong = `-${WRONG_TEXT}\r\n`;
  const want = `${wrong}${wrong}-NOAUTH Authentication required.\r\n+OK\r\n+PONG\r\n`;
  assert.equal((await guesser!.readUntil(want.length)).toString(), want);
  await daemon.untilMetric('ringmaster_user_sign_ins_total', { user: 'app1' }, 2);
  await daemon.untilMetric('ringmaster_user_refused_sign_ins_total', { user: 'app1' }, 1);
  await daemon.untilMetric('ringmaster_pool_refused_sign_ins_total', {}, 2);
  const rows = async () => {
    const { users } = JSON.parse((await daemon.page('/api/v1/users')).body) as { users: Row[] };
    return users.map(({ user, passwords }) => [
      user,
      ...passwords.map(({ uses, lastUsedAt }) => [uses, lastUsedAt !== null]),
    ]);
  };
  const app2 = ['app2', [0, false]];
  assert.deepEqual(await rows(), [['app1', [0, false], [2, true]], app2]);
  // A place in the file may be another password's after a reload; what is known goes with the password.
  const passwords = ['new', 'one', 'uno'].map(hashed).join(', ');
  await reload(daemon, USERS, ['users:', `  app1: { pools: [pool], passwords: [${passwords}] }`, ...USERS.slice(2)]);
  assert.deepEqual(await rows(), [['app1', [0, false], [0, false], [2, true]], app2]);
  // One who leaves meanwhile takes its answer along.
  guesser!.send('AUTH app1 a\r\n');
  guesser!.destroy();
  assert.equal(await other!.command('PING'), 'PONG');
  other!.destroy();
});

interface Row {
  readonly user: string;
  readonly passwords: readonly { readonly uses: number; readonly lastUsedAt: string | null }[];
}

test('redis-cli, ioredis and node-redis sign in as a user, in any of several workers, also in those that take their places', async t => {
  const daemon = await start(
    t,
    ['users:', `  app1: { pools: [pool], passwords: [${hashed('one')}], rules: '+@all ~app1:*' }`],
    [],
    2,
  );
  const port = daemon.port('pool');
  const useAll = async () => {
    const ioredis = new Redis({ port, host: '127.0.0.1', username: 'app1', password: 'one' });
    assert.equal(await ioredis.set('app1:k', 'v'), 'OK');
    await assert.rejects(ioredis.set('other', 'v'), /NOPERM this user has no permissions to access one of the keys/);
    ioredis.disconnect();
    const nodeRedis = createClient({ url: `redis://app1:one@127.0.0.1:${port}` });
    await nodeRedis.connect();
    assert.equal(await nodeRedis.get('app1:k'), 'v');
    await assert.rejects(nodeRedis.get('other'), /NOPERM/);
    nodeRedis.destroy();
    const cli = await run('redis-cli', [
      '-p',
      String(port),
      '--user',
      'app1',
      '--pass',
      'one',
      '--no-auth-warning',
      'acl',
      'whoami',
    ]);
    assert.equal(cli.stdout.trim(), 'app1');
  };
  await useAll();
  const response = await fetch(`http://127.0.0.1:${daemon.adminPort}/-/restart-workers`, { method: 'POST' });
  assert.equal(response.status, 200, await response.text());
  await useAll();
  // Of the workers that are gone, too.
  await daemon.untilMetric('ringmaster_user_denied_requests_total', { user: 'app1' }, 4);
});
