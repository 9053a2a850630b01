import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { askAdmin } from '../support/admin-client.ts';
import { temporaryDirectory } from '../support/child.ts';
import { freePorts } from '../support/free-port.ts';
import { RawClient } from '../support/raw-client.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { startRingmaster } from '../support/ringmaster.ts';

const CLIENTS = 8;
const PIPELINE = 4;

/** GETs and SETs until told to stop; what was answered wrong. A key holds its own name or nothing. */
async function load(client: RawClient, seed: number, isOver: () => boolean): Promise<string[]> {
  const faults: string[] = [];
  for (let round = 0; !isOver(); round++) {
    const keys = Array.from({ length: PIPELINE }, (_, i) => `key:${(seed * 131 + round * 7 + i * 29) % 100}`);
    client.send(Buffer.concat(keys.map((key, i) => encodeCommand(...(i % 2 ? ['SET', key, key] : ['GET', key])))));
    for (const [i, reply] of (await client.readReplies(PIPELINE)).entries()) {
      const key = keys[i]!;
      const expected = i % 2 ? ['+OK\r\n'] : ['$-1\r\n', `$${key.length}\r\n${key}\r\n`];
      if (!expected.includes(String(reply))) faults.push(`${key}: ${JSON.stringify(String(reply))}`);
    }
  }
  return faults;
}

