// `user`: root starts the daemon, which is somebody else once its sockets are bound. "nobody" and "daemon" are on every machine.
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { findUnixUser } from '../../src/system/unix-user.ts';
import { askAdmin } from '../support/admin-client.ts';
import { Authority } from '../support/certificates.ts';
import { Child, childPids, isAlive, killAtExit, run, temporaryDirectory } from '../support/child.ts';
import { entries, entriesOf } from '../support/daemon.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Ringmaster, runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

const skip =
  process.geteuid?.() === 0
    ? false
    : 'NOT SHOWN: only root can start a daemon that becomes another user; run this as root';
const MAIN = path.join(import.meta.dirname, '../../src/main.ts');
const NOBODY = skip === false ? findUnixUser('nobody', null) : { name: '', uid: -1, gid: -1 };
const FIRST_FREE_PORT = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));

/** A directory that everybody may enter: root's, or nobody's. */
function directoryOf(owner: 'root' | 'nobody'): string {
  const directory = path.join(temporaryDirectory('user'), owner);
  chmodSync(path.dirname(directory), 0o755);
  mkdirSync(directory, { mode: 0o755 });
  if (owner === 'nobody') chownSync(directory, NOBODY.uid, NOBODY.gid);
  return directory;
}

/** A port that only root may bind; another run looks for its own somewhere else first. */
async function privilegedPort(): Promise<number> {
  for (let i = 0; i < 500; i++) {
    const port = 1023 - ((process.pid + i) % 500);
    const server = createServer();
    const isFree = await new Promise<boolean>(resolve => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise(resolve => server.close(resolve));
    return port;
  }
  throw new Error('no port below 1024 is free');
}

interface Started {
  readonly daemon: Ringmaster;
  readonly redis: RedisServer;
  readonly configFile: string;
  readonly adminPort: number;
  readonly port: number;
  readonly logFile: string;
}

/** With everything that it has in `directory`. */
async function start(t: TestContext, directory: string, more = ''): Promise<Started> {
  const redis = await startRedis();
  t.after(() => redis.kill());
  const [adminPort, port] = [await freePort(), await privilegedPort()];
  const [configFile, logFile] = [path.join(directory, 'ringmaster.yml'), path.join(directory, 'log')];
  writeFileSync(
    configFile,
    `user: nobody
workers: 2
admin: 127.0.0.1:${adminPort}
admin_socket: ${directory}/admin.sock
log: { file: ${logFile} }
audit_log: { file: ${directory}/audit.log }
${more}pools:
  red: { listen: 127.0.0.1:${port}, protocol: redis, servers: [127.0.0.1:${redis.port}:1 a] }
  local: { listen: ${directory}/pool.sock 0660, protocol: redis, servers: [127.0.0.1:${redis.port}:1 a] }
`,
  );
  const daemon = await startRingmaster({ config: '', configFile, pidFile: path.join(directory, 'pid') });
  t.after(() => daemon.kill());
  return { daemon, redis, configFile, adminPort, port, logFile };
}

/** What the kernel says of a process: user, group and supplementary groups, and what it may do beyond others. */
function identityOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1]?.split(/\s+/).join(' ');
  return { uid: field('Uid'), gid: field('Gid'), groups: field('Groups'), capabilities: field('CapPrm') };
}

const { uid, gid } = NOBODY;
const AS_NOBODY = {
  uid: [uid, uid, uid, uid].join(' '),
  gid: [gid, gid, gid, gid].join(' '),
  groups: String(gid),
  capabilities: '0000000000000000',
};

async function ping(t: TestContext, at: number | string): Promise<void> {
  const client = await RawClient.connect(at);
  t.after(() => client.destroy());
  assert.equal(await client.command('PING'), 'PONG');
}

const ended = (pid: number) => waitFor(() => !isAlive(pid), { what: `the end of process ${pid}`, timeoutMs: 15_000 });

