import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ServiceManager } from '../../../src/master/service-manager.ts';

function told(t: TestContext, env: NodeJS.ProcessEnv) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const states: string[] = [];
  const manager = new ServiceManager({
    env,
    status: () => '2 of 2 workers serve',
    send: (socket, state) => states.push(`${socket} ${state.replace(/MONOTONIC_USEC=\d+/, 'MONOTONIC_USEC=N')}`),
  });
  t.after(() => manager.close());
  return { manager, states, tick: (ms: number) => t.mock.timers.tick(ms) };
}

const READY = `/n READY=1\nMAINPID=${process.pid}\nSTATUS=2 of 2 workers serve`;

test('without systemd nothing is said', async t => {
  for (const env of [{}, { NOTIFY_SOCKET: 'vsock:2:1' }, { WATCHDOG_USEC: '1000000' }]) {
    const { manager, states, tick } = told(t, env);
    manager.ready();
    tick(10_000);
    assert.equal(await manager.reloading(async () => 7), 7);
    manager.stopping();
    assert.deepEqual(states, []);
    t.mock.timers.reset();
  }
});

test('its variables are taken out of the environment, which workers get', t => {
  const env = { NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '1', WATCHDOG_PID: '1', PATH: '/bin' };
  told(t, env);
  assert.deepEqual(env, { PATH: '/bin' });
});

test('readiness, a reload that fails, the end', async t => {
  const { manager, states } = told(t, { NOTIFY_SOCKET: '/n' });
  // Refused: it says nothing of a service that is not up.
  await assert.rejects(manager.reloading(() => Promise.reject(new Error('not while it starts'))));
  assert.deepEqual(states, []);
  manager.ready();
  await assert.rejects(manager.reloading(() => Promise.reject(new Error('bad file'))));
  manager.stopping();
  assert.deepEqual(states, [
    READY,
    '/n RELOADING=1\nMONOTONIC_USEC=N',
    '/n READY=1\nSTATUS=2 of 2 workers serve',
    '/n STOPPING=1\nSTATUS=drains',
  ]);
});

test('of two reloads at a time the first beginning and the last end are told', async t => {
  const { manager, states } = told(t, { NOTIFY_SOCKET: '/n' });
  manager.ready();
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const ends = [manager.reloading(() => one.promise), manager.reloading(() => two.promise)];
  one.resolve();
  await ends[0];
  assert.equal(states.length, 2);
  two.resolve();
  await ends[1];
  assert.equal(states.length, 3);
});

test('a reload that ends while the daemon drains does not call it ready', async t => {
  const { manager, states } = told(t, { NOTIFY_SOCKET: '/n' });
  manager.ready();
  const reload = Promise.withResolvers<void>();
  const ended = manager.reloading(() => reload.promise);
  manager.stopping();
  reload.resolve();
  await ended;
  assert.equal(states.at(-1), '/n STOPPING=1\nSTATUS=drains');
});

test('the watchdog is fed twice in its time, and only by the process it watches', t => {
  const { manager, states, tick } = told(t, {
    NOTIFY_SOCKET: '/n',
    WATCHDOG_USEC: '3000000',
    WATCHDOG_PID: `${process.pid}`,
  });
  tick(10_000);
  assert.deepEqual(states, [], 'not before it is up');
  manager.ready();
  tick(1499);
  assert.deepEqual(states, [READY]);
  tick(1);
  assert.deepEqual(states, [READY, '/n WATCHDOG=1\nSTATUS=2 of 2 workers serve']);
  manager.close();
  tick(10_000);
  assert.equal(states.length, 2);

  t.mock.timers.reset();
  const other = told(t, { NOTIFY_SOCKET: '/n', WATCHDOG_USEC: '3000000', WATCHDOG_PID: '1' });
  other.manager.ready();
  other.tick(10_000);
  assert.deepEqual(other.states, [READY]);
});
