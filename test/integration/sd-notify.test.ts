// What systemd hears of a running Ringmaster (deploy/systemd/ringmaster.service).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { native } from '../../src/system/native.ts';
import { freePorts } from '../support/free-port.ts';
import { openNotifySocket } from '../support/notify-socket.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const skip = native === null ? 'there is no node:ffi here' : false;

test('readiness, the watchdog, reloads good and bad, and the end', { skip }, async t => {
  const socket = openNotifySocket();
  t.after(() => socket.close());
  const [port, server] = await freePorts(2);
  const config = (timeout: string) =>
    `pools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    timeout: ${timeout}\n    servers: [127.0.0.1:${server}]\n`;
  const env = { NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '400000' };
  const daemon = await startRingmaster({ config: config('1s'), workers: 2, env });
  t.after(() => daemon.kill());
  assert.deepEqual(await socket.until('READY=1'), ['READY=1', `MAINPID=${daemon.pid}`, 'STATUS=2 of 2 workers serve']);
  assert.deepEqual(await socket.until('WATCHDOG=1'), ['WATCHDOG=1', 'STATUS=2 of 2 workers serve']);

  for (const text of [config('2s'), 'pools: nonsense\n']) {
    const from = socket.heard().length;
    daemon.writeConfig(text);
    daemon.signal('SIGHUP');
    const [, at] = await socket.until('RELOADING=1', from);
    assert.match(at!, /^MONOTONIC_USEC=\d+$/);
    await socket.until('READY=1', from);
  }
  await daemon.stop();
  await socket.until('STOPPING=1');
  // Workers have no part in it: nobody spoke but the master.
  assert.equal(socket.heard().filter(lines => lines[0] === 'STOPPING=1').length, 1);
});
