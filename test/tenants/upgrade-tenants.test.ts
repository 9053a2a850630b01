// What of users, shared ports, limits and balancers goes on when a new master takes the place of the running one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { askAdmin } from '../support/admin-client.ts';
import { Authority } from '../support/certificates.ts';
import { isAlive, temporaryDirectory } from '../support/child.ts';
import { entries } from '../support/daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startUpgradableDaemon } from '../support/upgradable-daemon.ts';
import { waitFor, waitForEvent } from '../support/wait-for.ts';

const HEADER = 'PROXY TCP4 10.1.2.3 10.0.0.1 4711 22121\r\n';

async function serverPort(t: TestContext): Promise<number> {
  const server = await startRedis();
  t.after(() => server.kill());
  return server.port;
}

/** Headers are waited for for 5 s; an upgrade that takes longer, on a busy machine, shows nothing. */
const IN_TIME_MS = 4000;

test('who has not sent its PROXY header yet is answered all the same, whole or split, plain or in TLS', async t => {
  for (let tried = 0; tried < 5; tried++) if (await servesWhoIsBetween(t)) return;
  assert.fail(`no upgrade was done within ${IN_TIME_MS} ms`);
});

/** False: it took too long to be of use. */
async function servesWhoIsBetween(t: TestContext): Promise<boolean> {
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('pool');
  const servers = [await serverPort(t)];
  const proxied = 'proxy_protocol: 127.0.0.1';
  const { daemon, upgrade, gone } = await startUpgradableDaemon(t, {
    plain: { protocol: 'redis', servers, settings: [proxied] },
    secure: { protocol: 'redis', servers, settings: [proxied, `listen_tls: { cert: ${cert}, key: ${key} }`] },
  });
  const client = async (pool: string, begin: string) => {
    const each = await daemon.client(pool);
    t.after(() => each.destroy());
    if (begin !== '') each.send(Buffer.from(begin));
    return each;
  };
  const fromMs = performance.now();
  const waiting = [await client('plain', ''), await client('plain', HEADER.slice(0, 20))];
  const secure = await client('secure', HEADER.slice(0, 9));
  // Who came before them was accepted before them: the old worker has them.
  const after = await client('plain', HEADER);
  assert.equal(await after.command('PING'), 'PONG');
  const secureAfter = await client('secure', HEADER);
  const over = connect({ socket: secureAfter.socket, ca: authority.pem(), servername: 'localhost' });
  await waitForEvent(over, 'secureConnect', { what: 'a handshake' });
  over.on('error', () => {}).destroy();

  await upgrade();
  if (performance.now() - fromMs > IN_TIME_MS) {
    await gone();
    return false;
  }
  for (const [i, each] of waiting.entries()) {
    each.send(Buffer.concat([Buffer.from(i === 0 ? HEADER : HEADER.slice(20)), encodeCommand('SET', `k${i}`, 'v')]));
    assert.equal(String(await each.readReply()), '+OK\r\n');
  }
  secure.send(Buffer.from(HEADER.slice(9)));
  const late = connect({ socket: secure.socket, ca: authority.pem(), servername: 'localhost' });
  late.on('error', () => {});
  await waitForEvent(late, 'secureConnect', { what: 'the handshake of who was late' });
  const talker = new RawClient(late);
  assert.equal(await talker.command('PING'), 'PONG');
  await gone();
  return true;
}

test('settings of users that were set are those of the new one, and so is the way by their names to their pools', async t => {
  const directory = temporaryDirectory('upgrade-users');
  const audit = path.join(directory, 'audit.log');
  const servers = [await serverPort(t), await serverPort(t)];
  const { daemon, upgrade, gone } = await startUpgradableDaemon(
    t,
    {
      port: { protocol: 'redis', servers: [], settings: ['pool_by: user'] },
      blue: { protocol: 'redis', servers: [servers[0] as number], hasNoPort: true },
      red: { protocol: 'redis', servers: [servers[1] as number], hasNoPort: true },
    },
    [
      `audit_log: { file: ${audit} }`,
      'users:',
      '  app: { passwords: [geheim], pools: [blue], key_prefix: "app:" }',
      '  job: { passwords: [geheim], pools: [red] }',
    ],
  );
  const as = async (user: string) => {
    const client = await daemon.client('port');
    t.after(() => client.destroy());
    assert.equal(await client.command('AUTH', user, 'geheim'), 'OK');
    return client;
  };
  const set = { 'users.app.rules': '+@all -flushall ~*', 'users.job.limits.request_bytes': '1kb' };
  const settings = await askAdmin(daemon.adminPort, '/api/v1/settings', { method: 'PATCH', body: { set } });
  assert.equal(settings.status, 200, settings.text);
  const [app, job] = [await as('app'), await as('job')];
  assert.equal(await app.command('SET', 'who', 'app'), 'OK');
  assert.equal(await job.command('SET', 'who', 'job'), 'OK');
  for (let i = 0; i < 20; i++) assert.equal(await job.command('FLUSHALL'), 'OK');

  await upgrade();
  // Those that are there are let go, with all that they had asked answered.
  for (const each of [app, job]) assert.equal(String(await each.readToEnd()), '');
  const [appAgain, jobAgain] = [await as('app'), await as('job')];
  assert.equal(String(await appAgain.command('GET', 'who')), 'app');
  assert.match(JSON.stringify(await appAgain.command('FLUSHALL')), /NOPERM/);
  assert.match(JSON.stringify(await jobAgain.command('SET', 'large', 'x'.repeat(2000))), /ERR .*(large|limit|bytes)/i);
  for (let i = 0; i < 20; i++) assert.equal(await jobAgain.command('FLUSHALL'), 'OK');
  const shown = await askAdmin(daemon.adminPort, '/api/v1/settings?pattern=users.app.rules');
  assert.match(shown.text, /-flushall/);
  await gone();
  const commands = () =>
    entries(readFileSync(audit, 'utf8')).filter(
      ({ event, command }) => event === 'command' && String(command).toLowerCase() === 'flushall',
    );
  await waitFor(() => commands().length === 41, { what: 'all commands in one audit log, once' });
  const events = entries(readFileSync(audit, 'utf8'));
  assert.equal(events.filter(({ event }) => event === 'signed_in').length, 4);
  assert.equal(events.filter(({ what }) => what === 'ringmaster is ready').length, 2);
});

