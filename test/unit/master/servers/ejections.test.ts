import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolConfig } from '../../../../src/config/config.ts';
import { parseConfig } from '../../../../src/config/load.ts';
import { Ejections } from '../../../../src/master/servers/ejections.ts';
import { CollectedLog } from '../../../support/collected-log.ts';
import { mockClock } from '../../../support/mocked-clock.ts';

const RETRY_MS = 1000;

const { pass } = mockClock();

function pools(
  ports: readonly number[],
  { name = 'p', ejects = true, retryMs = RETRY_MS } = {},
): readonly PoolConfig[] {
  const servers = ports.map(port => `      - 127.0.0.1:${port}:1 s${port % 10}\n`).join('');
  const settings = `    auto_eject_hosts: ${ejects}\n    server_retry_timeout: ${retryMs}\n`;
  const text = `pools:\n  ${name}:\n    listen: 127.0.0.1:9999\n    protocol: redis\n${settings}    servers:\n${servers}`;
  return parseConfig(text, 'test.yml').pools;
}

function subject() {
  const failing = new Map<number, string>();
  const asked: number[] = [];
  let verdicts = 0;
  const ejections = new Ejections({
    log: new CollectedLog(),
    onVerdict: () => verdicts++,
    probe: ({ address }) => {
      const { port } = address as { port: number };
      asked.push(port);
      return Promise.resolve(failing.get(port) ?? null);
    },
  });
  const out = () => ejections.out().map(({ pool, server }) => `${pool}/${server}`);
  const trouble = (server: string, pool = 'p') => ejections.trouble({ pool, server, reason: 'timed_out', failures: 2 });
  return { ejections, failing, asked, out, trouble, verdicts: () => verdicts };
}

test('one worker’s trouble takes the server out for all, a probe after the pause brings it back', async () => {
  const { ejections, failing, asked, out, trouble, verdicts } = subject();
  ejections.setPools(pools([1, 2]));
  trouble('s1');
  assert.deepEqual(ejections.out(), [{ pool: 'p', server: 's1', why: 'timed_out', isEjected: true }]);
  assert.equal(verdicts(), 1);
  failing.set(1, 'refused');
  await pass(RETRY_MS);
  assert.deepEqual([asked, out()], [[1], ['p/s1']]);
  failing.clear();
  await pass(RETRY_MS);
  assert.deepEqual([asked, out(), verdicts()], [[1, 1], [], 2]);
});

test('a server that toggles stays out longer each time', async () => {
  const { ejections, asked, out, trouble } = subject();
  ejections.setPools(pools([1, 2]));
  for (const factor of [1, 2, 4, 8, 16, 32, 32]) {
    trouble('s1');
    asked.splice(0);
    await pass(RETRY_MS * factor - 10);
    assert.deepEqual([asked, out()], [[], ['p/s1']], `factor ${factor}`);
    await pass(10);
    assert.deepEqual([asked, out()], [[1], []]);
  }
});

test('a second worker that asks gets the same verdict again, and the pause does not begin anew', async () => {
  const { ejections, out, trouble, verdicts } = subject();
  ejections.setPools(pools([1, 2]));
  trouble('s1');
  await pass(RETRY_MS / 2);
  trouble('s1');
  assert.equal(verdicts(), 2);
  await pass(RETRY_MS / 2);
  assert.deepEqual(out(), []);
});

test('what is not a server, or of a pool that ejects nobody, is not ejected', () => {
  const { ejections, out, trouble } = subject();
  ejections.setPools(pools([1], { ejects: false }));
  trouble('s1');
  ejections.setPools(pools([1]));
  trouble('s7');
  trouble('s1', 'q');
  assert.deepEqual(out(), []);
});

test('a reload: servers that stay stay out, also under another name of the pool; others are in', async () => {
  const { ejections, asked, out, trouble } = subject();
  ejections.setPools(pools([1, 2]));
  trouble('s1');
  trouble('s2');
  ejections.setPools(pools([1, 12], { name: 'q' }));
  assert.deepEqual(out(), ['q/s1'], 'the other has another address');
  await pass(RETRY_MS);
  assert.deepEqual([asked, out()], [[1], []]);
  trouble('s1', 'q');
  assert.deepEqual(out(), ['q/s1']);
  ejections.setPools(pools([1, 2], { name: 'q', ejects: false }));
  assert.deepEqual(out(), []);
  await pass(100 * RETRY_MS);
  assert.deepEqual(asked, [1]);
});
