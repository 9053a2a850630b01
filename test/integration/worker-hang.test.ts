// A worker that hangs, and a master that does: nobody waits for them without end.
import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { askAdmin, metricOf } from '../support/admin-client.ts';
import { isAlive, temporaryDirectory } from '../support/child.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { logLines } from '../support/log-lines.ts';
import { RawClient } from '../support/raw-client.ts';
import { redisRequest } from '../support/request-splitter.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor, within } from '../support/wait-for.ts';

/** Two workers that accept from one unix socket: who connects while one of them is stopped gets to the other. */
async function start(t: TestContext, top: string, clients: number) {
  const backend = await startFakeBackend(answering(redisRequest, () => '+OK\r\n'));
  t.after(() => backend.close());
  const socket = path.join(temporaryDirectory('hang'), 'socket');
  const adminPort = await freePort();
  const config =
    `admin: 127.0.0.1:${adminPort}\n${top}\npools:\n  p:\n    listen: ${socket}\n    protocol: redis\n` +
    `    client_connections: ${clients}\n    servers: ['127.0.0.1:${backend.port}']\n`;
  const ringmaster = await startRingmaster({ config, workers: 2 });
  t.after(() => ringmaster.kill());
  return { ringmaster, socket, adminPort };
}

const clientsOf = (adminPort: number, worker: number) =>
  metricOf(adminPort, 'ringmaster_worker_client_connections', { worker: String(worker) });

test('a worker that is stopped is replaced; until then /readyz says that it does not serve', async t => {
  const { ringmaster, socket, adminPort } = await start(t, 'worker_timeout: 5s', 100);
  const [hanging] = ringmaster.workerPids() as [number];
  process.kill(hanging, 'SIGSTOP');
  const readiness = () => askAdmin(adminPort, '/readyz');
  const notReady = async () => {
    const answer = await readiness();
    return answer.status === 503 && answer;
  };
  const answer = await waitFor(notReady, { what: '/readyz to say so' });
  const { workers } = answer.json<{ workers: { pid: number; state: string; why: string }[] }>();
  const said = workers.find(({ pid }) => pid === hanging);
  assert.equal(said?.state, 'silent');
  assert.match(said?.why, /^it has reported nothing for \d+ ms$/);

  await waitFor(() => !isAlive(hanging), { what: 'its end' });
  await waitFor(async () => (await readiness()).status === 200, { what: 'its successor' });
  assert.equal(await metricOf(adminPort, 'ringmaster_worker_hangs_total'), 1);
  assert.equal(await metricOf(adminPort, 'ringmaster_worker_restarts_total'), 1);
  await ringmaster.until(
    () => logLines(ringmaster.stderr()).some(line => /^worker hangs/.test(line.msg) && line.workerPid === hanging),
    'the log to say so',
  );
  const client = await RawClient.connect(socket);
  assert.equal(String(await client.command('GET', 'k')), 'OK');
  client.destroy();
  await ringmaster.stop();
});

test('the pool is full and a worker is stopped: new clients of the other are refused at once', async t => {
  const LIMIT = 6;
  const { ringmaster, socket, adminPort } = await start(t, 'worker_timeout: 1h', LIMIT);
  const clients: RawClient[] = [];
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  const isFull = async () => {
    while (clients.length < LIMIT) {
      const client = await RawClient.connect(socket);
      assert.equal(String(await client.command('GET', 'k')), 'OK');
      clients.push(client);
    }
    const counts = [await clientsOf(adminPort, 0), await clientsOf(adminPort, 1)];
    if (counts[0]! + counts[1]! === LIMIT && counts.every(count => count > 0)) return true;
    if (counts.includes(LIMIT)) for (const client of clients.splice(0)) client.destroy();
    return false;
  };
  await waitFor(isFull, { what: 'a client in each worker' });
  const [stopped] = ringmaster.workerPids() as [number];
  process.kill(stopped, 'SIGSTOP');
  t.after(() => process.kill(stopped, 'SIGCONT'));

  const answers = Array.from({ length: 10 }, async () => {
    const client = await RawClient.connect(socket);
    client.send('PING\r\n');
    return (await client.readToEnd()).toString();
  });
  for (const answer of await within(Promise.all(answers), { what: 'an answer for each' })) {
    assert.equal(answer, '-ERR max number of clients reached\r\n');
  }
});

test('the master is stopped: a client that would need its word is refused, and let in when it goes on', async t => {
  const { ringmaster, socket } = await start(t, '', 4);
  ringmaster.signal('SIGSTOP');
  const early = await RawClient.connect(socket);
  early.send('PING\r\n');
  assert.equal((await early.readToEnd()).toString(), '-ERR max number of clients reached\r\n');
  ringmaster.signal('SIGCONT');
  const client = await waitFor(
    async () => {
      const next = await RawClient.connect(socket);
      next.send('PING\r\n');
      const isIn = await Promise.race([next.readLine().then(String, () => null), next.closed.then(() => null)]);
      return isIn === '+PONG\r\n' ? next : null;
    },
    { what: 'a client to be let in' },
  );
  client.destroy();
  await ringmaster.stop();
});
