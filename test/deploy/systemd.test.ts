// The unit and the log rotation, by systemd's and logrotate's own checks.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { isAlive, killAtExit, run, temporaryDirectory } from '../support/child.ts';
import { entries } from '../support/daemon.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const DEPLOY = path.join(import.meta.dirname, '../../deploy');

test('systemd-analyze verify finds nothing', async () => {
  const unit = path.join(temporaryDirectory('unit'), 'ringmaster.service');
  const text = readFileSync(path.join(DEPLOY, 'systemd/ringmaster.service'), 'utf8');
  // Ringmaster is not installed here: some program that is.
  writeFileSync(unit, text.replaceAll('/usr/bin/ringmaster', '/bin/true'));
  const { code, stdout, stderr } = await run('systemd-analyze', ['verify', unit]);
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
  writeFileSync(unit, `${text.replaceAll('/usr/bin/ringmaster', '/bin/true')}\n[Service]\nWatchdogSeconds=3\n`);
  assert.match((await run('systemd-analyze', ['verify', unit])).stderr, /Unknown key.*WatchdogSeconds/);
});

test('systemd-analyze security finds little that the unit could do without', async () => {
  const unit = path.join(temporaryDirectory('unit'), 'ringmaster.service');
  const text = readFileSync(path.join(DEPLOY, 'systemd/ringmaster.service'), 'utf8');
  const exposure = async (unitText: string) => {
    writeFileSync(unit, unitText.replaceAll('/usr/bin/ringmaster', '/bin/true'));
    const { stdout } = await run('systemd-analyze', ['security', '--offline=true', unit]);
    return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
  };
  const level = await exposure(text);
  // 10 is all that there is. The rest is what Node and a network daemon need.
  assert.ok(level < 2, `its exposure is ${level}`);
  assert.ok((await exposure(text.replace('CapabilityBoundingSet=\n', ''))) > level);
});

/** What the unit's SystemCallFilter lets through, by name; systemd knows what its groups have in them. */
async function permittedCalls(unit: string): Promise<string[]> {
  const { stdout } = await run('systemd-analyze', ['--no-pager', 'syscall-filter']);
  const groups = new Map<string, string[]>();
  for (const section of stdout.split(/\n(?=@)/)) {
    const [name = '', ...lines] = section.split('\n');
    groups.set(
      name,
      lines.map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#')),
    );
  }
  const callsOf = (word: string): string[] => (word.startsWith('@') ? groups.get(word)!.flatMap(callsOf) : [word]);
  const permitted = new Set<string>();
  for (const [, not, words] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of words!.split(' ').flatMap(callsOf)) permitted[not === '~' ? 'delete' : 'add'](call);
  }
  return [...permitted];
}

test('under its filter of system calls, as a user without capabilities, it serves, reloads, saves, upgrades and ends', async t => {
  const unit = readFileSync(path.join(DEPLOY, 'systemd/ringmaster.service'), 'utf8');
  const calls = await permittedCalls(unit);
  assert.ok(calls.length > 200 && !calls.includes('mount') && !calls.includes('setuid'), `${calls.length}`);
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = (await freePorts(2)) as [number, number];
  const directory = temporaryDirectory('filtered');
  const configFile = path.join(directory, 'ringmaster.yml');
  writeFileSync(
    configFile,
    `admin: 127.0.0.1:${adminPort}
admin_socket: ${directory}/admin.sock
workers: 2
cpu_affinity: 0
worker_nice: 1
log: { file: ${directory}/log }
audit_log: { file: ${directory}/audit.log }
pools:
  red: { listen: 127.0.0.1:${port}, protocol: redis, servers: ["127.0.0.1:${redis.port}"] }
  local: { listen: ${directory}/pool.sock 0660, protocol: redis, servers: ["127.0.0.1:${redis.port}"] }
`,
  );
  if (process.geteuid?.() === 0) for (const each of [directory, configFile]) chownSync(each, 65534, 65534);
  const daemon = await startRingmaster({
    config: '',
    configFile,
    pidFile: path.join(directory, 'pid'),
    entry: path.join(import.meta.dirname, '../support/filtered-start.ts'),
    env: { PERMITTED_CALLS: calls.join(' '), NODE_COMPILE_CACHE: path.join(directory, 'cache') },
  });
  t.after(() => daemon.kill());
  const filter = () => /^Seccomp:\s*(\d)$/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'latin1'))?.[1];
  assert.equal(filter(), '2');
  for (const at of [port, `${directory}/pool.sock`]) {
    const client = await RawClient.connect(at);
    t.after(() => client.destroy());
    assert.equal(await client.command('SET', 'key', 'value'), 'OK');
  }
  const ask = async (method: string, at: string, body: object = {}) => {
    const { status, text } = await askAdmin(adminPort, at, { method, body });
    assert.equal(status, 200, text);
    return JSON.parse(text) as Record<string, unknown>;
  };
  await ask('PATCH', '/api/v1/settings', { set: { 'red.timeout': '321ms' } });
  await ask('POST', '/api/v1/settings/save');
  await ask('POST', '/-/reload');
  await ask('POST', '/-/restart-workers');
  const { pid } = await ask('POST', '/api/v1/upgrade');
  killAtExit(pid as number);
  // Its standard error is the successor's, too.
  await waitFor(() => !isAlive(daemon.pid), { what: 'the end of the first', timeoutMs: 15_000 });
  process.kill(pid as number, 'SIGTERM');
  await waitFor(() => !isAlive(pid as number), { what: 'the end of the successor', timeoutMs: 15_000 });
  const log = entries(readFileSync(path.join(directory, 'log'), 'utf8'));
  assert.deepEqual(
    log.filter(({ level }) => Number(level) >= 40).map(({ msg }) => msg),
    ['setting changed', 'upgraded: a new master serves'],
  );
  assert.ok(
    log.some(({ sockets }) => sockets === 'polled'),
    'with sockets of its own',
  );
});

test('logrotate takes its file, moves a log away and has it opened anew', async () => {
  const directory = temporaryDirectory('logrotate');
  const log = path.join(directory, 'ringmaster.log');
  const told = path.join(directory, 'told');
  writeFileSync(log, 'a line\n');
  const file = path.join(directory, 'ringmaster');
  copyFileSync(path.join(DEPLOY, 'logrotate/ringmaster'), file);
  const text = readFileSync(file, 'utf8');
  const forTest = text
    .replaceAll('/var/log/ringmaster', directory)
    .replace(/^\tsu .*\n/m, '')
    .replace('systemctl kill', `echo >> ${told} kill`);
  writeFileSync(file, forTest);
  chmodSync(file, 0o644);
  mkdirSync(path.join(directory, 'state'));
  const done = await run('logrotate', ['--force', '--state', path.join(directory, 'state/status'), file]);
  assert.deepEqual([done.code, done.stderr], [0, '']);
  assert.equal(readFileSync(`${log}.1`, 'utf8'), 'a line\n');
  assert.equal(readFileSync(told, 'utf8'), 'kill --kill-who=main --signal=USR1 ringmaster.service\n');
});
