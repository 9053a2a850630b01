// Two daemons that want the same files: the second is refused, and neither takes away what is the other's.
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../support/child.ts';
import { startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { runRingmaster, startRingmaster, writeConfigFile } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const config = (listen: string | number) =>
  `admin: false\npools:\n  p:\n    listen: ${typeof listen === 'number' ? `127.0.0.1:${listen}` : listen}\n` +
  `    protocol: redis\n    servers: ['127.0.0.1:1']\n`;

async function start(t: TestContext, listen: string | number) {
  const ringmaster = await startRingmaster({ config: config(listen), workers: 1 });
  t.after(() => ringmaster.kill());
  return ringmaster;
}

test('a second daemon does not take over the pid file of the first', async t => {
  const first = await start(t, await freePort());
  const port = await freePort();
  const second = await runRingmaster(['-c', writeConfigFile(config(port)), '-p', first.pidFile]);
  assert.equal(second.code, 1);
  assert.match(
    second.stderr,
    new RegExp(`cannot write the pid file .*: process ${first.pid} has it, which is running`),
  );
  assert.equal(readFileSync(first.pidFile, 'utf8'), `${first.pid}\n`);
  await first.stop();
});

test('the pid file of a daemon that was killed is taken over', async () => {
  const first = await startDaemon(config(await freePort()));
  process.kill(first.masterPid(), 'SIGKILL');
  await first.gone();
  const second = await startDaemon(config(await freePort()), { pidFile: first.pidFile });
  assert.equal(second.result.code, 0, second.result.stderr);
  process.kill(second.masterPid(), 'SIGTERM');
  await second.gone();
  assert.equal(existsSync(first.pidFile), false);
});

test('a pid file that is a link, or in no directory, is refused before a worker serves', async () => {
  const target = path.join(temporaryDirectory('pid'), 'precious');
  writeFileSync(target, 'precious');
  symlinkSync(target, `${target}.pid`);
  for (const pidFile of [`${target}.pid`, '/nowhere/pid']) {
    const refused = await runRingmaster(['-c', writeConfigFile(config(await freePort())), '-p', pidFile]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cannot write the pid file/);
    assert.doesNotMatch(refused.stderr, /worker serves/);
  }
  assert.equal(readFileSync(target, 'utf8'), 'precious');
});

test('a unix socket whose queue is full is served by somebody', async t => {
  const socket = path.join(temporaryDirectory('socket'), 's');
  const first = await start(t, `${socket}\n    backlog: 1`);
  const [worker] = first.workerPids() as [number];
  process.kill(worker, 'SIGSTOP');
  const sockets: Socket[] = [];
  t.after(() => {
    for (const each of sockets) each.destroy();
  });
  const isFull = () =>
    new Promise<boolean>(resolve => {
      const client = connect({ path: socket });
      sockets.push(client);
      client.on('connect', () => resolve(false));
      client.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EAGAIN'));
    });
  await waitFor(isFull, { what: 'the queue to be full' });
  const { ino } = lstatSync(socket);
  const second = await runRingmaster(['-c', writeConfigFile(config(socket))]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /another process serves it/);
  assert.equal(lstatSync(socket).ino, ino);
  process.kill(worker, 'SIGCONT');
});

test('at its end a daemon leaves alone the socket that another has put in the place of its own', async t => {
  const socket = path.join(temporaryDirectory('socket'), 's');
  const first = await start(t, socket);
  renameSync(socket, `${socket}.old`);
  const second = await start(t, socket);
  const { ino } = lstatSync(socket);
  await first.stop();
  assert.equal(lstatSync(socket).ino, ino);
  rmSync(`${socket}.old`);
  await second.stop();
  assert.equal(existsSync(socket), false);
});
