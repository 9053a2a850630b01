import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { configProblems } from '../../support/config-problems.ts';

/** The one in the issue and the README. */
const FULL = `workers: 3
admin: 127.0.0.1:22223
admin_socket: /run/admin.sock 0660
admin_token: s3cret
admin_tls: { cert: /admin.pem, key: /admin.key }
peers: [10.0.0.1:22223, '[::1]:22223']
log: { level: debug, file: /var/log/ringmaster.log }
shutdown_timeout: 1m
audit_log: { file: /var/log/audit.log, commands: off, keys: true, max_size: 1mb, files: 3 }
worker_timeout: 5s
certificate_check: 9s
ticket_rotation: none
readiness_hold: 3s
upgrade_on: usr2
cpu_affinity: "0,2-4"
worker_nice: 5
max_memory: 2gb
pools:
  sessions:
    listen: 127.0.0.1:22121
    protocol: redis
    allow: [127.0.0.1, '::1/64']
    deny: 10.0.0.0/8, unix
    proxy_protocol: 192.0.2.1
    listen_tls:
      cert: [/a.pem, /b.pem]
      key: /a.key, /b.key
      ca: /ca.pem
      client_cert: required
      min_version: 1.3
      ciphers: ECDHE+AESGCM
      handshake_timeout: 2s
    server_tls: { ca: /ca.pem, cert: /me.pem, key: /me.key, server_name: cache.test, ciphers: ECDHE+AESGCM, verify: false }
    hash: md5
    hash_tag: "{}"
    distribution: modula
    timeout: 400ms
    connect_timeout: 1s
    queue_timeout: 2s
    client_idle_timeout: 1m
    backlog: 1024
    client_connections: 10
    tcpkeepalive: true
    keepalive_idle: 20s
    redis_auth: 0123
    server_user: proxy
    server_password: 0456
    redis_db: 2
    preconnect: true
    auto_eject_hosts: true
    server_connections: 2
    server_retry_timeout: 5s
    server_failure_limit: 3
    limits: { requests: 1000, bytes_in: 1mb/s, commands: ['@WRITE 5/m', keys 1/10s], burst: 2s, over: error }
    address_limits: { bytes_out: 1000, pending: 7, request_bytes: 1kb, request_keys: 3 }
    limit_addresses: 99
    health_check: { interval: 2s, timeout: 500ms, failures: 4, successes: 5 }
    cross_server: first_key
    keyless_scripts: all
    scripts_under_prefix: allow
    sweep_timeout: 90s
    max_sweeps: 5
    key_prefix: 'shop:'
    keys_limit: 1mb
    deny_commands: [FLUSHDB, config|set, script load]
    commands:
      - My.MSet 1 -1 2 write
      - my.get 1 1 1 read
    client_subscriptions: 50
    worker_subscriptions: 5000
    max_request_bytes: 1mb
    max_pipeline: 10
    client_buffer: 256kb
    client_output_limit: 2mb
    max_inflight: 100
    server_output_limit: 3mb
    slowlog_threshold: 250ms
    slowlog_length: 7
    reshard_patience: 9s
    reshard_step_timeout: 2s
    reshard_waiting_bytes: 1mb
    reshard_known_bytes: 2mb
    reshard_whole_bytes: 3mb
    slowlog_hide_keys: true
    slowlog_to_log: true
    sample_one_in: 9
    hotkeys_hide: true
    servers:
      - 127.0.0.1:6379:1
      - { address: 10.0.0.2:6379, weight: 2, name: cache-b, user: other, password: 0789 }
      - /run/redis.sock
`;