test('clients that the old one has yet to answer count, and are counted no more once they are gone', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const { daemon, upgrade, gone } = await startUpgradableDaemon(
    t,
    {
      p: {
        protocol: 'redis',
        servers: [server.port],
        settings: ['address_limits: { connections: 5 }', 'timeout: 60s'],
      },
    },
    ['users:', '  app: { passwords: [geheim], pools: [p], limits: { connections: 2 } }'],
  );
  const connected = async () => {
    const client = await daemon.client('p', { timeoutMs: 20_000 });
    t.after(() => client.destroy());
    return client;
  };
  const signIn = async (client: RawClient) => {
    client.send(encodeCommand('AUTH', 'app', 'geheim'));
    return String(await client.readReply());
  };
  const FULL = '-ERR max number of clients reached\r\n';
  /** Once there is a place. */
  const signedIn = async () => {
    let client = await connected();
    await waitFor(
      async () => {
        if ((await signIn(client)) === '+OK\r\n') return true;
        client = await connected();
        return false;
      },
      { what: 'a place for one more' },
    );
    return client;
  };
  const [busy, idle] = [await connected(), await connected()];
  for (const each of [busy, idle]) assert.equal(await signIn(each), '+OK\r\n');
  server.freeze();
  busy.send(encodeCommand('GET', 'k'));
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'p' }, 1);

  await upgrade();
  // One that was let go comes back at once; the place of the other is taken as long as its answer is waited for.
  assert.equal(String(await idle.readToEnd()), '');
  const again = await signedIn();
  const third = await connected();
  assert.equal(await signIn(third), FULL);
  await third.closed;
  server.thaw();
  assert.equal(String(await busy.readReply()), '$-1\r\n');
  await busy.closed;
  await gone();
  await signedIn();
  const last = await connected();
  assert.equal(await signIn(last), FULL);
  assert.equal(await again.command('GET', 'k'), null);
});

test('of three programs at once the clients of each count, also when the middle one has none any more', async t => {
  const servers = [await startRedis(), await startRedis()] as const;
  for (const server of servers) t.after(() => server.kill());
  const pool = (server: RedisServer, settings: readonly string[]) => ({
    protocol: 'redis' as const,
    servers: [server.port],
    settings: ['timeout: 60s', ...settings],
  });
  const { daemon, upgrade, gone } = await startUpgradableDaemon(
    t,
    { p: pool(servers[0], ['address_limits: { connections: 4 }']), q: pool(servers[1], []) },
    ['users:', '  app: { passwords: [geheim], pools: [p, q], limits: { connections: 3 } }'],
  );
  const FULL = '-ERR max number of clients reached\r\n';
  const AUTH = encodeCommand('AUTH', 'app', 'geheim');
  const connected = async () => {
    const client = await daemon.client('p', { timeoutMs: 60_000 });
    t.after(() => client.destroy());
    return client;
  };
  /** Signed in, and with a request that its server has yet to answer. */
  const busy = async () => {
    const client = await connected();
    client.send(Buffer.concat([AUTH, encodeCommand('GET', 'k')]));
    assert.equal(String(await client.readReply()), '+OK\r\n');
    return client;
  };
  const refused = async () => {
    const client = await connected();
    client.send(AUTH);
    assert.equal(String(await client.readToEnd()), FULL);
  };
  servers[0].freeze();
  const first = await busy();
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'p' }, 1);
  /** Resolves when nobody that connects from now on is served by those before. */
  const replaced = async () => {
    const quiet = await connected();
    quiet.send(encodeCommand('PING'));
    assert.match(String(await quiet.readReply()), /^-NOAUTH/);
    const pid = await upgrade();
    assert.equal(String(await quiet.readToEnd()), '');
    return pid;
  };
  const middlePid = await replaced();
  const middle = await busy();
  await daemon.untilMetric('ringmaster_server_inflight_requests', { pool: 'p' }, 1);
  await replaced();
  const last = await busy();
  await refused();
  // The middle one's client leaves: there is a place for one more, and no more than that.
  middle.reset();
  let another = await connected();
  await waitFor(
    async () => {
      another.send(AUTH);
      if (String(await another.readReply()) === '+OK\r\n') return true;
      another = await connected();
      return false;
    },
    { what: 'the place of the one that has left' },
  );
  await daemon.untilLogged(/ringmaster is done/);
  await refused();
  assert.ok(isAlive(middlePid), 'the middle one stays as long as the first has clients');
  servers[0].thaw();
  assert.equal(String(await first.readReply()), '$-1\r\n');
  assert.equal(String(await last.readReply()), '$-1\r\n');
  await gone();
  await waitFor(() => !isAlive(middlePid), { what: 'the end of the middle one', timeoutMs: 20_000 });
  another = await connected();
  another.send(AUTH);
  assert.equal(String(await another.readReply()), '+OK\r\n');
  await refused();
});
