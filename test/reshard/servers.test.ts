// Resharding of servers that want something of their clients: a password, TLS, one of several databases, a unix socket.
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { Authority, type CertificateFiles } from '../support/certificates.ts';
import { freePorts } from '../support/free-port.ts';
import type { RawClient } from '../support/raw-client.ts';
import { RegisterLoad } from '../support/register-load.ts';
import { ReshardPool } from '../support/reshard-pool.ts';

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`);
/** At the slowest pace they take minutes. */
const largeValue = (key: string) => key.padEnd(1000, '.');
const PASSWORD = 'geheim';

let authority: Authority;
let certificate: CertificateFiles;
before(async () => {
  authority = await Authority.create();
  certificate = await authority.sign('server');
});

async function letIn(pool: ReshardPool, password: string | null): Promise<RawClient> {
  const client = await pool.client();
  if (password !== null) assert.equal(await client.command('AUTH', password), 'OK');
  return client;
}

/** From two servers to three and, taken back half-way, from three to two others and home again. */
async function thereAndBack(pool: ReshardPool, password: string | null = null): Promise<void> {
  const client = await letIn(pool, password);
  for (const key of KEYS) await client.command('SET', key, largeValue(key));
  const load = new RegisterLoad([await letIn(pool, password), await letIn(pool, password)]);
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '1gb/s' });
  await pool.untilOver();
  assert.equal((await pool.status()).reshard?.outcome, 'done');
  await pool.reshard('start', { file: pool.config([0, 1]), pace: '1kb/s' });
  await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 0, 'keys that moved');
  await pool.reshard('abort');
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  assert.equal((await pool.status()).reshard?.outcome, 'undone');
  for (const key of KEYS) assert.equal(String(await client.command('GET', key)), largeValue(key));
  await pool.assertPlaced([...KEYS, ...(await load.end())], [0, 1, 2]);
  client.destroy();
}

test('servers with a password', async t => {
  const options = { requirepass: PASSWORD };
  const settings = [`redis_auth: ${PASSWORD}`];
  const pool = await ReshardPool.start(t, { servers: [options, options, options], first: 2, settings });
  await thereAndBack(pool, PASSWORD);
});

/** Three that speak TLS to the pool, which is asked for no certificate; `args`: of theirs. */
async function tlsPool(t: TestContext, args: readonly string[]): Promise<ReshardPool> {
  const ports = await freePorts(3);
  const { cert, key } = certificate;
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', authority.cert];
  const servers = ports.map(port => ({ args: ['--tls-port', String(port), ...files, ...args] }));
  const tls = `server_tls: { ca: ${authority.cert}, cert: ${cert}, key: ${key} }`;
  return ReshardPool.start(t, {
    servers,
    first: 2,
    settings: [tls],
    addressOf: (_, place) => `127.0.0.1:${ports[place]}`,
  });
}

test('servers that speak TLS to each other as well', async t => {
  await thereAndBack(await tlsPool(t, ['--tls-cluster', 'yes']));
});

test('servers that speak TLS to clients only are in the way, and the plan says what to set', async t => {
  const pool = await tlsPool(t, []);
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, key);
  const before = await pool.keys();
  const file = pool.config([0, 1, 2]);
  const why = /cannot move a key to 127\.0\.0\.1:\d+: IOERR .* \(its MIGRATE speaks TLS only with `tls-cluster yes`\)/;
  const { obstacles } = (await pool.reshard('plan', { file })) as unknown as { readonly obstacles: readonly string[] };
  assert.match(obstacles.join('\n'), why);
  assert.match(await pool.reshardRefused('start', { file }), why);
  // One that could give, but could not take back.
  for (const server of pool.servers.slice(0, 2)) await server.command('CONFIG', 'SET', 'tls-cluster', 'yes');
  assert.match(
    await pool.reshardRefused('start', { file }),
    /cannot move a key back to 127\.0\.0\.1:\d+: IOERR .*tls-clust/,
  );
  assert.deepEqual(await pool.keys(), before);
  await pool.servers[2]!.command('CONFIG', 'SET', 'tls-cluster', 'yes');
  await pool.reshard('start', { file });
  await pool.untilOver();
  await pool.assertPlaced(KEYS, [0, 1, 2]);
  client.destroy();
});

test('servers that want certificates of each other', async t => {
  const pool = await tlsPool(t, ['--tls-cluster', 'yes', '--tls-auth-clients', 'yes']);
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, key);
  await pool.reshard('start', { file: pool.config([0, 1, 2]) });
  await pool.untilOver();
  await pool.assertPlaced(KEYS, [0, 1, 2]);
  client.destroy();
});

test('several databases, with keys of the same names', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2, settings: ['databases: 4'] });
  const clients = await Promise.all([0, 1, 2, 3].map(() => pool.client()));
  for (const [db, client] of clients.entries()) {
    await client.command('SELECT', db);
    for (const key of KEYS) await client.command('SET', key, `${key} of ${db}`);
  }
  await pool.reshard('start', { file: pool.config([0, 1, 2]), pace: '1kb/s' });
  await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 0, 'keys that moved');
  // Brought in the database that is asked.
  for (const key of KEYS) assert.equal(String(await clients[3]!.command('GET', key)), `${key} of 3`);
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  for (const [db, client] of clients.entries()) {
    for (const key of KEYS) assert.equal(String(await client.command('GET', key)), `${key} of ${db}`);
    const counts = await Promise.all(
      pool.servers.map(async server => {
        const direct = await server.client();
        await direct.command('SELECT', db);
        return direct.command('DBSIZE').finally(() => direct.destroy());
      }),
    );
    assert.equal(
      (counts as number[]).reduce((sum, count) => sum + count, 0),
      KEYS.length,
      `database ${db}: ${counts}`,
    );
    client.destroy();
  }
  await pool.assertPlaced(KEYS, [0, 1, 2]);
});

test('a new server with fewer databases is in the way', async t => {
  const servers = [{}, {}, { args: ['--databases', '2'] }];
  const pool = await ReshardPool.start(t, { servers, first: 2, settings: ['databases: 4'] });
  assert.match(await pool.reshardRefused('start', { file: pool.config([0, 1, 2]) }), /DB index is out of range/);
});

test('users of servers that may not move keys are in the way', async t => {
  for (const [place, rule, why] of [
    [0, '-migrate', /NOPERM.*'migrate'/],
    [2, '-restore', /NOPERM.*'restore'/],
  ] as const) {
    const options = { requirepass: PASSWORD };
    const settings = [`redis_auth: ${PASSWORD}`];
    const pool = await ReshardPool.start(t, { servers: [options, options, options], first: 2, settings });
    await pool.servers[place]!.command('ACL', 'SETUSER', 'default', rule);
    assert.match(await pool.reshardRefused('start', { file: pool.config([0, 1, 2]) }), why);
  }
});

test('keys move away from unix sockets, and then it can’t be taken back', async t => {
  const servers = [{ hasUnixSocket: true }, { hasUnixSocket: true }, {}, {}];
  const pool = await ReshardPool.start(t, {
    servers,
    first: 2,
    addressOf: ({ port, socketPath }) => (socketPath === '' ? `127.0.0.1:${port}` : socketPath),
  });
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, largeValue(key));
  const { warnings } = await pool.reshard('start', { file: pool.config([2, 3]), pace: '1kb/s' });
  assert.match(String(warnings), /MIGRATE knows no unix sockets: once keys move, an abort is refused/);
  await pool.until(({ plan }) => (plan?.keysMoved ?? 0) > 0, 'keys that moved');
  assert.match(await pool.reshardRefused('abort'), /can't be moved back to .*redis\.sock/);
  await pool.reshard('pace', { pace: '1gb/s' });
  await pool.untilOver();
  await pool.assertPlaced(KEYS, [2, 3]);
  assert.match(await pool.reshardRefused('start', { file: pool.config([0, 1]) }), /MIGRATE knows no unix sockets/);
  client.destroy();
});

test('servers that have no memory left give keys away', async t => {
  const pool = await ReshardPool.start(t, { servers: [{}, {}, {}], first: 2 });
  const client = await pool.client();
  for (const key of KEYS) await client.command('SET', key, key);
  for (const server of pool.servers.slice(0, 2)) await server.command('CONFIG', 'SET', 'maxmemory', '1');
  const { warnings } = await pool.reshard('start', { file: pool.config([0, 1, 2]) });
  assert.match(String(warnings), /is full: whether it can move keys was not tried/);
  await pool.untilOver();
  await pool.assertPlaced(KEYS, [0, 1, 2]);
  client.destroy();
});

test('a user of the servers’ own with just the rights that moving takes', async t => {
  const settings = ['server_user: ringmaster', `server_password: ${PASSWORD}`];
  const servers = [0, 1, 2].map(() => ({
    args: ['--user', 'ringmaster', 'on', `>${PASSWORD}`, '~*', '&*', '+@all', '-@dangerous'],
  }));
  const pool = await ReshardPool.start(t, { servers, first: 2, settings });
  assert.match(await pool.reshardRefused('start', { file: pool.config([0, 1, 2]) }), /NOPERM/);
  const rights = ['+info', '+client', '+migrate', '+restore'];
  for (const server of pool.servers) await server.command('ACL', 'SETUSER', 'ringmaster', ...rights);
  await thereAndBack(pool);
});