test('every key of the native form arrives in the configuration', () => {
  assert.deepEqual(parseConfig(FULL, 'f'), {
    workers: 3,
    admin: { host: '127.0.0.1', port: 22223 },
    adminSocket: { path: '/run/admin.sock', mode: 0o660 },
    adminToken: 's3cret',
    adminTls: {
      cert: ['/admin.pem'],
      key: ['/admin.key'],
      ca: null,
      clientCert: 'none',
      crl: null,
      minVersion: '1.2',
      ciphers: null,
      handshakeTimeoutMs: 5000,
    },
    peers: ['10.0.0.1:22223', '[::1]:22223'],
    log: { level: 'debug', file: '/var/log/ringmaster.log' },
    shutdownTimeoutMs: 60_000,
    auditLog: { file: '/var/log/audit.log', commands: 'off', keys: true, maxBytes: 2 ** 20, files: 3 },
    workerTimeoutMs: 5000,
    certificateCheckMs: 9000,
    ticketRotationMs: 0,
    readinessHoldMs: 3000,
    upgradeOn: 'usr2',
    users: [],
    user: null,
    group: null,
    cpuAffinity: [0, 2, 3, 4],
    workerNice: 5,
    maxMemoryBytes: 2 * 2 ** 30,
    form: 'native',
    ignored: [],
    withoutHash: [],
    secretFiles: [],
    directory: process.cwd(),
    pools: [
      {
        name: 'sessions',
        listen: { host: '127.0.0.1', port: 22121 },
        protocol: 'redis',
        listenTls: {
          cert: ['/a.pem', '/b.pem'],
          key: ['/a.key', '/b.key'],
          ca: '/ca.pem',
          clientCert: 'required',
          crl: null,
          minVersion: '1.3',
          ciphers: 'ECDHE+AESGCM',
          handshakeTimeoutMs: 2000,
        },
        serverTls: {
          ca: '/ca.pem',
          cert: '/me.pem',
          key: '/me.key',
          serverName: 'cache.test',
          ciphers: 'ECDHE+AESGCM',
          verify: false,
        },
        sentinelTls: null,
        hash: 'md5',
        hashTag: '{}',
        distribution: 'modula',
        timeoutMs: 400,
        connectTimeoutMs: 1000,
        queueTimeoutMs: 2000,
        clientIdleTimeoutMs: 60_000,
        backlog: 1024,
        clientConnections: 10,
        tcpKeepalive: true,
        keepaliveIdleMs: 20_000,
        redisAuth: '0123',
        memcachedAuth: null,
        redisDb: 2,
        databases: 1,
        resp3: 'auto',
        preconnect: true,
        autoEjectHosts: true,
        serverConnections: 2,
        privateConnections: 256,
        serverRetryTimeoutMs: 5000,
        serverFailureLimit: 3,
        limits: {
          requests: { amount: 1000, periodMs: 1000 },
          bytesIn: { amount: 2 ** 20, periodMs: 1000 },
          bytesOut: null,
          commands: [
            { name: '@write', amount: 5, periodMs: 60_000 },
            { name: 'keys', amount: 1, periodMs: 10_000 },
          ],
          pending: null,
          requestBytes: null,
          requestKeys: null,
          burstMs: 2000,
          over: 'error',
        },
        addressLimits: {
          connections: null,
          requests: null,
          bytesIn: null,
          bytesOut: { amount: 1000, periodMs: 1000 },
          commands: null,
          pending: 7,
          requestBytes: 1024,
          requestKeys: 3,
          burstMs: 1000,
          over: 'wait',
        },
        limitAddresses: 99,
        healthCheck: { intervalMs: 2000, timeoutMs: 500, failures: 4, successes: 5 },
        crossServer: 'first_key',
        keylessScripts: 'all',
        scriptsUnderPrefix: 'allow',
        sweepTimeoutMs: 90_000,
        maxSweeps: 5,
        keyPrefix: 'shop:',
        keysLimitBytes: 1_048_576,
        scriptMemoryBytes: 4_194_304,
        learnsCommands: true,
        deniedCommands: ['flushdb', 'config|set', 'script|load'],
        declaredCommands: [
          { name: 'my.mset', firstKey: 1, lastKey: -1, keyStep: 2, isWrite: true },
          { name: 'my.get', firstKey: 1, lastKey: 1, keyStep: 1, isWrite: false },
        ],
        clientSubscriptions: 50,
        cluster: null,
        readFrom: 'primary',
        replicaUnavailable: 'primary',
        replicaCheckMs: 1000,
        maxLagMs: 10_000,
        nearestToleranceMs: 1,
        readYourWritesMs: 0,
        availabilityZone: null,
        zones: null,
        presentAs: 'server',
        advertise: null,
        allow: ['127.0.0.1', '::1/64'],
        deny: ['10.0.0.0/8', 'unix'],
        poolBy: null,
        pools: null,
        proxyProtocol: ['192.0.2.1'],
        serverProxyProtocol: 'off',
        serverUser: 'proxy',
        serverPassword: '0456',
        sentinel: null,
        workerSubscriptions: 5000,
        maxRequestBytes: 1_048_576,
        maxPipeline: 10,
        clientBufferBytes: 262_144,
        clientOutputLimitBytes: 2_097_152,
        maxInflight: 100,
        serverOutputLimitBytes: 3_145_728,
        slowlogThresholdMs: 250,
        slowlogLength: 7,
        reshardPatienceMs: 9000,
        reshardStepTimeoutMs: 2000,
        reshardWaitingBytes: 1_048_576,
        reshardKnownBytes: 2_097_152,
        reshardWholeBytes: 3 * 2 ** 20,
        slowlogHideKeys: true,
        slowlogToLog: true,
        sampleOneIn: 9,
        hotkeysHide: true,
        servers: [
          { name: '127.0.0.1:6379', address: { host: '127.0.0.1', port: 6379 }, weight: 1 },
          { name: 'cache-b', address: { host: '10.0.0.2', port: 6379 }, weight: 2, user: 'other', password: '0789' },
          { name: '/run/redis.sock:', address: { path: '/run/redis.sock' }, weight: 1 },
        ],
      },
    ],
  });
});

