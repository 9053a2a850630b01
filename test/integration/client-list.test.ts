// The clients of all workers in one list, and one of them cut off: over the API and from the command line.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ClientRow } from '../../src/figures/client-row.ts';
import { askAdmin } from '../support/admin-client.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

let redis: RedisServer;
let daemon: Daemon;
const ended: (() => unknown)[] = [];

before(async () => {
  redis = await startRedis();
  daemon = await startDaemon(
    { after: end => void ended.push(end as () => unknown) },
    {
      red: { protocol: 'redis', servers: [redis.port], settings: ['databases: 16'] },
      mem: { protocol: 'memcached', servers: [1], settings: ['memcached_auth: "alice:secret"'] },
    },
    { workers: 2 },
  );
});

after(async () => {
  for (const end of ended) await end();
  await redis?.kill();
});

interface List {
  readonly total: number;
  readonly isWhole: boolean;
  readonly clients: readonly ClientRow[];
}

/** Of all workers: what is held up and does not answer in time is left out, and the answer says so. */
async function list(query: string): Promise<List> {
  const ask = async () => {
    const answer = await askAdmin(daemon.adminPort, `/api/v1/clients?${query}`);
    assert.equal(answer.status, 200, answer.text);
    const said = answer.json<List>();
    return said.isWhole && said;
  };
  return waitFor(ask, { what: 'a list of all workers' });
}

const cli = (...args: string[]) => runRingmaster([...args, '-c', daemon.ringmaster.configFile]);
const names = ({ clients }: List) => clients.map(({ name }) => name);

async function namedClient(name: string, requests: number, database = 0): Promise<RawClient> {
  const client = await daemon.client('red');
  await client.command('CLIENT', 'SETNAME', name);
  assert.equal(await client.command('SELECT', database), 'OK');
  for (let i = 0; i < requests; i++) await client.command('GET', 'x');
  return client;
}

test('clients of all workers are sorted, filtered and told in parts', async t => {
  const clients: RawClient[] = [];
  t.after(() => clients.forEach(client => void client.destroy()));
  // Whatever the kernel does, both workers have some: those of one alone are let go, and others come.
  const isSpread = async () => {
    for (const client of clients.splice(0)) client.destroy();
    await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'red' }, 0);
    for (let i = 0; i < 12; i++) clients.push(await namedClient(`app-${i}`, 2 * i, i % 3 === 0 ? 5 : 0));
    return new Set((await list('pool=red&name=app-')).clients.map(({ worker }) => worker)).size === 2;
  };
  await waitFor(isSpread, { what: 'clients in both workers' });

  const all = await list('pool=red&name=app-');
  assert.equal(all.total, 12);
  assert.deepEqual(
    names(all),
    Array.from({ length: 12 }, (_, i) => `app-${11 - i}`),
  );
  assert.deepEqual(new Set(all.clients.map(({ worker }) => worker)), new Set([0, 1]));
  const [first] = all.clients;
  assert.match(first!.address, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(
    [first!.pool, first!.user, first!.command, first!.pendingRequests, first!.isBlocked],
    ['red', 'default', 'get', 0, false],
  );

  // In parts, whatever the order: each once. How long it was is told by each worker of another moment: two that differ by less may
  // change places between two parts.
  for (const sort of ['requests', 'pending', 'idle', 'age']) {
    const inParts = async () => {
      const parts: string[] = [];
      for (let offset = 0; offset < 12; offset += 5) {
        parts.push(...names(await list(`pool=red&name=app-&sort=${sort}&count=5&offset=${offset}`)));
      }
      return new Set(parts).size;
    };
    if (sort === 'requests' || sort === 'pending') assert.equal(await inParts(), 12, sort);
    else await untilEqual(inParts, 12, sort);
  }
  await untilEqual(async () => names(await list('name=app-&sort=age'))[0], 'app-0', 'the oldest');
  assert.equal((await list('database=5')).total, 4);
  assert.deepEqual(names(await list(`address=${first!.address}`)), ['app-11']);
  assert.equal((await list('pool=mem')).total, 0);
});

test('who waits, what it has not read, and whom it has logged in as', async t => {
  const waiting = await namedClient('waiting', 0);
  t.after(() => waiting.destroy());
  waiting.send('*3\r\n$5\r\nBLPOP\r\n$4\r\nnone\r\n$1\r\n0\r\n');
  await waitFor(async () => (await list('name=waiting')).clients[0]?.isBlocked, { what: 'a client that waits' });
  const { clients } = await list('name=waiting&sort=pending');
  assert.deepEqual([clients[0]!.pendingRequests, clients[0]!.command], [1, 'blpop']);
  assert.ok(clients[0]!.pendingBytes > 0);

  const alice = await daemon.client('mem');
  t.after(() => alice.destroy());
  assert.equal((await list('user=alice')).total, 0);
  alice.send('set auth 0 0 12\r\nalice secret\r\n');
  await alice.readUntil('STORED\r\n');
  const { clients: ofAlice } = await list('user=alice');
  assert.deepEqual(
    ofAlice.map(({ pool, user }) => [pool, user]),
    [['mem', 'alice']],
  );
});

test('one is cut off, others stay', async t => {
  const [flood, calm] = [await namedClient('flood', 3), await namedClient('calm', 1)];
  t.after(() => calm.destroy());
  const { id } = (await list('name=flood')).clients[0]!;
  const killed = await cli('clients', 'kill', String(id));
  assert.match(killed.stdout, new RegExp(`^cut off: ${id}, 127\\.0\\.0\\.1:\\d+ flood of red\\n$`));
  await flood.readToEnd();
  assert.equal(await calm.command('PING'), 'PONG');
  const again = await cli('clients', 'kill', String(id));
  assert.deepEqual([again.code, again.stderr], [1, `ringmaster: there is no client ${id}\n`]);
  const { events } = (await askAdmin(daemon.adminPort, '/api/v1/events')).json<{
    events: { event: string; details: Record<string, unknown> }[];
  }>();
  const { details } = events.find(({ event }) => event === 'client_cut')!;
  assert.deepEqual([details.id, details.name], [id, 'flood']);
  assert.match(String(details.by), / from 127\.0\.0\.1$/);
});

test('the command line lists what the API does', async t => {
  const client = await namedClient('listed', 2, 7);
  t.after(() => client.destroy());
  const { stdout } = await cli('clients', '--pool', 'red', '--filter', 'name=listed', '--filter', 'database=7');
  assert.match(
    stdout,
    /^1 client\n +number +pool +address .*\n *\d+ +red +127\.0\.0\.1:\d+ +listed +default +7 .* get\n$/,
  );
  assert.equal(JSON.parse((await cli('clients', '--filter', 'name=listed', '--json')).stdout).total, 1);
  for (const args of [['--filter', 'size=1'], ['--sort', 'name'], ['kill'], ['cut', '1']]) {
    assert.equal((await cli('clients', ...args)).code, 1, args.join(' '));
  }
});

test('what cannot be answered is refused', async () => {
  for (const query of ['sort=name', 'database=x', 'count=0', 'count=1001', 'offset=-1', 'offset=4950']) {
    assert.equal((await askAdmin(daemon.adminPort, `/api/v1/clients?${query}`)).status, 400, query);
  }
  for (const [id, status] of [
    ['x', 400],
    ['12', 404],
  ] as const) {
    const answer = await askAdmin(daemon.adminPort, `/api/v1/clients/${id}`, { method: 'DELETE' });
    assert.equal(answer.status, status, answer.text);
  }
});
