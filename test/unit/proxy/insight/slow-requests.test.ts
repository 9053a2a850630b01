import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PoolCommands } from '../../../../src/figures/command-times.ts';
import { PoolStats } from '../../../../src/figures/statistics.ts';
import { Clock } from '../../../../src/loop/clock.ts';
import { Turn } from '../../../../src/loop/turn.ts';
import { KeyTrail } from '../../../../src/proxy/insight/key-trail.ts';
import { type SlowRequestOptions, SlowRequests } from '../../../../src/proxy/insight/slow-requests.ts';
import { Request } from '../../../../src/request/request.ts';
import { RequestBytes } from '../../../../src/request/request-bytes.ts';
import { CollectedLog } from '../../../support/collected-log.ts';

const OPTIONS: SlowRequestOptions = { thresholdMs: 10, capacity: 2, hidesKeys: false, isLogged: false };
const CLIENT = { address: '10.0.0.1:5000', name: 'app' };

function slowRequests(options: Partial<SlowRequestOptions> = {}) {
  const clock = new Clock(new Turn());
  const log = new CollectedLog();
  const stats = new PoolStats();
  const trail = new KeyTrail();
  let found = 0;
  const slow = new SlowRequests(stats, trail, clock, log, () => found++);
  slow.configure({ ...OPTIONS, ...options });
  const get = new PoolCommands().of('get');
  const add = (key: string, change: Partial<Request> = {}) => {
    const request = new Request(null, 0);
    const bytes = Buffer.from(key);
    request.keyAt = trail.keep(new RequestBytes().set(bytes, 0, bytes.length, null), 0, bytes.length);
    request.keyBytes = bytes.length;
    request.originBytes = 30;
    request.server = { name: 'cache-b' };
    // The scale goes round in between.
    request.readAtUs = 2 ** 31 - 5000;
    request.queuedAtUs = 2 ** 31 - 4900;
    request.sentAtUs = 2 ** 31 - 4000;
    request.repliedAtUs = (2 ** 31 + 14_000) | 0;
    clock.nowUs = (2 ** 31 + 15_000) | 0;
    slow.add('p', CLIENT, get, Object.assign(request, change), 1000);
  };
  return { slow, log, stats, add, found: () => found };
}

test('a slow request is told with all that is known of it', () => {
  const { slow, add } = slowRequests();
  add('user:\n1');
  const [{ atMs, ...told } = assert.fail()] = slow.take();
  assert.ok(Math.abs(Date.now() - atMs) < 60_000);
  assert.deepEqual(told, {
    pool: 'p',
    client: '10.0.0.1:5000',
    clientName: 'app',
    command: 'get',
    key: 'user:\\x0a1',
    server: 'cache-b',
    requestBytes: 30,
    replyBytes: 1000,
    queueUs: 900,
    serverUs: 18_000,
    totalUs: 20_000,
    worker: 0,
  });
});

test('the threshold is in microseconds, and off is more than anything takes', () => {
  assert.equal(slowRequests().slow.threshold, 10_000);
  assert.equal(slowRequests({ thresholdMs: 0 }).slow.threshold, 0);
  assert.equal(slowRequests({ thresholdMs: null }).slow.threshold, Number.POSITIVE_INFINITY);
});

test('the first that waits is announced; more than may wait are counted only', () => {
  const { slow, add, stats, found } = slowRequests();
  for (const key of ['a', 'b', 'c']) add(key);
  assert.deepEqual([found(), stats.slowRequests], [1, 3]);
  assert.deepEqual(
    slow.take().map(({ key }) => key),
    ['a', 'b'],
  );
  assert.deepEqual(slow.take(), []);
  add('d');
  assert.equal(found(), 2);
});

test('a command that blocks is to take its time', () => {
  const { slow, add, stats } = slowRequests();
  add('a', { extraMs: -1 });
  add('b', { extraMs: 5000 });
  assert.deepEqual([slow.take(), stats.slowRequests], [[], 0]);
});

test('keys may be left out, and are where there is none; the log has a line where it is wanted', () => {
  const hidden = slowRequests({ hidesKeys: true });
  hidden.add('secret');
  assert.equal(hidden.slow.take()[0]!.key, null);
  assert.deepEqual(hidden.log.lines, []);
  const logged = slowRequests({ isLogged: true });
  logged.add('a', { keyBytes: 0, server: null });
  const [{ key, server } = assert.fail()] = logged.slow.take();
  assert.deepEqual([key, server], [null, null]);
  assert.equal(logged.log.lines.length, 1);
});