const MINIMAL = `pools:
  p:
    listen: 127.0.0.1:22121
    protocol: memcached
    servers: [127.0.0.1:11211]
`;

test('what is left out has its default', () => {
  assert.deepEqual(parseConfig(MINIMAL, 'f'), {
    workers: 'auto',
    admin: { host: '127.0.0.1', port: 22223 },
    adminSocket: null,
    adminToken: null,
    adminTls: null,
    log: { level: 'info', file: null },
    shutdownTimeoutMs: 10_000,
    auditLog: null,
    workerTimeoutMs: 10_000,
    certificateCheckMs: 5000,
    ticketRotationMs: 43_200_000,
    readinessHoldMs: 1000,
    upgradeOn: 'off',
    users: [],
    user: null,
    group: null,
    cpuAffinity: 'off',
    workerNice: 0,
    maxMemoryBytes: 'auto',
    peers: null,
    form: 'native',
    ignored: [],
    withoutHash: ['p'],
    secretFiles: [],
    directory: process.cwd(),
    pools: [
      {
        name: 'p',
        listen: { host: '127.0.0.1', port: 22121 },
        protocol: 'memcached',
        listenTls: null,
        serverTls: null,
        sentinelTls: null,
        hash: 'murmur',
        hashTag: null,
        distribution: 'ketama',
        timeoutMs: 5000,
        connectTimeoutMs: 5000,
        queueTimeoutMs: 0,
        clientIdleTimeoutMs: 0,
        backlog: 512,
        clientConnections: 0,
        tcpKeepalive: true,
        keepaliveIdleMs: 60_000,
        redisAuth: null,
        memcachedAuth: null,
        redisDb: 0,
        databases: 1,
        resp3: 'auto',
        preconnect: false,
        autoEjectHosts: false,
        serverConnections: 1,
        privateConnections: 256,
        serverRetryTimeoutMs: 30_000,
        serverFailureLimit: 2,
        limits: null,
        addressLimits: null,
        limitAddresses: 10_000,
        healthCheck: null,
        crossServer: 'error',
        keylessScripts: 'error',
        scriptsUnderPrefix: 'refuse',
        sweepTimeoutMs: 60_000,
        maxSweeps: 2,
        keyPrefix: null,
        keysLimitBytes: 67_108_864,
        scriptMemoryBytes: 4_194_304,
        learnsCommands: true,
        deniedCommands: null,
        declaredCommands: null,
        clientSubscriptions: 100_000,
        cluster: null,
        readFrom: 'primary',
        replicaUnavailable: 'primary',
        replicaCheckMs: 1000,
        maxLagMs: 10_000,
        nearestToleranceMs: 1,
        readYourWritesMs: 0,
        availabilityZone: null,
        zones: null,
        presentAs: 'server',
        advertise: null,
        allow: null,
        deny: null,
        poolBy: null,
        pools: null,
        proxyProtocol: null,
        serverProxyProtocol: 'off',
        serverUser: null,
        serverPassword: null,
        sentinel: null,
        workerSubscriptions: 1_000_000,
        maxRequestBytes: 513 * 2 ** 20,
        maxPipeline: 4096,
        clientBufferBytes: 2 ** 20,
        clientOutputLimitBytes: 2 ** 30,
        maxInflight: 1_048_576,
        serverOutputLimitBytes: 2 ** 30,
        slowlogThresholdMs: 10,
        slowlogLength: 128,
        reshardPatienceMs: 8000,
        reshardStepTimeoutMs: 1000,
        reshardWaitingBytes: 64 * 2 ** 20,
        reshardKnownBytes: 16 * 2 ** 20,
        reshardWholeBytes: 2 ** 20,
        slowlogHideKeys: false,
        slowlogToLog: false,
        sampleOneIn: 100,
        hotkeysHide: false,
        servers: [{ name: '127.0.0.1', address: { host: '127.0.0.1', port: 11211 }, weight: 1 }],
      },
    ],
  });
});

