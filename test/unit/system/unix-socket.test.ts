import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { isServed } from '../../../src/system/unix-socket.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { stopThread } from '../../support/stop-thread.ts';

const LONGER_THAN_WAITED_MS = 600;

test('a path is served as long as somebody listens there', async t => {
  const file = path.join(temporaryDirectory('unix'), 's');
  assert.equal(await isServed(file), false);
  const server = createServer(socket => socket.destroy());
  t.after(() => server.close());
  await once(server.listen(file), 'listening');
  assert.equal(await isServed(file), true);
});

test('a path that nobody serves is known as such also by a process that was stopped meanwhile', async () => {
  // From here on timers come before what is read.
  await setImmediate();
  const answer = isServed(path.join(temporaryDirectory('unix'), 's'));
  stopThread(LONGER_THAN_WAITED_MS);
  assert.equal(await answer, false);
});