test('in directories that are not its own it binds as root, and is the user before anybody is served', {
  skip,
}, async t => {
  const directory = directoryOf('root');
  const { daemon, port, adminPort, logFile } = await start(t, directory);
  for (const pid of [daemon.pid, ...childPids(daemon.pid)]) assert.deepEqual(identityOf(pid), AS_NOBODY);
  assert.equal(childPids(daemon.pid).length, 2);
  for (const at of [port, `${directory}/pool.sock`]) await ping(t, at);
  assert.equal((await askAdmin(adminPort, '/healthz')).status, 200);
  for (const [name, mode] of [
    ['pool.sock', 0o660],
    ['admin.sock', 0o600],
    ['log', 0o644],
    ['audit.log', 0o600],
  ] as const) {
    const status = statSync(path.join(directory, name));
    assert.deepEqual([name, status.uid, status.gid, status.mode & 0o777], [name, uid, gid, mode]);
  }
  // What was root's to make stays root's: who got into the daemon has nobody else killed by it.
  const pidFile = path.join(directory, 'pid');
  assert.equal(statSync(pidFile).uid, 0);
  assert.equal(readFileSync(pidFile, 'utf8'), `${daemon.pid}\n`);
  assert.equal(entriesOf(readFileSync(logFile, 'utf8'), 'privileges dropped')[0]?.uid, uid);

  const second = await runRingmaster(['-c', daemon.configFile, '-p', pidFile]);
  assert.match(second.stderr, new RegExp(`process ${daemon.pid} has it, which is running`));

  // It can remove neither: they are left, and stand in nobody's way.
  daemon.signal('SIGTERM');
  assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
  assert.equal(readFileSync(pidFile, 'utf8'), '');
  assert.ok(existsSync(`${directory}/pool.sock`));
  const next = await startRingmaster({ config: '', configFile: daemon.configFile, pidFile });
  t.after(() => next.kill());
  assert.equal(readFileSync(pidFile, 'utf8'), `${next.pid}\n`);
  for (const at of [port, `${directory}/pool.sock`]) await ping(t, at);
});

test('in a directory of its own it leaves nothing behind, and opens its logs anew', { skip }, async t => {
  const directory = directoryOf('nobody');
  const { daemon, logFile } = await start(t, directory);
  assert.equal(statSync(path.join(directory, 'pid')).uid, uid);
  const audit = path.join(directory, 'audit.log');
  for (const file of [logFile, audit]) renameSync(file, `${file}.old`);
  daemon.signal('SIGUSR1');
  await daemon.until(() => existsSync(logFile) && readFileSync(logFile, 'utf8').includes('log reopened'), 'a new log');
  assert.deepEqual(
    [logFile, audit].map(file => statSync(file).uid),
    [uid, uid],
  );
  // The workers have it, too.
  await daemon.killWorker();
  const isFromWorker = () =>
    entries(readFileSync(logFile, 'utf8')).some(({ role }) => String(role).startsWith('worker'));
  await daemon.until(isFromWorker, "a worker's line in the new log");
  daemon.signal('SIGTERM');
  assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
  for (const name of ['pid', 'pool.sock', 'admin.sock'])
    assert.equal(existsSync(path.join(directory, name)), false, name);
});

test('a second one that is started as the user does not take over the pid file, and takes one that was left behind', {
  skip,
}, async t => {
  const directory = directoryOf('nobody');
  const { daemon } = await start(t, directory);
  const pidFile = path.join(directory, 'pid');
  const file = path.join(directory, 'second.yml');
  const socket = path.join(directory, 'second.sock');
  writeFileSync(
    file,
    `admin: false\nworkers: 1\npools: { p: { listen: ${socket}, protocol: redis, servers: ["127.0.0.1:1:1"] } }\n`,
  );
  const asNobody = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', process.execPath, MAIN];
  const args = [...asNobody, '-c', file, '-p', pidFile];
  const { code, stderr } = await run('setpriv', args);
  assert.equal(code, 1);
  assert.match(stderr, new RegExp(`cannot write the pid file .*: process ${daemon.pid} has it, which is running`));
  assert.equal(readFileSync(pidFile, 'utf8'), `${daemon.pid}\n`);
  assert.ok(!existsSync(socket));

  // Its id is that of a process now that is not the user's and began after the file was written.
  daemon.signal('SIGTERM');
  assert.deepEqual(await daemon.exit(), { code: 0, signal: null });
  writeFileSync(pidFile, `${process.pid}\n`);
  chownSync(pidFile, uid, gid);
  const anHourAgo = Date.now() / 1000 - 3600;
  utimesSync(pidFile, anHourAgo, anHourAgo);
  const next = new Child('setpriv', args);
  t.after(() => next.kill());
  await next.until(() => readFileSync(pidFile, 'utf8') === `${next.pid}\n`, 'the pid file');
});

