// Reloads, limits, drains and upgrades of a port that several pools share, with clients on it.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, type TestContext, test } from 'node:test';
import { postAdmin } from '../support/admin-client.ts';
import { askInOnePiece as ask } from '../support/ask-in-one-piece.ts';
import { temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

let servers: RedisServer[];
let ringmaster: Ringmaster;
let port: number;
let adminPort: number;

beforeEach(async () => {
  servers = [await startRedis(), await startRedis()];
  for (const [i, server] of servers.entries()) await server.command('SET', 'who', 'ab'[i]!);
});

afterEach(async () => {
  await ringmaster.kill();
  for (const server of servers) await server.kill();
});

interface File {
  /** Pools by user. */
  readonly pools: Readonly<Record<string, string>>;
  /** Of the port. */
  readonly by?: string;
  /** Further settings of pool a; null: it is not there. */
  readonly a?: string | null;
  readonly listen?: string;
  readonly front?: string;
  /** Further settings of each user. */
  readonly user?: string;
}

function file({
  pools,
  by = 'pool_by: user',
  a = '',
  listen = `127.0.0.1:${port}`,
  front = '',
  user: rest = '',
}: File): string {
  const pool = (i: number, more: string) =>
    `{ listen: none, protocol: redis${more}, servers: ['127.0.0.1:${servers[i]!.port}'] }`;
  return [
    `admin: 127.0.0.1:${adminPort}`,
    'shutdown_timeout: 5s',
    'users:',
    ...Object.entries(pools).map(([user, own]) => `  ${user}: { pools: [${own}], passwords: [secret]${rest} }`),
    'pools:',
    `  front: { listen: ${listen}, protocol: redis, ${by}${front} }`,
    ...(a === null ? [] : [`  a: ${pool(0, a)}`]),
    `  b: ${pool(1, '')}`,
    '',
  ].join('\n');
}

async function start(first: File, workers = 2): Promise<void> {
  [port, adminPort] = (await freePorts(2)) as [number, number];
  ringmaster = await startRingmaster({ config: file(first), workers });
}

async function reload(next: File): Promise<void> {
  ringmaster.writeConfig(file(next));
  const answer = await postAdmin(adminPort, '/-/reload');
  assert.equal(answer.status, 200, answer.text);
}

async function connect(t: TestContext, target: number | string = port): Promise<RawClient> {
  const client = await RawClient.connect(target);
  t.after(() => client.destroy());
  return client;
}

async function signedIn(t: TestContext, user = 'alice', target: number | string = port): Promise<RawClient> {
  const client = await connect(t, target);
  assert.equal(await ask(client, ['AUTH', user, 'secret']), '+OK\r\n');
  return client;
}

const [A, B] = ['$1\r\na\r\n', '$1\r\nb\r\n'];
const WHO = ['GET', 'who'];

test('a reload that moves a user takes its clients along, between two requests', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const clients = await Promise.all(Array.from({ length: 8 }, () => signedIn(t)));
  for (const client of clients) assert.equal(await ask(client, ['CLIENT', 'SETNAME', 'me'], WHO), `+OK\r\n${A}`);
  await reload({ pools: { alice: 'b', bob: 'b' } });
  for (const client of clients) assert.equal(await ask(client, WHO, ['CLIENT', 'GETNAME']), `${B}$2\r\nme\r\n`);
});

test('under load: each reply is of the one pool or the other, in order, and none is missing', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const clients = await Promise.all(Array.from({ length: 4 }, () => signedIn(t)));
  let isOver = false;
  const work = clients.map(async client => {
    let [seenB, asked] = [false, 0];
    for (let n = 0; !isOver || n < 20; n++) {
      const replies = (await ask(client, ...Array.from({ length: 20 }, () => WHO))).replaceAll(/\$1\r\n|\r\n/g, '');
      assert.match(replies, seenB ? /^b{20}$/ : /^(a*b*)$/);
      asked += replies.length;
      seenB = replies.includes('b');
      if (isOver && seenB) break;
    }
    assert.ok(seenB);
    return asked;
  });
  await reload({ pools: { alice: 'b' } });
  isOver = true;
  for (const asked of await Promise.all(work)) assert.ok(asked > 0);
});

test('one that is in a transaction, watches, or listens is ended; it can come again', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const [inside, watching, listening] = [await signedIn(t), await signedIn(t), await signedIn(t)];
  await ask(inside, ['MULTI'], WHO);
  await ask(watching, ['WATCH', 'who']);
  await ask(listening, ['SUBSCRIBE', 'c']);
  await reload({ pools: { alice: 'b' } });
  for (const client of [inside, watching, listening]) await client.closed;
  assert.equal(await ask(await signedIn(t), WHO), B);
});

test('one whose keys have another prefix now is let go, and who may not hear its channels any more', async t => {
  const pools = { alice: 'a' };
  await start({ pools, user: ", key_prefix: 'old:'" });
  const [queues, waits, listens, idles] = await Promise.all([1, 2, 3, 4].map(() => signedIn(t)));
  assert.equal(await ask(queues!, ['MULTI'], ['SET', 'k', 'v']), '+OK\r\n+QUEUED\r\n');
  assert.equal(await ask(listens!, ['SUBSCRIBE', 'ch']), '*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n');
  waits!.send('BLPOP list 0\r\n');
  const isWaiting = async () => String(await servers[0]!.command('INFO', 'clients')).includes('blocked_clients:1');
  await waitFor(isWaiting, { what: 'a client that waits' });
  await reload({ pools, user: ", key_prefix: 'new:'" });
  for (const client of [queues!, waits!, listens!, idles!]) await client.readToEnd();
  assert.deepEqual(await servers[0]!.command('EXISTS', 'old:k', 'new:k'), 0);

  const [hears, queuesOn] = [await signedIn(t), await signedIn(t)];
  await ask(hears, ['SUBSCRIBE', 'ch']);
  await ask(queuesOn, ['MULTI'], ['SET', 'k', 'v']);
  await reload({ pools, user: ", key_prefix: 'new:', rules: '+@all ~* &other'" });
  assert.equal(await ask(queuesOn, ['EXEC']), '*1\r\n+OK\r\n');
  await hears.readToEnd();
});

