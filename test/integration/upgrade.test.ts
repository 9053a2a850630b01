// A new master takes the place of the running one: nobody is refused, reset or left without an answer, and what was set goes on.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { runUpgradeDrill } from '../soak/upgrade-drill.ts';
import { askAdmin } from '../support/admin-client.ts';
import { isAlive, killAtExit, temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

interface Upgraded {
  readonly result: string;
  readonly pid: number;
  readonly oldPid: number;
  readonly error?: string;
}

interface Running {
  readonly daemon: Ringmaster;
  readonly adminPort: number;
  readonly port: number;
  readonly path: string;
}

async function started(t: TestContext, settings = ''): Promise<Running> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = (await freePorts(2)) as [number, number];
  const socket = path.join(temporaryDirectory('upgrade'), 'pool.sock');
  const config = `admin: 127.0.0.1:${adminPort}
workers: 2
${settings}pools:
  red: { listen: "127.0.0.1:${port}", protocol: redis, servers: ["127.0.0.1:${redis.port}:1 a", "127.0.0.1:1:1 b"] }
  local: { listen: ${socket}, protocol: redis, servers: ["127.0.0.1:${redis.port}:1 a"] }
`;
  const daemon = await startRingmaster({ config });
  t.after(() => daemon.kill());
  return { daemon, adminPort, port, path: socket };
}

async function upgrade(adminPort: number, body: object = {}): Promise<Upgraded & { readonly status: number }> {
  const answer = await askAdmin(adminPort, '/api/v1/upgrade', { method: 'POST', body });
  const upgraded = answer.json<Upgraded>();
  if (upgraded.pid !== undefined) killAtExit(upgraded.pid);
  return { status: answer.status, ...upgraded };
}

const ended = (pid: number) => waitFor(() => !isAlive(pid), { what: `the end of process ${pid}`, timeoutMs: 15_000 });

test('again and again under load: none refused, none reset, no request failed, and nothing is left over', {
  timeout: 110_000,
}, async t => {
  const report = await runUpgradeDrill({ upgrades: 3, perSecond: 200, staying: 20, workers: 2 });
  const { shortConnections, requests, letGo, crossed, problems } = report;
  t.diagnostic(JSON.stringify({ shortConnections, requests, letGo, crossed }));
  assert.equal(problems.join('\n'), '');
  // All that stay were let go by each.
  assert.ok(letGo === 60 && shortConnections > 60, `${letGo} ${shortConnections}`);
});

test("the pid file and the sockets are the new one's, and it removes them at its end", async t => {
  const { daemon, adminPort, path } = await started(t);
  const inode = statSync(path).ino;
  const { pid, oldPid } = await upgrade(adminPort);
  assert.equal(oldPid, daemon.pid);
  await ended(daemon.pid);
  assert.equal(readFileSync(daemon.pidFile, 'utf8').trim(), String(pid));
  assert.equal(statSync(path).ino, inode);
  assert.equal((await askAdmin(adminPort, '/healthz')).status, 200);
  process.kill(pid, 'SIGTERM');
  await ended(pid);
  assert.throws(() => statSync(path), /ENOENT/);
  assert.throws(() => statSync(daemon.pidFile), /ENOENT/);
});

test('two at once: the second is refused, as the daemon it was asked of is going', async t => {
  const { daemon, adminPort } = await started(t);
  const both = await Promise.all([upgrade(adminPort), upgrade(adminPort)]);
  const [done, refused] = both[0].status === 200 ? both : [both[1], both[0]];
  assert.equal(done.status, 200, JSON.stringify(both));
  assert.equal(refused.status, 409);
  assert.match(refused.error ?? '', /not while the daemon starts or stops/);
  await ended(daemon.pid);
  const next = await upgrade(adminPort);
  assert.equal(next.oldPid, done.pid);
  await ended(done.pid);
  process.kill(next.pid, 'SIGTERM');
  await ended(next.pid);
});

