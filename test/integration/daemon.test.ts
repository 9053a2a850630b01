// -d and the signals, as init scripts and logrotate use them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { isAlive, temporaryDirectory } from '../support/child.ts';
import { type DaemonStart, entries, entriesOf, sessionOf, startDaemon } from '../support/daemon.ts';
import { startFakeBackend } from '../support/fake-backend.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { readJson } from '../support/nutcracker.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const native = (port: number, more = '') =>
  `workers: 2\nadmin: false\n${more}pools:\n  p:\n    listen: 127.0.0.1:${port}\n    protocol: redis\n    servers: [127.0.0.1:1]\n`;

async function started(config: string, args: readonly string[] = []): Promise<DaemonStart> {
  const daemon = await startDaemon(config, { args });
  assert.deepEqual(daemon.result, { code: 0, signal: null, stdout: '', stderr: '' }, daemon.log());
  return daemon;
}

async function stopped(daemon: DaemonStart, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  process.kill(daemon.masterPid(), signal);
  await daemon.gone();
  assert.equal(existsSync(daemon.pidFile), false, 'the pid file is removed');
  assert.equal(daemon.entries('ringmaster is done').length, 1);
}

test('-d returns when every listener accepts, and leaves a daemon in a session of its own', async () => {
  const [port, statsPort] = await freePorts(2);
  const config = `p:\n  listen: 127.0.0.1:${port}\n  redis: true\n  servers:\n    - 127.0.0.1:1:1\n`;
  const daemon = await started(config, ['-w', '2', '-a', '127.0.0.1', '-s', String(statsPort)]);
  // At once: nothing to wait for.
  const client = await RawClient.connect(port!);
  client.send('PING\r\n');
  assert.equal(String(await client.readUntil('\r\n')), '+PONG\r\n');
  assert.equal((await readJson(statsPort!)).service, 'nutcracker');

  const master = daemon.masterPid();
  assert.equal(daemon.pids().length, 3, 'a master and two workers');
  assert.ok(daemon.pids().includes(master));
  assert.equal(sessionOf(master), master);
  assert.notEqual(sessionOf(master), sessionOf(process.pid));
  for (const fd of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${master}/fd/${fd}`), '/dev/null');
  assert.equal(daemon.entries('ringmaster is ready').length, 1);
  client.socket.destroy();
  await stopped(daemon);
});

test('relative paths mean the directory in which it was started', async () => {
  const daemon = await started(native(await freePort()), ['-v', 'info']);
  assert.equal(readlinkSync(`/proc/${daemon.masterPid()}/cwd`), process.cwd());
  await stopped(daemon, 'SIGINT');
});

test('a start that fails says why in one line, returns 1 and leaves no process and no pid file', async t => {
  const occupant = createServer().listen(0, '127.0.0.1');
  await once(occupant, 'listening');
  t.after(() => occupant.close());
  const taken = (occupant.address() as AddressInfo).port;
  const missing = path.join(temporaryDirectory('missing'), 'no', 'such');
  const free = await freePort();
  const FAILURES: readonly [
    what: string,
    message: RegExp,
    config: string,
    options?: Parameters<typeof startDaemon>[1],
  ][] = [
    ['a port in use', /pool p: cannot listen on 127\.0\.0\.1:\d+: the address is in use/, native(taken)],
    ['a statistics port in use', /\b\d+\b.*in use/, native(free), { args: ['-a', '127.0.0.1', '-s', String(taken)] }],
    ['an admin port in use', /\b\d+\b.*in use/, native(free).replace('admin: false', `admin: 127.0.0.1:${taken}`)],
    ['a bad file', /ringmaster\.yml:1:\d+: .*unknown key/, `porls: {}\n${native(free)}`],
    ['a pid file that cannot be written', /cannot write the pid file .*no\/such/, native(free), { pidFile: missing }],
    [
      'a log file that cannot be opened',
      /log.*no\/such|no\/such.*log|ENOENT.*no\/such/,
      native(free),
      { logFile: missing },
    ],
  ];
  for (const [what, message, config, options] of FAILURES) {
    await t.test(what, async () => {
      const daemon = await startDaemon(config, options);
      assert.equal(daemon.result.code, 1);
      assert.equal(daemon.result.stdout, '');
      assert.match(daemon.result.stderr, /^ringmaster: [^\n]+\n$/);
      assert.match(daemon.result.stderr, message);
      await daemon.gone();
      assert.equal(existsSync(daemon.pidFile), false);
    });
  }
});

test('a second daemon on the same ports fails and leaves the first alone, its pid file too', async () => {
  const port = await freePort();
  const first = await started(native(port));
  const second = await startDaemon(native(port), { pidFile: first.pidFile });
  assert.equal(second.result.code, 1);
  await second.gone();
  assert.ok(isAlive(first.masterPid()));
  (await RawClient.connect(port)).socket.destroy();
  await stopped(first);
});

for (const signal of ['SIGHUP', 'SIGUSR1'] as const) {
  test(`${signal} opens the log file anew, after it was rotated away, in the workers too`, async () => {
    const daemon = await started(native(await freePort()), ['-v', 'debug']);
    const rotated = `${daemon.logFile}.1`;
    renameSync(daemon.logFile, rotated);
    process.kill(daemon.masterPid(), signal);
    await waitFor(() => daemon.entries('log reopened').length > 0, { what: 'the new log file' });
    await waitFor(() => !daemon.pids().some(pid => hasOpen(pid, rotated)), { what: 'all to have left the old file' });
    const before = readFileSync(rotated, 'utf8');
    await stopped(daemon);
    assert.equal(readFileSync(rotated, 'utf8'), before, 'nothing is written to the old file');
    const roles = new Set(entries(daemon.log()).map(({ role }) => role));
    assert.deepEqual([...roles].sort(), ['master', 'worker 0', 'worker 1']);
  });
}

function hasOpen(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some(fd => {
    try {
      return readlinkSync(path.join(folder, fd)) === file;
    } catch {
      // It was closed while we looked.
      return false;
    }
  });
}

test('a log file that cannot be opened again does not end the daemon: the old one goes on', async () => {
  const port = await freePort();
  const dir = path.join(temporaryDirectory('logs'), 'logs');
  mkdirSync(dir);
  const daemon = await startDaemon(native(port), { logFile: path.join(dir, 'log') });
  assert.equal(daemon.result.code, 0, daemon.result.stderr);
  renameSync(dir, `${dir}.moved`);
  const log = () => readFileSync(path.join(`${dir}.moved`, 'log'), 'utf8');
  process.kill(daemon.masterPid(), 'SIGUSR1');
  const isError = ({ level }: Record<string, unknown>) => (level as number) >= 40;
  await waitFor(() => entries(log()).some(isError), { what: 'a complaint in the old log' });
  (await RawClient.connect(port)).socket.destroy();
  process.kill(daemon.masterPid(), 'SIGTERM');
  await daemon.gone();
  assert.equal(entriesOf(log(), 'ringmaster is done').length, 1);
});

test('a log that cannot be written, for the disk is full, does not end the daemon', async () => {
  const port = await freePort();
  const daemon = await startDaemon(native(port), { logFile: '/dev/full' });
  assert.equal(daemon.result.code, 0, daemon.result.stderr);
  const master = daemon.masterPid();
  process.kill(master, 'SIGUSR2');
  const client = await RawClient.connect(port);
  client.send('PING\r\n');
  assert.equal(String(await client.readUntil('\r\n')), '+PONG\r\n');
  client.socket.destroy();
  process.kill(master, 'SIGTERM');
  await daemon.gone();
  assert.equal(existsSync(daemon.pidFile), false);
});

test('TTIN logs more and TTOU less, in steps', async () => {
  const daemon = await started(native(await freePort()), ['-v', 'warn']);
  assert.equal(daemon.log(), '', 'at level warn a good start says nothing');
  const master = daemon.masterPid();
  /** Whether an entry of level info is written now: reopening the log is one. */
  const showsInfo = async () => {
    rmSync(daemon.logFile, { force: true });
    process.kill(master, 'SIGUSR1');
    await waitFor(() => existsSync(daemon.logFile), { what: 'the log file to come back' });
    // The file is made before the entry is written; the answer to a second signal tells that the first is done.
    const { ino } = statSync(daemon.logFile);
    const first = `${daemon.logFile}.${ino}`;
    renameSync(daemon.logFile, first);
    process.kill(master, 'SIGUSR1');
    await waitFor(() => existsSync(daemon.logFile), { what: 'the log file to come back again' });
    return entriesOf(readFileSync(first, 'utf8'), 'log reopened').length > 0;
  };
  assert.equal(await showsInfo(), false);
  process.kill(master, 'SIGTTIN');
  await waitFor(showsInfo, { what: 'entries of level info after TTIN' });
  process.kill(master, 'SIGTTOU');
  await waitFor(async () => !(await showsInfo()), { what: 'no more entries of level info after TTOU' });
  // More often than there are levels: it stops at the last.
  for (let i = 0; i < 12; i++) {
    process.kill(master, 'SIGTTOU');
    await showsInfo();
  }
  for (let i = 0; i < 12; i++) {
    process.kill(master, 'SIGTTIN');
    await showsInfo();
  }
  await waitFor(showsInfo, { what: 'entries of level info' });
  process.kill(master, 'SIGTERM');
  await daemon.gone();
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} drains: what was asked is answered, nobody new is let in`, async t => {
    const backend = await startFakeBackend(() => {});
    t.after(() => backend.close());
    const port = await freePort();
    const daemon = await started(native(port).replace('127.0.0.1:1]', `127.0.0.1:${backend.port}]`));
    const client = await RawClient.connect(port);
    client.send('GET key\r\n');
    await waitFor(() => backend.connections[0]?.chunks.length, { what: 'the request at the server' });

    process.kill(daemon.masterPid(), signal);
    await waitFor(() => isRefused(port), { what: 'connections to be refused' });
    assert.equal(daemon.entries('ringmaster is done').length, 0);

    backend.connections[0]!.socket.write('$5\r\nvalue\r\n');
    assert.equal(String(await client.readUntil('value\r\n')), '$5\r\nvalue\r\n');
    await client.closed;
    await daemon.gone();
    assert.equal(existsSync(daemon.pidFile), false, 'the pid file is removed');
    assert.equal(daemon.entries('ringmaster is done').length, 1);
  });
}

function isRefused(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', error => resolve((error as NodeJS.ErrnoException).code === 'ECONNREFUSED'));
  });
}

test('the pid file of another process is left alone', async () => {
  const daemon = await started(native(await freePort()));
  const master = daemon.masterPid();
  writeFileSync(daemon.pidFile, `${process.pid}\n`);
  process.kill(master, 'SIGTERM');
  await daemon.gone();
  assert.equal(readFileSync(daemon.pidFile, 'utf8'), `${process.pid}\n`);
});

test('what is odd about the file stands in the log, from the start and after a reload', async () => {
  const good = native(await freePort());
  const ringmaster = await startRingmaster({ config: good.replace('servers:', 'hash_tag: "{}"\n    servers:') });
  const warnings = () => entriesOf(ringmaster.stderr(), 'no effect: the pool has one server, which gets every key');
  await ringmaster.until(() => warnings().length > 0, 'the warning');
  assert.equal(warnings()[0]!.setting, 'pools.p.hash_tag');
  ringmaster.writeConfig(good.replace('servers:', 'hash_tag: "##"\n    servers:'));
  ringmaster.signal('SIGHUP');
  await ringmaster.until(() => ringmaster.stderr().includes('both characters are the same'), 'the new warning');
  await ringmaster.stop();
});