test('null and ~ are the same as leaving a key out', () => {
  const nulls = MINIMAL.replace('    servers', '    redis_auth: ~\n    hash: null\n    servers').replace(
    'memcached',
    'redis',
  );
  const [pool] = parseConfig(nulls, 'f').pools;
  assert.equal(pool?.redisAuth, null);
  assert.equal(pool?.hash, 'murmur');
});

test('slowlog_threshold may be off, and 0 is not', () => {
  const threshold = (text: string) =>
    parseConfig(`${MINIMAL}    slowlog_threshold: ${text}\n`, 'f').pools[0]?.slowlogThresholdMs;
  assert.deepEqual([threshold('off'), threshold('0'), threshold('1s'), threshold('~')], [null, 0, 1000, 10]);
});

test('health_check takes its defaults one by one; null is off', () => {
  const healthCheck = (text: string) => parseConfig(`${MINIMAL}    health_check: ${text}\n`, 'f').pools[0]?.healthCheck;
  const defaults = { intervalMs: 5000, timeoutMs: 1000, failures: 3, successes: 2 };
  assert.deepEqual(healthCheck('{}'), defaults);
  assert.deepEqual(healthCheck('{ failures: 1 }'), { ...defaults, failures: 1 });
  assert.deepEqual(healthCheck('{ timeout: ~ }'), defaults);
  assert.equal(healthCheck('null'), null);
});

test('admin: false turns it off, timeout: none and 0 mean none', () => {
  assert.equal(parseConfig(`admin: false\n${MINIMAL}`, 'f').admin, null);
  for (const none of ['none', '0', '0s']) {
    assert.equal(parseConfig(`${MINIMAL}    timeout: ${none}\n`, 'f').pools[0]?.timeoutMs, 0);
  }
});