test('a reload reads as the user: what it may not read, bind or be is refused, and the old goes on', {
  skip,
}, async t => {
  const directory = directoryOf('nobody');
  const { daemon, configFile, adminPort, port, redis } = await start(t, directory);
  const text = readFileSync(configFile, 'utf8');
  const reload = async (next: string) => {
    writeFileSync(configFile, next);
    const { status, text: said } = await askAdmin(adminPort, '/-/reload', { method: 'POST' });
    return `${status} ${said}`;
  };
  // A third worker accepts from a socket of the others on the port that only root could bind once more.
  assert.match(await reload(text.replace('workers: 2', 'workers: 3')), /^200 /);
  await ping(t, port);
  assert.match(await reload(text.replace('workers: 2', 'workers: 1')), /^200 /);
  await ping(t, port);
  assert.match(
    await reload(text.replace('user: nobody', 'user: daemon')),
    /^409 [\s\S]*user is nobody and would be daemon: that takes a stop and a new start/,
  );
  assert.match(await reload(text.replace('user: nobody\n', '')), /^409 [\s\S]*user is nobody and would be/);
  const other = await privilegedPort();
  const elsewhere = await reload(text.replace(`127.0.0.1:${port}`, `127.0.0.1:${other}`));
  if (other < FIRST_FREE_PORT)
    assert.match(
      elsewhere,
      /^409 [\s\S]*permission denied: it has to be started anew by root, or with CAP_NET_BIND_SERVICE/,
    );
  else assert.match(elsewhere, /^200 /);
  assert.match(
    await reload(text.replace(`${directory}/pool.sock`, '/pool.sock')),
    /^409 [\s\S]*cannot listen on \/pool.sock: permission denied/,
  );

  const authority = await Authority.create();
  const { cert, key } = await authority.sign('pool');
  const [ownCert, ownKey] = [path.join(directory, 'cert.pem'), path.join(directory, 'key.pem')];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  chmodSync(ownKey, 0o600);
  const withTls = text.replace(
    `servers: [127.0.0.1:${redis.port}:1 a] }\n  local`,
    `servers: [127.0.0.1:${redis.port}:1 a], listen_tls: { cert: ${ownCert}, key: ${ownKey} } }\n  local`,
  );
  assert.notEqual(withTls, text);
  assert.match(await reload(withTls), new RegExp(`^409 [\\s\\S]*cannot read ${ownKey}: EACCES`));
  chownSync(ownKey, uid, gid);
  assert.match(await reload(withTls), /^200 /);

  chmodSync(configFile, 0o600);
  assert.match(await reload(text), /^4\d\d [\s\S]*cannot read the file: permission denied/);
  chmodSync(configFile, 0o644);
  const settings = { set: { 'red.timeout': '321ms' } };
  assert.equal((await askAdmin(adminPort, '/api/v1/settings', { method: 'PATCH', body: settings })).status, 200);
  assert.equal(
    (await askAdmin(adminPort, '/api/v1/settings', { method: 'PATCH', body: { set: { user: 'daemon' } } })).status,
    409,
  );
  for (const pid of [daemon.pid, ...childPids(daemon.pid)]) assert.deepEqual(identityOf(pid), AS_NOBODY);
});

test('saving and resharding are refused where the directory is not its own, and check and start say so', {
  skip,
}, async t => {
  const directory = directoryOf('root');
  const authority = await Authority.create();
  const { cert, key } = await authority.sign('pool');
  const [ownCert, ownKey, password] = ['cert.pem', 'key.pem', 'password'].map(name => path.join(directory, name)) as [
    string,
    string,
    string,
  ];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  writeFileSync(password, 'geheim', { mode: 0o600 });
  chmodSync(ownKey, 0o600);
  const [adminPort, port, poolPort, tlsPort] = (await freePorts(4)) as [number, number, number, number];
  const servers = await Promise.all([startRedis(), startRedis()]);
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const [one, other] = servers.map(server => `"127.0.0.1:${server.port}"`);
  const configFile = path.join(directory, 'ringmaster.yml');
  const config = `user: nobody
admin: 127.0.0.1:${adminPort}
admin_token: { file: ${password} }
users:
  app: { password_file: ${password}, pools: [secret] }
pools:
  red: { listen: 127.0.0.1:${port}, protocol: redis, servers: [${one}] }
  secret: { listen: 127.0.0.1:${poolPort}, protocol: redis, servers: [127.0.0.1:1] }
  tls: { listen: 127.0.0.1:${tlsPort}, protocol: redis, servers: [127.0.0.1:1], listen_tls: { cert: ${ownCert}, key: ${ownKey} } }
`;
  writeFileSync(configFile, config);
  const expected = [
    `nobody can't read ${ownKey} (EACCES): certificates that change are not taken; reload, set and upgrade are refused`,
    `nobody can't read ${password} (EACCES): reload, set and upgrade are refused`,
    `nobody can't write to ${directory} (EACCES): "ringmaster save" and resharding are refused`,
  ];
  const checked = await runRingmaster(['check', configFile]);
  for (const sentence of expected) assert.ok(checked.stdout.includes(sentence), checked.stdout);
  assert.ok(!checked.stdout.includes(ownCert), 'what can be read is not named');

  const daemon = await startRingmaster({ config: '', configFile, workers: 1 });
  t.after(() => daemon.kill());
  for (const sentence of expected) {
    await daemon.until(() => entriesOf(daemon.stderr(), sentence).length === 1, `the log says that ${sentence}`);
  }
  const headers = { authorization: 'Bearer geheim' };
  const ask = async (method: string, at: string, body: object) => {
    const { status, text } = await askAdmin(adminPort, at, { method, body, headers });
    return `${status} ${text}`;
  };
  const set = { set: { 'red.timeout': '321ms' } };
  assert.match(await ask('PATCH', '/api/v1/settings', set), /^409 [\s\S]*cannot be read: EACCES/);
  for (const each of [ownKey, password]) chownSync(each, uid, gid);
  assert.match(await ask('PATCH', '/api/v1/settings', set), /^200 /);
  assert.match(await ask('POST', '/api/v1/settings/save', {}), /^409 [\s\S]*cannot write .*ringmaster.yml: EACCES/);
  const file = config.replace(`[${one}]`, `[${one}, ${other}]`);
  const reshard = await ask('POST', '/api/v1/reshard/start', { file, pool: 'red' });
  assert.match(reshard, /^409 [\s\S]*cannot write .*ringmaster.yml.reshard.json: EACCES/);
});