test('the file is read anew: what it has more is served, what it has no more is not', async t => {
  const { daemon, adminPort, port, path } = await started(t);
  const [other] = (await freePorts(1)) as [number];
  const text = readFileSync(daemon.configFile, 'utf8');
  daemon.writeConfig(text.replace(path, `127.0.0.1:${other}`));
  const { pid, status } = await upgrade(adminPort);
  assert.equal(status, 200);
  await ended(daemon.pid);
  for (const each of [port, other]) {
    const client = await RawClient.connect(each);
    t.after(() => client.destroy());
    assert.equal(await client.command('PING'), 'PONG');
  }
  await assert.rejects(RawClient.connect(path), /ENOENT|ECONNREFUSED/);
  process.kill(pid, 'SIGTERM');
  await ended(pid);
});

test('what was set, blocked and taken out goes on, and so do events and history', async t => {
  const { daemon, adminPort, port } = await started(t);
  const api = async (method: string, path: string, body?: object) => {
    const answer = await askAdmin(adminPort, `/api/v1${path}`, { method, ...(body && { body }) });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<Record<string, never[]>>();
  };
  await api('PATCH', '/settings', { set: { 'red.timeout': '321ms' } });
  await api('POST', '/blocks', { pool: 'red', key: 'forbidden', for: '1h' });
  await api('POST', '/servers/red/b/eject', {});
  await waitFor(async () => (await api('GET', '/history?pool=red&span=15m')).series !== undefined, { what: 'history' });
  const before = await api('GET', '/events?count=1000');

  const { pid, status } = await upgrade(adminPort);
  assert.equal(status, 200);
  await ended(daemon.pid);

  const settings = await api('GET', '/settings?pattern=red.timeout');
  assert.match(JSON.stringify(settings), /321ms/);
  assert.match(JSON.stringify(await api('GET', '/blocks')), /forbidden/);
  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  client.send('GET forbidden\r\n');
  assert.match(String(await client.readReply()), /blocked/);
  // All keys are with the other one.
  for (let i = 0; i < 20; i++) assert.equal(await client.command('GET', `key:${i}`), null);
  const names = (events: Record<string, unknown>) =>
    (events.events as unknown as { id: number; event: string }[]).map(e => e.event);
  const after = await api('GET', '/events?count=1000');
  assert.deepEqual(names(after).slice(-names(before).length), names(before));
  process.kill(pid, 'SIGTERM');
  await ended(pid);
});

test('a successor that can not serve changes nothing', async t => {
  const { daemon, adminPort, port } = await started(t);
  daemon.writeConfig('nonsense: {}\n');
  const bad = await upgrade(adminPort);
  assert.equal(bad.status, 409);
  assert.match(bad.error ?? '', /the new master can't serve: .*nonsense/s);

  const directory = temporaryDirectory('other-program');
  mkdirSync(path.join(directory, 'dist'));
  writeFileSync(path.join(directory, 'package.json'), '{"name":"ringmaster","type":"module"}');
  const main = path.join(directory, 'dist/main.js');
  const answers = async (text: string, asked: object = {}) => {
    writeFileSync(main, text);
    const { status, error } = await upgrade(adminPort, { exec: main, ...asked });
    assert.equal(status, 409);
    return error ?? '';
  };
  assert.match(await answers('process.exit(3);'), /ended while it started: exit code 3$/);
  const incomplete = "import 'no-such-package';";
  assert.match(await answers(incomplete), /exit code 1: Error.*: Cannot find package 'no-such-package' imported from/);
  assert.match(await answers('setInterval(() => {}, 1000);', { timeout: '1s' }), /does not serve after 1000 ms/);
  const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);";
  assert.match(await answers(stubborn, { timeout: '1s' }), /does not serve after 1000 ms/);
  assert.match(await answers("process.kill(process.pid, 'SIGKILL');"), /ended while it started: SIGKILL/);
  const hello = "process.send({ type: 'hello', format: 1, version: '9.9' });";
  assert.match(
    await answers(`${hello} setTimeout(() => process.exit(4), 100);`),
    /ended while it started: exit code 4/,
  );
  for (const nonsense of ["'hello'", '{}', "{ type: 'ready' }", '7', "{ type: 'hello', format: '1', version: 1 }"]) {
    const text = `process.send(${nonsense}); setInterval(() => {}, 1000);`;
    assert.match(await answers(text), /takes over in a way that this one does not know/, nonsense);
  }
  assert.match(await answers(`${hello} ${hello} setInterval(() => {}, 1000);`), /takes over in a way/);
  assert.match(
    await answers("process.send({ type: 'hello', format: 999, version: '9.9' }); setInterval(() => {}, 1000);"),
    /the new master \(version 9.9\) takes over in a way that this one does not know/,
  );
  writeFileSync(path.join(directory, 'package.json'), '{"name":"other"}');
  assert.match(await answers(''), /is no Ringmaster/);

  const client = await RawClient.connect(port);
  t.after(() => client.destroy());
  assert.equal(String(await client.command('PING')), 'PONG');
  assert.equal(daemon.exited(), null);
  // Those that failed were its children, too.
  assert.equal(daemon.workerPids().length, 2);
});

