// CLIENT KILL USER, and what it is combined with: held against a real server that has the same users.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { hasLateAnswer } from '../support/late-answer.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

const USERS = ['app', 'other', 'admin'];
/** Who is connected, beside the asker, and what it is. */
const CLIENTS = ['app', 'app listens', 'other', 'nobody'] as const;

interface Side {
  readonly asker: RawClient;
  /** By what they are. */
  readonly clients: ReadonlyMap<string, RawClient>;
  readonly values: ReadonlyMap<string, string>;
}

async function sideOf(t: TestContext, port: number, unprivileged = false): Promise<Side> {
  const connect = async (user: string) => {
    const client = await RawClient.connect(port, { timeoutMs: 20_000 });
    t.after(() => client.destroy());
    if (user !== 'nobody') assert.equal(await client.command('AUTH', user, 'pass'), 'OK');
    return client;
  };
  const asker = await connect(unprivileged ? 'app' : 'admin');
  const clients = new Map<string, RawClient>();
  for (const name of CLIENTS) {
    const [user, listens] = name.split(' ') as [string, string | undefined];
    const client = await connect(user);
    if (listens !== undefined) await client.command('SUBSCRIBE', 'news');
    clients.set(name, client);
  }
  // Those of the test before may not be gone yet.
  const listed = async () =>
    String(await asker.command('CLIENT', 'LIST'))
      .trim()
      .split('\n').length;
  if (!unprivileged) await untilEqual(listed, CLIENTS.length + 1, 'just these clients');
  const app = clients.get('app') as RawClient;
  const values = new Map([
    ['<id>', String(await app.command('CLIENT', 'ID'))],
    ['<addr>', `127.0.0.1:${app.socket.localPort}`],
    ['<laddr>', `127.0.0.1:${port}`],
    ['<mine>', String(await asker.command('CLIENT', 'ID'))],
  ]);
  return { asker, clients, values };
}

/** What it reads, and who is there afterwards. */
async function outcome({ asker, clients, values }: Side, command: string): Promise<[string, string[]]> {
  asker.send(encodeCommand(...command.split(' ').map(word => values.get(word) ?? word)));
  const reply = String(await asker.readReply());
  const alive: string[] = [];
  for (const [name, client] of clients) {
    if (!(await isClosed(client))) alive.push(name);
  }
  return [reply, alive];
}

/** On a side that is made for it. */
async function outcomeAt(t: TestContext, port: number, command: string): Promise<[string, string[]]> {
  const side = await sideOf(t, port);
  const result = await outcome(side, command);
  const all = [side.asker, ...side.clients.values()];
  for (const client of all) client.destroy();
  await Promise.all(all.map(client => client.closed));
  return result;
}

/** A client that is there answers; one that was cut off is at its end. */
async function isClosed(client: RawClient): Promise<boolean> {
  try {
    client.send(encodeCommand('PING'));
    await client.readReply();
    return false;
  } catch {
    return true;
  }
}

const COMMANDS = [
  'USER app',
  'USER other',
  'USER default',
  'USER admin',
  'USER admin SKIPME no',
  'USER nobody',
  'user APP',
  'USER app USER other',
  'USER other USER app TYPE pubsub',
  'USER app TYPE pubsub',
  'USER app TYPE normal',
  'TYPE normal USER app',
  'USER app TYPE replica',
  'USER app ID <id>',
  'USER other ID <id>',
  'ID <id> USER default',
  'USER app ADDR <addr>',
  'USER other ADDR <addr>',
  'USER app LADDR <laddr>',
  'USER app LADDR 127.0.0.1:1',
  'USER app ID <id> ADDR <addr> LADDR <laddr> TYPE normal SKIPME yes',
  'USER admin ID <mine>',
  'USER nobody ID 0',
  'ID 0 USER nobody',
  'USER nobody TYPE what',
  'TYPE what USER nobody',
  'USER app SKIPME',
  'USER app SKIPME maybe',
  'USER app WHAT x',
  'USER',
];

test('as a server has it: who is killed, what is read, whatever stands beside USER', async t => {
  const [server, behind] = [await startRedis(), await startRedis()];
  for (const each of [server, behind]) t.after(() => each.kill());
  for (const user of USERS) await server.command('ACL', 'SETUSER', user, 'on', '>pass', '~*', '&*', '+@all');
  const users = ['users:', ...USERS.map(user => `  ${user}: { pools: [p], passwords: [pass] }`)];
  const pool = { protocol: 'redis', servers: [behind.port] } as const;
  const daemon = await startDaemon(t, { p: pool }, { workers: 2, settings: users });
  for (const command of COMMANDS) {
    const theirs = await outcomeAt(t, server.port, `CLIENT KILL ${command}`);
    const isAsTheirs = async () => {
      const ours = await outcomeAt(t, daemon.port('p'), `CLIENT KILL ${command}`);
      await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'p' }, 0);
      if (hasLateAnswer(ours[0])) return false;
      assert.deepEqual(ours, theirs, command);
      return true;
    };
    await waitFor(isAsTheirs, { what: `an answer of all workers to ${command}` });
  }
});

test('a user with a key prefix kills its own clients only, and does not learn who else there is', async t => {
  const server = await startRedis();
  t.after(() => server.kill());
  const users = [
    'users:',
    "  app: { pools: [p], passwords: [pass], key_prefix: 'app:' }",
    "  other: { pools: [p], passwords: [pass], key_prefix: 'other:' }",
  ];
  const daemon = await startDaemon(t, { p: { protocol: 'redis', servers: [server.port] } }, { settings: users });
  const side = await sideOf(t, daemon.port('p'), true);
  for (const user of ['other', 'nobody', 'default']) {
    assert.deepEqual(await outcome(side, `CLIENT KILL USER ${user}`), [
      `-ERR No such user '${user}'\r\n`,
      [...CLIENTS],
    ]);
  }
  assert.deepEqual(await outcome(side, 'CLIENT KILL USER app'), [':2\r\n', ['other', 'nobody']]);
});