test('an upgrade stays the user, with the sockets, the pid file and the audit log that only root could have made', {
  skip,
}, async t => {
  const directory = directoryOf('root');
  const { daemon, configFile, adminPort, port } = await start(t, directory);
  const pidFile = path.join(directory, 'pid');
  const upgrade = async () => {
    const answer = await askAdmin(adminPort, '/api/v1/upgrade', { method: 'POST', body: {} });
    const result = answer.json<{ pid?: number; error?: string }>();
    if (result.pid !== undefined) killAtExit(result.pid);
    return { status: answer.status, ...result };
  };
  const text = readFileSync(configFile, 'utf8');
  writeFileSync(configFile, text.replace('user: nobody', 'user: daemon'));
  const refused = await upgrade();
  assert.equal(refused.status, 409);
  assert.match(refused.error ?? '', /only root can start it for daemon/);
  writeFileSync(configFile, text);

  const pids = [daemon.pid];
  for (let round = 0; round < 2; round++) {
    const { status, pid, error } = await upgrade();
    assert.equal(status, 200, String(error));
    await ended(pids.at(-1) as number);
    pids.push(pid as number);
    assert.equal(readFileSync(pidFile, 'utf8'), `${pid}\n`);
    for (const each of [pid as number, ...childPids(pid as number)]) assert.deepEqual(identityOf(each), AS_NOBODY);
    for (const at of [port, `${directory}/pool.sock`]) await ping(t, at);
    const answer = await run('curl', ['-s', '--unix-socket', `${directory}/admin.sock`, 'http://x/healthz']);
    assert.equal(answer.stdout, 'ok\n');
  }
  const last = pids.at(-1) as number;
  process.kill(last, 'SIGTERM');
  await ended(last);
  assert.equal(readFileSync(pidFile, 'utf8'), '');
  const audit = entries(readFileSync(path.join(directory, 'audit.log'), 'utf8')).map(({ what }) => what);
  assert.equal(audit.filter(what => what === 'upgraded: a new master serves').length, 2);
  assert.equal(audit.filter(what => what === 'ringmaster is ready').length, 3);
});

test('what cannot work is refused before anything is bound', { skip }, async () => {
  const directory = directoryOf('root');
  const pool = 'pools: { p: { listen: 127.0.0.1:0, protocol: redis, servers: ["127.0.0.1:1:1"] } }\nadmin: false\n';
  const failure = async (top: string) => {
    const file = path.join(directory, 'bad.yml');
    writeFileSync(file, top + pool);
    const { code, stderr } = await runRingmaster(['-c', file]);
    assert.equal(code, 1);
    return stderr;
  };
  assert.match(await failure('user: nobody-knows\n'), /user: this machine has no user "nobody-knows"\n$/);
  assert.match(await failure('user: nobody\ngroup: no-such\n'), /user: this machine has no group "no-such"\n$/);
  assert.match(await failure('user: 4242424\n'), /user: this machine has no user 4242424, so it needs a group, too\n$/);
  assert.match(await failure('group: nogroup\n'), /group: only with user/);
  const log = path.join(directory, 'log');
  writeFileSync(log, '');
  assert.match(await failure(`user: nobody\nlog: { file: ${log} }\n`), new RegExp(`nobody may not write to ${log}\n$`));

  const file = path.join(directory, 'other.yml');
  writeFileSync(file, `user: daemon\n${pool}`);
  const program = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', process.execPath, MAIN];
  const { code, stderr } = await run('setpriv', [...program, '-c', file]);
  assert.equal(code, 1);
  assert.match(
    stderr,
    new RegExp(
      `user: it runs as ${uid}:${gid}, and only root can start it for daemon \\(1:1\\); start it as one of the two`,
    ),
  );
  const checked = await run('setpriv', [...program, 'check', file]);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
});