/** One line added to the minimal file, and what is said about it. */
const WRONG_IN_POOL: readonly [line: string, problem: string][] = [
  [
    'hash: fnv',
    '6:11: pools.p.hash: unknown hash "fnv"; one of: one_at_a_time, md5, crc16, crc32, crc32a, fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins',
  ],
  [
    'hash:',
    '6:10: pools.p.hash: is empty; write one_at_a_time, md5, crc16, crc32, crc32a, fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins, or leave the key out',
  ],
  ['distribution: maglev', '6:19: pools.p.distribution: unknown distribution "maglev"; one of: ketama, modula, random'],
  ['hash_tag: "{"', '6:15: pools.p.hash_tag: must be exactly two characters, such as "{}", not "{"'],
  [
    'timeout: soon',
    '6:14: pools.p.timeout: "soon" is no duration; write such as 400ms, 5s, 1m or 1h (a plain number: ms)',
  ],
  ['timeout: [5s]', '6:14: pools.p.timeout: must be a single value, not a list: duration, or none'],
  ['connect_timeout: 0', '6:22: pools.p.connect_timeout: 0 is too short; at least 1ms'],
  ['preconnect: yes', '6:17: pools.p.preconnect: must be true or false, not "yes"'],
  ['server_connections: 0', '6:25: pools.p.server_connections: must be a whole number from 1 to 1024, not "0"'],
  ['max_pipeline: -1', '6:19: pools.p.max_pipeline: must be a whole number from 1 to 2147483647, not "-1"'],
  [
    'client_buffer: 1k',
    '6:20: pools.p.client_buffer: "1k" is no size; write such as 64kb, 512mb or 1gb (a plain number: bytes)',
  ],
  [
    'max_request_bytes: 4gb',
    '6:24: pools.p.max_request_bytes: 4gb is too large; at most 1gb, because places in a request are 32-bit numbers',
  ],
  [
    'max_request_bytes: 1025mb',
    '6:24: pools.p.max_request_bytes: 1025mb is too large; at most 1gb, because places in a request are 32-bit numbers',
  ],
  ['health_check: { interval: 25h }', '6:31: pools.p.health_check.interval: 25h is too long; at most 86400000ms'],
  ['redis_db: 1', '6:15: pools.p.redis_db: only for Redis, and this pool speaks memcached; leave it out'],
  ['redis_auth: geheim', '6:17: pools.p.redis_auth: only for Redis, and this pool speaks memcached; leave it out'],
  ['sever_connections: 1', '6:5: pools.p.sever_connections: unknown key; did you mean "server_connections"?'],
  ['tcpKeepalive: true', '6:5: pools.p.tcpKeepalive: unknown key; did you mean "tcpkeepalive"?'],
  ['redis: true', '6:5: pools.p.redis: unknown key; write "protocol: redis" or "protocol: memcached"'],
  ['workers: 2', '6:5: pools.p.workers: unknown key; "workers" belongs to the top level of the file'],
  ['health_check: true', '6:19: pools.p.health_check: must be a map, such as { interval: 5s }, or {} for the defaults'],
  ['health_check:', '6:18: pools.p.health_check: must be a map, such as { interval: 5s }, or {} for the defaults'],
  ['health_check: { intervall: 1s }', '6:21: pools.p.health_check.intervall: unknown key; did you mean "interval"?'],
  ['health_check: { interval: 1 }', '6:31: pools.p.health_check.interval: 1 is too short; at least 50ms'],
  [
    'health_check: { failures: 0 }',
    '6:31: pools.p.health_check.failures: must be a whole number from 1 to 1000, not "0"',
  ],
  ['protocol: redis', '6:5: pools.p.protocol: given twice, first on line 4; keep one'],
];
for (const [line, problem] of WRONG_IN_POOL) {
  test(`in a pool, ${line} is refused with its place`, () => {
    assert.deepEqual(configProblems(`${MINIMAL}    ${line}\n`), [problem]);
  });
}