test('what a successor would not hear of any more is refused while it starts', async t => {
  const { adminPort } = await started(t);
  const directory = temporaryDirectory('slow-program');
  mkdirSync(path.join(directory, 'dist'));
  writeFileSync(path.join(directory, 'package.json'), '{"name":"ringmaster","type":"module"}');
  const [main, mark] = [path.join(directory, 'dist/main.js'), path.join(directory, 'pid')];
  // It has been told all, and says nothing.
  writeFileSync(
    main,
    `import { renameSync, writeFileSync } from 'node:fs';
process.on('message', ({ type }) => {
  if (type !== 'handover') return;
  writeFileSync('${mark}.new', String(process.pid));
  renameSync('${mark}.new', '${mark}');
});
process.send({ type: 'hello', format: 1, version: '9.9' });`,
  );
  const upgrading = upgrade(adminPort, { exec: main });
  const successor = await waitFor(() => existsSync(mark) && Number(readFileSync(mark, 'utf8')), {
    what: 'a successor',
  });
  const post = async (path: string, body: object) => {
    const { status, text } = await askAdmin(adminPort, `/api/v1${path}`, { method: 'POST', body });
    return { status, error: (JSON.parse(text) as { error?: string }).error };
  };
  const changes: [string, object][] = [
    ['/blocks', { pool: 'red', key: 'forbidden' }],
    ['/servers/red/b/eject', {}],
    ['/reshard/plan', { file: 'pools: {}' }],
    ['/reshard/start', { file: 'pools: {}' }],
  ];
  for (const [path, body] of changes) {
    const refused = { status: 409, error: 'not during an upgrade: try again once it is done' };
    assert.deepEqual(await post(path, body), refused, path);
  }
  process.kill(successor, 'SIGKILL');
  assert.equal((await upgrading).status, 409);
  for (const [path, body] of changes.slice(0, 2)) assert.equal((await post(path, body)).status, 200, path);
});

test('by the command line, and by a signal where the file says so', async t => {
  const { daemon } = await started(t, 'upgrade_on: usr2\n');
  const { stdout, code, stderr } = await runRingmaster(['upgrade', '-c', daemon.configFile, '--json']);
  assert.equal(code, 0, stderr);
  const { pid } = JSON.parse(stdout) as Upgraded;
  killAtExit(pid);
  await ended(daemon.pid);
  process.kill(pid, 'SIGUSR2');
  await ended(pid);
  const next = Number(readFileSync(daemon.pidFile, 'utf8'));
  killAtExit(next);
  assert.notEqual(next, pid);
  process.kill(next, 'SIGTERM');
  await ended(next);
});
