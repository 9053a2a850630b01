// Every kind of secret is a marker; whatever the daemon and its commands say, none of the markers is in it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { Authority } from '../support/certificates.ts';
import { temporaryDirectory } from '../support/child.ts';
import { answering, startFakeBackend } from '../support/fake-backend.ts';
import { freePort, freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { redisRequest, redisWords } from '../support/request-splitter.ts';
import { runRingmaster, startRingmaster } from '../support/ringmaster.ts';
import { waitFor } from '../support/wait-for.ts';

/** No secret has a part in common with what anybody would say. */
const marker = (name: string) => `Zq7x-${name}-Zq7x`;
const MARKER = /Zq7x/;

test('no secret is in the log, the audit log, metrics, pages, errors, or what commands print', async t => {
  const directory = temporaryDirectory('nowhere');
  const secret = (name: string): string => {
    const file = path.join(directory, name);
    writeFileSync(file, `${marker(name)}\n`, { mode: 0o600 });
    return file;
  };
  const redis = await startRedis({ requirepass: marker('server') });
  t.after(() => redis.kill());
  // It refuses everything, and repeats what it was told.
  const parrot = await startFakeBackend(
    answering(redisRequest, request => `-ERR unknown: ${redisWords(request).map(String).join(' ')}\r\n`),
  );
  t.after(() => parrot.close());
  const { cert, key } = await (await Authority.create()).sign('proxy');
  const keyLine = readFileSync(key, 'latin1').split('\n')[1] as string;
  const [admin, r, m, s, p, tls] = (await freePorts(6)) as [number, number, number, number, number, number];
  const closed = await freePort();
  const audit = path.join(directory, 'audit.log');
  const tokenFile = secret('token');
  const config = `admin: 127.0.0.1:${admin}
admin_token: { file: ${tokenFile} }
audit_log: { file: ${audit} }
log: { level: debug }
users:
  app: { passwords: ["${marker('user')}"], password_file: ${secret('user-file')}, pools: [users] }
pools:
  users:
    listen: 127.0.0.1:${r}
    protocol: redis
    server_password: ${marker('server')}
    slowlog_threshold: 0ms
    slowlog_to_log: true
    servers: ["127.0.0.1:${redis.port}:1 one"]
  parrot:
    listen: 127.0.0.1:${p}
    protocol: redis
    redis_auth: { file: ${secret('clients')} }
    health_check: { interval: 50ms, failures: 1 }
    servers:
      - { address: "127.0.0.1:${parrot.port}", user: me, password: { file: ${secret('own')} } }
  cache:
    listen: 127.0.0.1:${m}
    protocol: memcached
    memcached_auth: "app:${marker('cache')}"
    servers: ["127.0.0.1:${closed}"]
  found:
    listen: 127.0.0.1:${s}
    protocol: redis
    sentinel: { addresses: ["127.0.0.1:${parrot.port}"], password: ${marker('sentinel')} }
    servers: [{ master: mymaster }]
  secure:
    listen: 127.0.0.1:${tls}
    protocol: redis
    listen_tls: { cert: ${cert}, key: ${key} }
    servers: ["127.0.0.1:${closed}:1 nobody"]
`;
  const daemon = await startRingmaster({ config, workers: 2 });
  t.after(() => daemon.kill());
  const said: string[] = [];
  const hear = (what: string, text: string) => said.push(`${what}: ${text}`);

  const client = await RawClient.connect(r);
  const ask = async (...words: string[]) => hear(words[0]!, JSON.stringify(await client.command(...words)));
  await ask('AUTH', 'app', `${marker('wrong')}`);
  await ask('AUTH', 'nobody', marker('user'));
  await ask('HELLO', '2', 'AUTH', 'app', marker('wrong'));
  await ask('AUTH', 'app', marker('user'));
  await ask('AUTH', 'app', marker('user-file'));
  await ask('AUTH', marker('user'), 'x', 'y');
  for (const words of [
    ['SET', 'a', '1'],
    ['INFO'],
    ['CONFIG', 'GET', '*'],
    ['SLOWLOG', 'GET', '128'],
    ['CLIENT', 'LIST'],
  ])
    await ask(...words);
  await ask('ACL', 'WHOAMI');
  await ask('ACL', 'LIST');
  client.destroy();
  const other = await RawClient.connect(p);
  hear('parrot', JSON.stringify(await other.command('AUTH', marker('clients'))));
  hear('parrot', JSON.stringify(await other.command('GET', 'a')));
  other.destroy();
  const cache = await RawClient.connect(m);
  const value = `app ${marker('cache')}`;
  cache.send(`set x 0 0 ${value.length}\r\n${value}\r\nget a\r\n`);
  hear('cache', String(await cache.readUntil('STORED\r\nSERVER_ERROR'.length)));
  cache.destroy();
  await waitFor(() => /server is down|refused the handshake/.test(daemon.stderr()), { what: 'the parrot in the log' });
  await waitFor(() => /masters that nobody can name/.test(daemon.stderr()), { what: 'the Sentinel in the log' });

  const headers = { authorization: `Bearer ${marker('token')}` };
  const patch = (set: object) => askAdmin(admin, '/api/v1/settings', { method: 'PATCH', body: { set }, headers });
  for (const set of [
    { 'parrot.redis_auth': marker('set') },
    { 'cache.memcached_auth': marker('set') },
    { 'users.nothing': marker('set') },
    { 'found.sentinel.password': marker('set') },
  ]) {
    hear('set', (await patch(set)).text);
  }
  for (const path of ['/-/reload', '/api/v1/settings/save', '/api/v1/reshard/plan', '/api/v1/blocks']) {
    for (const given of [headers, { authorization: `Bearer ${marker('wrong')}` }]) {
      hear(path, (await askAdmin(admin, path, { method: 'POST', headers: given })).text);
    }
  }
  const pages = ['/config', '/metrics', '/readyz', '/', '/api/v1/settings/differences'];
  const lists = [
    'overview',
    'pools',
    'servers',
    'workers',
    'events',
    'history',
    'ring',
    'blocks',
    'reshard',
    'clients',
  ];
  const traffic = ['latency', 'commands', 'slowlog', 'hotkeys', 'bigkeys', 'busyclients', 'settings?count=1000'];
  for (const page of [...pages, ...[...lists, ...traffic].map(name => `/api/v1/${name}`)]) {
    hear(page, (await askAdmin(admin, page, { headers })).text);
  }

  const file = daemon.configFile;
  const bad = path.join(directory, 'bad.yml');
  writeFileSync(bad, config.replaceAll(marker('server'), `\n      - ${marker('server')}`).replace('app:', 'app'));
  const commands = [
    ['check', '--online', file],
    ['check', bad],
    ['diff', '--running', '-c', file],
    ['get', '-c', file],
    ['slowlog', '-c', file],
    ['set', 'parrot.redis_auth', '-', '-c', file],
  ].map(async args => {
    const { code, stdout, stderr } = await runRingmaster(args, { input: `${marker('stdin')}\n`, timeoutMs: 120_000 });
    hear(`${args.join(' ')} (${code})`, stdout + stderr);
  });
  await Promise.all(commands);
  for (const pid of [daemon.pid, ...daemon.workerPids()]) {
    hear('ps', readFileSync(`/proc/${pid}/cmdline`, 'latin1') + readFileSync(`/proc/${pid}/comm`, 'latin1'));
  }
  await waitFor(() => /sign_in_refused/.test(readFileSync(audit, 'utf8')), { what: 'the audit log' });
  hear('audit log', readFileSync(audit, 'utf8'));
  hear('log', daemon.stderr() + daemon.stdout());
  assert.ok(
    said.some(each => each.includes('<redacted>')),
    'something was looked at',
  );
  // A user's name is what somebody said it was: who gives a password for one has told it.
  for (const each of said) {
    const at = each.search(MARKER);
    assert.equal(at, -1, `${each.slice(0, 60)} … ${each.slice(Math.max(0, at - 200), at + 80)}`);
    assert.equal(each.includes(keyLine), false, `a private key in ${each.slice(0, 60)}`);
  }
});
