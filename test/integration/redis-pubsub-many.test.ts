// Ten thousand subscribers of one channel in one worker: the server sends a message once, and all read it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ManyListeners } from '../support/many-listeners.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';

const LISTENERS = 10_000;
/** Of the test process, and of the worker. */
const FILES_NEEDED = LISTENERS + 500;

test('ten thousand listeners hear each message, which the server sends once', { timeout: 150_000 }, async t => {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
  assert.ok(!(limit < FILES_NEEDED), `ulimit -n is ${limit}; this test needs ${FILES_NEEDED}`);
  const server = await startRedis();
  t.after(() => server.kill());
  const daemon = await startDaemon(t, { pool: { protocol: 'redis', servers: [server.port] } }, { workers: 1 });
  const publisher = await daemon.client('pool', { timeoutMs: 60_000 });
  t.after(() => publisher.destroy());
  const listeners = await ManyListeners.connect(daemon.port('pool'), LISTENERS);
  t.after(() => listeners.close());
  listeners.send(encodeCommand('SUBSCRIBE', 'a'));
  await listeners.allHave(Buffer.from('*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'));
  assert.equal(((await server.command('PUBSUB', 'NUMSUB', 'a')) as unknown[])[1], 1);
  for (const text of ['hello', 'x'.repeat(5000)]) {
    assert.equal(await publisher.command('PUBLISH', 'a', text), LISTENERS);
    await listeners.allHave(Buffer.from(`*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$${text.length}\r\n${text}\r\n`));
  }
  await daemon.untilMetric('ringmaster_pool_topics', {}, 1);
  await daemon.untilMetric('ringmaster_pool_messages_received_total', {}, 2);
  await daemon.untilMetric('ringmaster_pool_messages_delivered_total', {}, 2 * LISTENERS);
  listeners.send(encodeCommand('UNSUBSCRIBE', 'a'));
  await listeners.allHave(Buffer.from('*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n'));
  assert.equal(await publisher.command('PUBLISH', 'a', 'nobody'), 0);
});