test('each setting there is can be set and unset under load, and no request fails', { timeout: 240_000 }, async t => {
  const redis = await Promise.all([startRedis(), startRedis(), startRedis()]);
  t.after(() => Promise.all(redis.map(server => server.kill())));
  // They take either password, as while one is being changed.
  for (const server of redis) await server.command('ACL', 'SETUSER', 'default', 'resetpass', '>one', '>two');
  const [a, b, c] = redis.map(server => `127.0.0.1:${server.port}`);
  const [adminPort, nextAdminPort, port, nextPort, cachePort] = (await freePorts(5)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const daemon = await startRingmaster({
    config: `admin: 127.0.0.1:${adminPort}
workers: 2
pools:
  red: { listen: "127.0.0.1:${port}", protocol: redis, redis_auth: one, hash_tag: "{}", servers: ["${a}:1 a", "${b}:1 b"] }
  cache: { listen: "127.0.0.1:${cachePort}", protocol: memcached, servers: ["127.0.0.1:1"] }
`,
  });
  t.after(() => daemon.kill());

  let token = '';
  let isMoved = false;
  const ask = async (body: object) => {
    const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
    const at = isMoved ? nextAdminPort : adminPort;
    const { status, text } = await askAdmin(at, '/api/v1/settings', { method: 'PATCH', body, headers });
    assert.equal(status, 200, `${JSON.stringify(body)}: ${text}`);
  };

  const values: Readonly<Record<string, string | null>> = {
    workers: '3',
    // A new start.
    user: null,
    group: null,
    admin: `127.0.0.1:${nextAdminPort}`,
    admin_socket: path.join(temporaryDirectory('admin'), 'admin.sock'),
    admin_token: 'geheim',
    peers: '127.0.0.1:1, 127.0.0.1:2',
    'log.level': 'warn',
    'log.file': path.join(temporaryDirectory('set'), 'log'),
    shutdown_timeout: '5s',
    worker_timeout: '20s',
    certificate_check: '1s',
    ticket_rotation: '1h',
    readiness_hold: '2s',
    upgrade_on: 'usr2',
    cpu_affinity: '0',
    worker_nice: '1',
    max_memory: '512mb',
    'red.listen': `127.0.0.1:${nextPort}`,
    // Its clients are let go, which is what the table says of it.
    'red.protocol': null,
    'red.key_prefix': null,
    'red.hash': 'md5',
    'red.hash_tag': '[]',
    'red.distribution': 'modula',
    'red.timeout': '10s',
    'red.connect_timeout': '4s',
    'red.queue_timeout': '9s',
    'red.allow': '127.0.0.0/8',
    'red.deny': '192.0.2.1, unix',
    'red.proxy_protocol': '192.0.2.0/24',
    // These servers do not know PROXY headers.
    'red.server_proxy_protocol': null,
    'red.backlog': '100',
    'red.client_connections': '100',
    'red.client_idle_timeout': '60s',
    'red.tcpkeepalive': 'false',
    'red.keepalive_idle': '20s',
    'red.preconnect': 'true',
    'red.auto_eject_hosts': 'true',
    'red.server_connections': '3',
    'red.private_connections': '8',
    'red.server_retry_timeout': '1s',
    'red.server_failure_limit': '5',
    'red.health_check': '{}',
    'red.health_check.interval': '1s',
    'red.health_check.timeout': '2s',
    'red.health_check.failures': '5',
    'red.health_check.successes': '1',
    'red.max_request_bytes': '1mb',
    'red.max_pipeline': '2',
    'red.client_buffer': '256kb',
    'red.client_output_limit': '1mb',
    'red.max_inflight': '4096',
    'red.server_output_limit': '1mb',
    'red.reshard_patience': '9s',
    'red.reshard_step_timeout': '2s',
    'red.reshard_waiting_bytes': '1mb',
    'red.reshard_known_bytes': '1mb',
    'red.reshard_whole_bytes': '256kb',
    'red.limits': '{}',
    'red.limits.requests': '1000000/s',
    'red.limits.bytes_in': '1gb/s',
    'red.limits.bytes_out': '1gb/s',
    'red.limits.commands': '@write 1000000/s, get 1000000/s',
    'red.limits.pending': '10000',
    'red.limits.request_bytes': '1mb',
    'red.limits.request_keys': '100',
    'red.limits.burst': '2s',
    'red.limits.over': 'error',
    'red.address_limits': '{}',
    'red.address_limits.connections': '100000',
    'red.address_limits.requests': '1000000/s',
    'red.address_limits.bytes_in': '1gb/s',
    'red.address_limits.bytes_out': '1gb/s',
    'red.address_limits.commands': '@read 1000000/s',
    'red.address_limits.pending': '10000',
    'red.address_limits.request_bytes': '1mb',
    'red.address_limits.request_keys': '100',
    'red.address_limits.burst': '2s',
    'red.address_limits.over': 'error',
    'red.limit_addresses': '100',
    'red.redis_auth': 'two',
    // A name alone is refused.
    'red.server_user': null,
    'red.server_password': 'two',
    'red.redis_db': '1',
    'red.databases': '2',
    'red.keys_limit': '1mb',
    'red.client_subscriptions': '100',
    'red.worker_subscriptions': '1000',
    'red.resp3': 'off',
    'red.script_memory': '1mb',
    'red.learn_commands': 'false',
    'red.cross_server': 'first_key',
    'red.keyless_scripts': 'any',
    'red.scripts_under_prefix': 'allow',
    'red.sweep_timeout': '30s',
    'red.max_sweeps': '3',
    'red.read_from': 'any',
    'red.replica_unavailable': 'error',
    'red.replica_check': '500ms',
    'red.max_lag': '1s',
    'red.nearest_tolerance': '2ms',
    'red.read_your_writes': '1s',
    'red.availability_zone': 'eu-1a',
    'red.zones': '127.0.0.1=eu-1a',
    'red.present_as': 'cluster',
    'red.advertise': '127.0.0.1:6379',
    'red.deny_commands': 'flushall, config|set',
    'red.commands': 'my.get 1 1 1 read',
    'red.slowlog_threshold': '1ms',
    'red.slowlog_length': '7',
    'red.slowlog_hide_keys': 'true',
    'red.slowlog_to_log': 'true',
    'red.sample_one_in': '2',
    'red.hotkeys_hide': 'true',
    'red.servers.a.address': String(c),
    'red.servers.a.weight': '3',
    'cache.memcached_auth': 'someone:geheim',
  };

  const { text } = await askAdmin(adminPort, '/api/v1/settings?count=1000');
  const all = (JSON.parse(text).settings as { path: string }[]).map(each => each.path);
  // A cluster and Sentinels find servers, and this pool has a list of them; TLS takes both ends, and tests of its own.
  const isOther = (name: string) =>
    name.startsWith('red.cluster') ||
    name.startsWith('red.sentinel') ||
    name.startsWith('red.listen_tls') ||
    name.startsWith('admin_tls') ||
    name.startsWith('audit_log') ||
    name.startsWith('red.server_tls') ||
    // Of a port that several pools share.
    name === 'red.pool_by' ||
    name === 'red.pools' ||
    name.startsWith('red.servers.b.') ||
    name.startsWith('cache.') ||
    name === 'red.memcached_auth';
  assert.deepEqual(
    all.filter(name => values[name] === undefined && !isOther(name)),
    [],
    'settings that this test does not know a value for',
  );

  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)));
  for (const client of clients) assert.equal(await client.command('AUTH', 'one'), 'OK');
  let isOver = false;
  const loads = clients.map((client, i) => load(client, i, () => isOver));
  const failed = Promise.all(loads);
  failed.catch(() => {});
  for (const name of all) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    await ask({ set: { [name]: value } });
    if (name === 'admin') isMoved = true;
    if (name === 'admin_token') token = value;
    await ask({ unset: [name] });
    isMoved = false;
    token = '';
  }
  isOver = true;
  assert.deepEqual((await failed).flat(), []);
});
