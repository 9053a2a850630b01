// TERM and INT: what is pending is answered, nothing new is taken, exit code 0, no pid file.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { childPids, isAlive } from '../support/child.ts';
import { answering, held, never, startFakeBackend } from '../support/fake-backend.ts';
import { freePort } from '../support/free-port.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { RawClient } from '../support/raw-client.ts';
import { launchRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';
import { readOne, WIRES, type Wire } from '../support/wire.ts';

const poolFile = (workers: number, listen: number, server: number) =>
  `workers: ${workers}\nadmin: false\npools:\n  p:\n    listen: 127.0.0.1:${listen}\n    protocol: redis\n    timeout: none\n    servers: [127.0.0.1:${server}]\n`;

const [redis] = WIRES as readonly [Wire];

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal}: pending requests of all clients are answered, then all ends`, async t => {
    const gates = WIRES.map(() => held());
    const servers = await Promise.all(
      WIRES.map((wire, i) => {
        const { delivery } = gates[i]!;
        // What a new connection asks at first is not held back.
        return startFakeBackend(
          answering(wire.split, wire.answer, (socket, reply) =>
            reply.includes('VERSION') ? void socket.write(reply) : delivery(socket, reply),
          ),
        );
      }),
    );
    t.after(() => Promise.all(servers.map(server => server.close())));
    const pools = WIRES.map(
      ({ protocol }, i) => [protocol, { protocol, servers: [servers[i]!.port], settings: ['timeout: none'] }] as const,
    );
    const daemon = await startDaemon(t, Object.fromEntries(pools), { workers: 2 });
    const { ringmaster } = daemon;
    const workers = ringmaster.workerPids();
    const clients = await Promise.all(
      WIRES.flatMap(wire => [1, 2, 3].map(async n => ({ wire, n, client: await daemon.client(wire.protocol) }))),
    );
    const idle = await daemon.client('redis');
    for (const { wire, n, client } of clients) client.send(wire.get(`a${n}`) + wire.get(`b${n}`));
    const gets = () => servers.map(server => server.requests().filter(request => !request.includes('version')).length);
    await waitFor(() => gets().every(count => count === 6), { what: 'the gets at the servers' });

    ringmaster.signal(signal);
    assert.equal((await idle.readToEnd()).length, 0, 'an idle client is closed at once');
    await waitFor(
      () =>
        RawClient.connect(daemon.port('redis')).then(
          client => client.destroy(),
          () => true,
        ),
      {
        what: 'the port to be closed',
      },
    );
    assert.equal(ringmaster.exited(), null, 'it waits for the replies');
    for (const gate of gates) gate.release();
    for (const { wire, n, client } of clients) {
      assert.equal((await client.readToEnd()).toString(), wire.value(`a${n}`) + wire.value(`b${n}`));
    }
    assert.deepEqual(await ringmaster.exit(), { code: 0, signal: null });
    assert.equal(existsSync(ringmaster.pidFile), false);
    for (const pid of workers) assert.equal(isAlive(pid), false);
    assert.deepEqual(daemon.logged(/cut off|killed/), []);
  });
}

test('what is not answered within shutdown_timeout is cut off, and the log says how many', async t => {
  const server = await startFakeBackend(answering(redis.split, redis.answer, never));
  t.after(() => server.close());
  const pools = { pool: { protocol: 'redis', servers: [server.port] } } as const;
  const daemon = await startDaemon(t, pools, { settings: ['shutdown_timeout: 200'] });
  const clients = await Promise.all([1, 2, 3].map(() => daemon.client('pool')));
  for (const client of clients) client.send(redis.get('a'));
  await server.untilRequests(3);
  const startedAt = performance.now();
  daemon.ringmaster.signal('SIGTERM');
  assert.deepEqual(await daemon.ringmaster.exit(), { code: 0, signal: null });
  assert.ok(performance.now() - startedAt >= 190);
  for (const client of clients) await client.closed;
  assert.equal((await daemon.untilLogged(/cut off/))[0]!.clients, 3);
});

test('a client that keeps its connection open after we closed ours does not hold up the end', async t => {
  const server = await startFakeBackend(answering(redis.split, redis.answer));
  t.after(() => server.close());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } });
  const client = await daemon.client('pool');
  client.socket.allowHalfOpen = true;
  client.send(redis.get('a'));
  assert.equal(await readOne(client, redis), redis.value('a'));
  daemon.ringmaster.signal('SIGTERM');
  await client.readToEnd();
  const { code } = await daemon.ringmaster.exit(5000);
  assert.equal(code, 0);
  client.destroy();
});

test('a worker that is frozen is killed after shutdown_timeout: the master exits', async t => {
  const server = await startFakeBackend(answering(redis.split, redis.answer));
  t.after(() => server.close());
  const pools = { pool: { protocol: 'redis', servers: [server.port] } } as const;
  const daemon = await startDaemon(t, pools, { settings: ['shutdown_timeout: 100'], workers: 2 });
  const [frozen] = daemon.ringmaster.workerPids() as [number];
  process.kill(frozen, 'SIGSTOP');
  daemon.ringmaster.signal('SIGTERM');
  assert.deepEqual(await daemon.ringmaster.exit(), { code: 0, signal: null });
  assert.equal(isAlive(frozen), false);
  assert.equal((await daemon.untilLogged(/killed/)).length, 1);
});

test('TERM while some workers serve and others start: the clients of those are answered, and it exits with 0', async t => {
  const gate = held();
  const server = await startFakeBackend(answering(redis.split, redis.answer, gate.delivery));
  t.after(() => server.close());
  const port = await freePort();
  const child = launchRingmaster(poolFile(6, port, server.port));
  t.after(() => child.kill());
  const client = await waitFor(() => RawClient.connect(port).catch(() => null), { what: 'the port to be open' });
  client.send(redis.get('a'));
  await server.untilRequests(1);
  child.signal('SIGTERM');
  await child.until(() => /"msg":"ringmaster drains"/.test(child.stderr()), 'the drain');
  gate.release();
  assert.equal((await client.readToEnd()).toString(), redis.value('a'));
  assert.deepEqual(await child.exit(), { code: 0, signal: null }, child.diagnosis());
  assert.doesNotMatch(child.stderr(), /died|killed|cut off/);
});

test('TERM at any moment of the start ends it with 0, and nothing is left', async () => {
  const config = poolFile(3, await freePort(), 1);
  for (const line of [null, /worker 0/, /quick ACKs/, /worker serves/, /worker serves.*worker serves/s]) {
    const child = launchRingmaster(config);
    if (line === null) await child.until(() => childPids(child.pid).length > 0, 'the first worker');
    else await child.until(() => line.test(child.stderr()), String(line));
    const workers = childPids(child.pid);
    child.signal('SIGTERM');
    assert.deepEqual(await child.exit(), { code: 0, signal: null }, child.diagnosis());
    for (const pid of workers) assert.equal(isAlive(pid), false);
  }
});
