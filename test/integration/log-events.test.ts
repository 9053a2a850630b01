// Whatever a daemon logs in its life, docs/logging.md has it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logEvents } from '../../scripts/logging-reference.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { waitFor } from '../support/wait-for.ts';

test('a start, a lost server, a dead worker, reloads good and bad, an end: all their lines are in the list', async t => {
  const [redis, other] = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all([redis.kill(), other.kill()]));
  const settings = ['hash: murmur', 'auto_eject_hosts: true', 'server_failure_limit: 1', 'timeout: 200'];
  const pools = { p: { protocol: 'redis', servers: [redis.port, other.port], settings } } as const;
  const daemon = await startDaemon(t, pools, { workers: 2, settings: ['log: { level: debug }'] });
  const client = await daemon.client('p');
  t.after(() => client.destroy());
  await client.command('SET', 'k', 'v');
  const logged = (what: RegExp) => waitFor(() => daemon.logged(what).length > 0, { what: `${what} in the log` });

  await redis.kill();
  for (let i = 0; i < 20; i++) await client.command('GET', `k${i}`);
  await logged(/^server ejected/);
  process.kill(daemon.ringmaster.workerPids()[0]!, 'SIGKILL');
  await logged(/^worker died/);
  daemon.ringmaster.signal('SIGUSR1');
  await logged(/^log reopened/);
  daemon.ringmaster.writeConfig('pools: nonsense\n');
  daemon.ringmaster.signal('SIGHUP');
  await logged(/^not reloaded/);
  await daemon.ringmaster.stop();

  const known = new Set(logEvents().map(({ message }) => message));
  const names = new Set(daemon.logged(/./).map(({ msg }) => String(msg)));
  assert.deepEqual(
    [...names].filter(name => !known.has(name) && !/^\d+ more like this: /.test(name)),
    [],
  );
  assert.ok(names.size > 8, [...names].join('; '));
});