const WRONG_AT_TOP: readonly [line: string, problem: string][] = [
  ['workers: 0', '1:10: workers: must be auto or a whole number from 1 to 1024, not "0"'],
  [
    'shutdown_timeout: 24d',
    '1:19: shutdown_timeout: "24d" is no duration; write such as 400ms, 5s, 1m or 1h (a plain number: ms)',
  ],
  ['shutdown_timeout: 25h', '1:19: shutdown_timeout: 25h is too long; at most 86400000ms'],
  ['workers: many', '1:10: workers: must be auto or a whole number from 1 to 1024, not "many"'],
  ['admin_token: a b', '1:14: admin_token: must be printable ASCII characters without spaces'],
  ['admin: true', '1:8: admin: must be host:port or false, not "true"'],
  ['log: debug', '1:6: log: must be a map, such as { level: info }'],
  [
    'log: { level: loud }',
    '1:15: log.level: unknown level "loud"; one of: fatal, error, warn, info, debug, trace, silent',
  ],
  ['log: { levle: info }', '1:8: log.levle: unknown key; did you mean "level"?'],
  ['worker: 2', '1:1: worker: unknown key; did you mean "workers"?'],
  ['timeout: 5s', '1:1: timeout: unknown key; "timeout" belongs to a pool, under "pools:"'],
  ['q: { listen: "a:1" }', '1:1: q: unknown key; a pool belongs under "pools:", indented'],
];
for (const [line, problem] of WRONG_AT_TOP) {
  test(`at the top, ${line} is refused with its place`, () => {
    assert.deepEqual(configProblems(`${line}\n${MINIMAL}`), [problem]);
  });
}

const WRONG_SERVERS: readonly [servers: string, problem: string][] = [
  ['', '5:14: pools.p.servers: must be a list with at least one server, each on a line that begins with "- "'],
  ['[]', '5:14: pools.p.servers: must be a list with at least one server, each on a line that begins with "- "'],
  ['a:1', '5:14: pools.p.servers: must be a list with at least one server, each on a line that begins with "- "'],
  ['[a:1, [b:1]]', '5:20: pools.p.servers[1]: must be one server, not a list'],
  ['[a:1, b]', '5:20: pools.p.servers[1]: "b" has no port; write host:port:weight or host:port'],
  ['[{ address: a }]', '5:26: pools.p.servers[0].address: "a" has no port; write host:port'],
  ['[{ weight: 2 }]', '5:15: pools.p.servers[0].address: required: host:port, [v6]:port, or /path'],
  [
    '[{ address: "a:1", weight: 0 }]',
    '5:41: pools.p.servers[0].weight: "0" is no weight; write a whole number from 1 to 2147483647',
  ],
  ['[{ address: "a:1", name: "" }]', '5:39: pools.p.servers[0].name: the name is empty; leave it out or write one'],
  [
    '[a:1, a:1:2]',
    '5:20: pools.p.servers[1]: the name "a:1" is already that of pools.p.servers[0]; give one of them another name',
  ],
];
for (const [servers, problem] of WRONG_SERVERS) {
  test(`servers: ${servers} is refused with its place`, () => {
    assert.deepEqual(configProblems(MINIMAL.replace('[127.0.0.1:11211]', servers)), [problem]);
  });
}

test('missing keys are reported at the pool that lacks them', () => {
  assert.deepEqual(configProblems('pools:\n  p: {}\n'), [
    '2:3: pools.p.listen: required: host:port, [v6]:port, or /path [octal mode]',
    '2:3: pools.p.protocol: required: redis or memcached',
    '2:3: pools.p.servers: required: a list of servers',
  ]);
  assert.deepEqual(configProblems('workers: 1\n'), ['1:1: pools: required: a map: name of a pool → its keys']);
  assert.deepEqual(configProblems('pools:\n'), [
    '1:7: pools: must be a map with at least one pool: its name, then its keys',
  ]);
  assert.deepEqual(configProblems('pools:\n  p: x\n'), [
    '2:6: pools.p: must be a map of keys: listen, protocol, servers, …',
  ]);
});

test('a password never shows in a message', () => {
  for (const password of [
    '*geheim',
    '!geheim',
    '@geheim',
    '&geheim',
    '|geheim',
    '"geheim',
    'a: geheim',
    '[geheim]',
    '{geheim: 1}',
    '%geheim',
  ]) {
    const problems = configProblems(MINIMAL.replace('memcached', `redis\n    redis_auth: ${password}`));
    assert.notDeepEqual(problems, [], password);
    assert.doesNotMatch(problems.join('\n'), /geheim/, password);
  }
});
