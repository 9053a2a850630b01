// kill -9 of a worker under traffic: only its own clients lose, another takes its place, and nothing that is counted
// goes back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlive } from '../support/child.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { type Daemon, startDaemon } from '../support/pool-daemon.ts';
import type { RawClient } from '../support/raw-client.ts';
import { waitFor } from '../support/wait-for.ts';
import { ask, WIRES, type Wire } from '../support/wire.ts';

const [wire] = WIRES as readonly [Wire];
const WORKERS = 2;

/** A client that asks for one key after the other until it is stopped or its connection ends. */
class Asking {
  right = 0;
  /** What it read that was not the right reply. */
  wrong: string | null = null;
  isCut = false;
  readonly client: RawClient;
  private readonly done: Promise<void>;
  private isStopped = false;

  constructor(client: RawClient) {
    this.client = client;
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
    this.client.destroy();
  }

  private async run(): Promise<void> {
    for (let n = 0; !this.isStopped && this.wrong === null; n++) {
      const reply = await ask(this.client, wire, `key${n}`).catch(() => null);
      if (reply === null) {
        this.isCut = true;
        return;
      }
      if (reply === wire.value(`key${n}`)) this.right++;
      else this.wrong = reply;
    }
  }
}

/** Clients until every worker has at least two. */
async function clientsOnAllWorkers(daemon: Daemon): Promise<Asking[]> {
  const all: Asking[] = [];
  const isSpread = async () => {
    all.push(new Asking(await daemon.client('pool')), new Asking(await daemon.client('pool')));
    const counts = await Promise.all(
      Array.from({ length: WORKERS }, (_, i) =>
        daemon.metric('ringmaster_worker_client_connections', { worker: String(i) }),
      ),
    );
    return counts.every(count => count >= 2);
  };
  await waitFor(isSpread, { what: 'clients on every worker' });
  return all;
}

test('one of two workers: its clients lose their connections, the others nothing; another serves in its place', async t => {
  const server = await startFakeBackend(answering(wire.split, wire.answer));
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: WORKERS });
  const clients = await clientsOnAllWorkers(daemon);
  const [victim, survivor] = daemon.ringmaster.workerPids() as [number, number];
  await waitFor(() => clients.every(({ right }) => right > 5), { what: 'traffic' });
  const counters = async () => [
    await daemon.metric('ringmaster_pool_requests_total', { pool: 'pool' }),
    await daemon.metric('ringmaster_pool_client_connections_accepted_total', { pool: 'pool' }),
    await daemon.metric('ringmaster_server_responses_total', { pool: 'pool' }),
  ];
  const before = await counters();

  process.kill(victim, 'SIGKILL');
  // Scrapes and /readyz answer all the while.
  let last = before;
  let isReadySeen = 0;
  await waitFor(
    async () => {
      const now = await counters();
      for (const [i, value] of now.entries()) assert.ok(value >= last[i]!, `counter ${i}: ${last[i]} → ${value}`);
      last = now;
      const { status } = await daemon.page('/readyz');
      assert.ok(status === 200 || status === 503);
      if (status === 200) isReadySeen++;
      const pids = daemon.ringmaster.workerPids();
      const isReplaced = pids.length === WORKERS && !pids.includes(victim);
      return isReplaced && (await daemon.metric('ringmaster_workers', { state: 'running' })) === WORKERS;
    },
    { what: 'another worker' },
  );
  assert.ok(isReadySeen > 0, 'a pool with a worker and a server is ready');
  await daemon.untilMetric('ringmaster_worker_restarts_total', {}, 1);
  assert.equal((await daemon.untilLogged(/worker died/)).length, 1);
  assert.equal((await daemon.untilLogged(/worker died/))[0]!.signal, 'SIGKILL');

  const cut = clients.filter(({ isCut }) => isCut);
  const others = clients.filter(({ isCut }) => !isCut);
  assert.ok(cut.length >= 2 && others.length >= 2);
  const rightThen = others.map(({ right }) => right);
  await waitFor(() => others.every(({ right }, i) => right > rightThen[i]! + 20), { what: 'the others to go on' });
  for (const { wrong } of clients) assert.equal(wrong, null);
  assert.ok(isAlive(survivor));

  // Its successor gets clients too.
  const fresh = await clientsOnAllWorkers(daemon);
  for (const client of [...clients, ...fresh]) await client.stop();
  for (const { wrong, isCut } of fresh) assert.deepEqual({ wrong, isCut }, { wrong: null, isCut: false });
  await daemon.untilMetric('ringmaster_pool_client_connections', { pool: 'pool' }, 0);
  await daemon.ringmaster.stop();
});

test('every worker at once: clients that come meanwhile are served by the successors, not refused', async t => {
  const server = await startFakeBackend(answering(wire.split, wire.answer));
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: WORKERS });
  for (const pid of daemon.ringmaster.workerPids()) process.kill(pid, 'SIGKILL');
  const { status } = await daemon.page('/metrics');
  assert.equal(status, 200);
  const clients = await Promise.all(Array.from({ length: 10 }, () => daemon.client('pool')));
  const replies = await Promise.all(clients.map(client => ask(client, wire, 'a').catch(() => 'cut')));
  // A connection that the dying worker had accepted is lost; the others waited in the master's sockets.
  assert.ok(replies.every(reply => reply === wire.value('a') || reply === 'cut'));
  await waitFor(async () => (await daemon.page('/readyz')).status === 200, { what: '/readyz' });
  const client = await daemon.client('pool');
  assert.equal(await ask(client, wire, 'b'), wire.value('b'));
  for (const each of [...clients, client]) each.destroy();
});