test('who has signed in as another user of the same pool is that one in a reload, too', async t => {
  await start({ pools: { alice: 'a', bob: 'a' } });
  const client = await signedIn(t);
  assert.equal(await ask(client, ['AUTH', 'bob', 'secret'], WHO), `+OK\r\n${A}`);
  await reload({ pools: { alice: 'b', bob: 'a' } });
  assert.equal(await ask(client, WHO, ['ACL', 'WHOAMI']), `${A}$3\r\nbob\r\n`);
  await reload({ pools: { alice: 'b', bob: 'a' }, front: ', max_pipeline: 99' });
  assert.equal(await ask(client, WHO, ['ACL', 'WHOAMI']), `${A}$3\r\nbob\r\n`);
  await reload({ pools: { alice: 'a', bob: 'b' } });
  assert.equal(await ask(client, WHO, ['ACL', 'WHOAMI']), `${B}$3\r\nbob\r\n`);
});

test('a user or a pool that is gone: its clients end, the port stays', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const [alice, bob, stranger] = [await signedIn(t), await signedIn(t, 'bob'), await connect(t)];
  await reload({ pools: { bob: 'b' }, a: null });
  await alice.closed;
  assert.equal(await ask(bob, WHO), B);
  assert.match(
    await ask(stranger, ['AUTH', 'alice', 'secret'], ['AUTH', 'bob', 'secret'], WHO),
    /^-WRONGPASS [^\r]+\r\n\+OK\r\n\$1\r\nb\r\n$/,
  );
});

test('a port that chooses by something else: its clients end, and new ones are served', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const [alice, stranger] = [await signedIn(t), await connect(t)];
  await reload({ pools: { alice: 'a, b' }, by: 'pool_by: database, pools: { 0: a, 1: b }' });
  await Promise.all([alice.closed, stranger.closed]);
  const client = await connect(t);
  assert.equal(await ask(client, ['AUTH', 'alice', 'secret'], WHO, ['SELECT', '1'], WHO), `+OK\r\n${A}+OK\r\n${B}`);
});

test('client_connections of the pool is for those who come by the port, too', async t => {
  await start({ pools: { alice: 'a', bob: 'b' }, a: ', client_connections: 1' });
  const first = await signedIn(t);
  const second = await connect(t);
  assert.match(await ask(second, ['AUTH', 'alice', 'secret']), /^-ERR max number of clients reached\r\n$/);
  await second.closed;
  assert.equal(await ask(first, WHO), A);
  first.destroy();
  await waitFor(
    async () => {
      const client = await connect(t);
      return (await ask(client, ['AUTH', 'alice', 'secret'])) === '+OK\r\n';
    },
    { what: 'the place of the first' },
  );
});

test('a wrong password holds no place in the pool of the user', async t => {
  await start({ pools: { alice: 'a', bob: 'b' }, a: ', client_connections: 1' });
  for (let i = 0; i < 3; i++) {
    const client = await connect(t);
    assert.match(await ask(client, ['AUTH', 'alice', 'wrong'], WHO), /^-WRONGPASS [^\r]+\r\n-NOAUTH [^\r]+\r\n$/);
  }
  assert.equal(await ask(await signedIn(t), WHO), A);
});

test('client_connections of the port is for those who have not signed in', async t => {
  await start({ pools: { alice: 'a', bob: 'b' }, front: ', client_connections: 1' });
  const alice = await signedIn(t);
  const stranger = await connect(t);
  assert.match(await ask(stranger, ['GET', 'who']), /^-NOAUTH/);
  const other = await connect(t);
  assert.equal((await other.readToEnd()).toString(), '-ERR max number of clients reached\r\n');
  assert.equal(await ask(alice, WHO), A);
  assert.equal(await ask(stranger, ['AUTH', 'bob', 'secret'], WHO), `+OK\r\n${B}`);
});

test('over a unix socket', async t => {
  const path = `${temporaryDirectory('port')}/s`;
  await start({ pools: { alice: 'a', bob: 'b' }, listen: path });
  assert.equal(await ask(await signedIn(t, 'bob', path), WHO), B);
});

test('a drain answers what was sent before, also behind an AUTH', async t => {
  await start({ pools: { alice: 'a', bob: 'b' } });
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect(t)));
  const alice = await signedIn(t);
  servers[0]!.freeze();
  alice.send('*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
  for (const client of clients) {
    client.send('*3\r\n$4\r\nAUTH\r\n$3\r\nbob\r\n$6\r\nsecret\r\n*2\r\n$3\r\nGET\r\n$3\r\nwho\r\n');
  }
  ringmaster.signal('SIGTERM');
  const replies = await Promise.all(clients.map(client => client.readToEnd()));
  for (const reply of replies) assert.equal(reply.toString(), `+OK\r\n${B}`);
  servers[0]!.thaw();
  assert.equal((await alice.readToEnd()).toString(), A);
  await ringmaster.exit();
});
