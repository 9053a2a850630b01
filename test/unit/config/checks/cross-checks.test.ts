import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configProblems } from '../../../support/config-problems.ts';

const twoPools = (first: string, second: string, top = 'admin: false') => `${top}
pools:
  a: { listen: '${first}', protocol: redis, servers: ['h:1'] }
  b: { listen: '${second}', protocol: redis, servers: ['h:1'] }
`;

const COLLIDING: readonly [string, string][] = [
  ['127.0.0.1:22121', '127.0.0.1:22121'],
  ['127.0.0.1:22121', '0.0.0.0:22121'],
  ['0.0.0.0:22121', '10.0.0.1:22121'],
  ['[::]:22121', '127.0.0.1:22121'],
  ['127.0.0.1:22121', '[::]:22121'],
  ['[::1]:22121', '[0:0:0:0:0:0:0:1]:22121'],
  ['localhost:22121', '127.0.0.1:22121'],
  ['LOCALHOST:22121', '[::1]:22121'],
  ['localhost:22121', '0.0.0.0:22121'],
  ['/run/a', '/run/a'],
  ['/run/a', '/run/a 0600'],
];
for (const [first, second] of COLLIDING) {
  test(`${first} and ${second} collide`, () => {
    const problems = configProblems(twoPools(first, second));
    assert.equal(problems.length, 1);
    assert.match(
      problems[0]!,
      /^4:16: pools\.b\.listen: .* collides with .* of pools\.a\.listen; choose another address$/,
    );
  });
}

const APART: readonly [string, string][] = [
  ['127.0.0.1:22121', '127.0.0.1:22122'],
  ['127.0.0.1:22121', '127.0.0.2:22121'],
  ['127.0.0.1:22121', '[::1]:22121'],
  ['0.0.0.0:22121', '[::1]:22121'],
  ['127.0.0.1:0', '127.0.0.1:0'],
  ['0.0.0.0:0', '127.0.0.1:0'],
  ['/run/a', '/run/b'],
  ['/run/a', '127.0.0.1:22121'],
  ['[fe80::1%eth0]:1', '[fe80::1%eth1]:1'],
];
for (const [first, second] of APART) {
  test(`${first} and ${second} go together`, () => {
    assert.deepEqual(configProblems(twoPools(first, second)), []);
  });
}

test('the admin address collides where it is given, or at the pool when it is the default', () => {
  assert.deepEqual(configProblems(twoPools('a:1', '0.0.0.0:9000', 'admin: 127.0.0.1:9000')), [
    '1:8: admin: 127.0.0.1:9000 collides with 0.0.0.0:9000 of pools.b.listen; choose another address',
  ]);
  assert.deepEqual(configProblems(twoPools('a:1', '127.0.0.1:22223', 'workers: 1')), [
    '4:16: pools.b.listen: 127.0.0.1:22223 collides with 127.0.0.1:22223 of admin; choose another address',
  ]);
});

test('cross-checks report beside errors of single keys', () => {
  const problems = configProblems(twoPools('127.0.0.1:1', '127.0.0.1:1').replace('redis', 'reddis'));
  assert.deepEqual(
    problems.map(problem => problem.split(': ')[1]),
    ['pools.a.protocol', 'pools.b.listen'],
  );
});

test('admin_tls needs what listen_tls needs', () => {
  const pools = "pools:\n  p: { listen: '127.0.0.1:1', protocol: redis, servers: ['h:1'] }\n";
  const problems = (tls: string) => configProblems(`admin_tls: ${tls}\n${pools}`);
  assert.match(problems('{ cert: a.pem }').join(), /^1:12: admin_tls: needs cert and key$/);
  assert.match(problems('{ cert: [a.pem, b.pem], key: a.key }').join(), /admin_tls: has 2 of cert and 1 of key/);
  assert.match(problems('{ cert: a.pem, key: a.key, client_cert: required }').join(), /admin_tls: client_cert asks/);
  assert.deepEqual(problems('{ cert: a.pem, key: a.key }'), []);
});

test('weights that overflow the ring are refused', () => {
  const servers = [1, 2, 3].map(i => `'h:${i}:2147483647'`).join(', ');
  const text = `pools:\n  a: { listen: 'h:1', protocol: redis, servers: [${servers}] }\n`;
  assert.deepEqual(configProblems(text), ['2:49: pools.a.servers: the weights add up to over 4294967295']);
});

const TLS: readonly [settings: string, problem: RegExp | null][] = [
  ['listen_tls: { cert: /a.pem, key: /a.key }', null],
  ['listen_tls: {}', /p\.listen_tls: needs cert and key$/],
  ['listen_tls: { cert: /a.pem }', /p\.listen_tls: needs cert and key$/],
  ['listen_tls: { cert: [/a.pem, /b.pem], key: /a.key }', /p\.listen_tls: has 2 of cert and 1 of key/],
  ['listen_tls: { cert: /a, key: /a, client_cert: required }', /p\.listen_tls: client_cert asks for .* with ca$/],
  ['server_tls: {}', null],
  ['server_tls: { cert: /a.pem }', /p\.server_tls: cert and key belong together/],
  ['sentinel_tls: {}', /p\.sentinel_tls: the pool has no Sentinels; its servers are spoken to by server_tls$/],
];
for (const [settings, problem] of TLS) {
  test(`${settings} is ${problem === null ? 'whole' : 'refused'}`, () => {
    const problems = configProblems(`pools:\n  p: { listen: 'h:1', protocol: redis, servers: ['h:2'], ${settings} }\n`);
    assert.equal(problems.length, problem === null ? 0 : 1);
    if (problem !== null) assert.match(problems[0]!, problem);
  });
}

const PRESENTED: readonly [settings: string, problem: RegExp | null][] = [
  ["listen: 'h:1', servers: ['h:2']", null],
  ["listen: 'h:1', servers: ['h:2', 'h:3']", /write hash_tag: "\{\}"$/],
  ["listen: 'h:1', servers: ['h:2', 'h:3'], hash_tag: '[]'", /write hash_tag: "\{\}"$/],
  ["listen: 'h:1', servers: ['h:2', 'h:3'], hash_tag: '{}', advertise: 'proxy:6379'", null],
  ["listen: 'h:1', cluster: { seeds: ['h:2', 'h:3'] }", null],
  ["listen: 'h:1', servers: ['h:2'], databases: 2", /a cluster has only database 0; leave databases out$/],
  ["listen: '/run/p', servers: ['h:2']", /connect over TCP: say where, with advertise$/],
  ["listen: '/run/p', servers: ['h:2'], advertise: '[::1]:6379'", null],
  ["listen: 'h:1', servers: ['h:2'], advertise: '::1:6379'", /must be host:port, not "::1:6379"$/],
  ["listen: 'h:1', servers: ['h:2'], advertise: 'proxy:0'", /must be host:port, not "proxy:0"$/],
];
for (const [settings, problem] of PRESENTED) {
  test(`${settings} as a cluster is ${problem === null ? 'right' : 'refused'}`, () => {
    const problems = configProblems(`pools:\n  p: { protocol: redis, present_as: cluster, ${settings} }\n`);
    assert.equal(problems.length, problem === null ? 0 : 1, problems.join());
    if (problem !== null) assert.match(problems[0]!, problem);
  });
}

const sentinelPool = (more: string, sentinel = '{ addresses: [s:26379] }', servers = '[{ master: a }]') => `admin: false
pools:
  p: { listen: '127.0.0.1:1', protocol: redis, hash: murmur, sentinel: ${sentinel}, servers: ${servers}${more} }
`;

const SENTINELS: readonly [string, RegExp][] = [
  [sentinelPool(', auto_eject_hosts: true'), /auto_eject_hosts: Sentinel has somebody take the place/],
  [sentinelPool(', sentinel_tls: { cert: /a.pem }'), /sentinel_tls: cert and key belong together/],
  [sentinelPool('', undefined, '[h:1]'), /servers\[0\]: Sentinels find the servers: write \{ master: NAME \}/],
  [sentinelPool('', undefined, '[{ master: a }, { master: a, name: b }]'), /servers\[1\]: the same master as before/],
  [sentinelPool('', '{ addresses: [s:26379], user: me }'), /sentinel: user needs password/],
  [sentinelPool('', '{ addresses: [s:26379], refresh_interval: 1s, refresh_min: 2s }'), /refresh_min is longer/],
  [sentinelPool('', '{ timeout: 1s }'), /sentinel\.addresses: required/],
  [sentinelPool('', 'null'), /servers\[0\]: a master is found by Sentinels: the pool lacks "sentinel"/],
  [sentinelPool('', undefined, '[{ master: a, address: "h:1" }]'), /servers\[0\]\.address: not beside "master"/],
  [sentinelPool('', undefined, '[{ master: "a b" }]'), /master: "a b" is no name of a master/],
  [sentinelPool('', undefined, '[{ weight: 2 }]'), /servers\[0\]\.address: required: host:port/],
  [sentinelPool('').replace('protocol: redis', 'protocol: memcached'), /memcached has no Sentinels/],
];
for (const [text, problem] of SENTINELS) {
  test(`Sentinels: ${problem.source}`, () => {
    const problems = configProblems(text);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0]!, problem);
  });
}

test('a pool with Sentinels is all right', () => {
  assert.deepEqual(configProblems(sentinelPool('')), []);
  assert.deepEqual(
    configProblems(sentinelPool(', timeout: 1s, preconnect: true', undefined, '[{ master: a, name: x }]')),
    [],
  );
  const all = ', server_tls: {}, sentinel_tls: { ca: /ca.pem }, health_check: {}, auto_eject_hosts: false';
  assert.deepEqual(configProblems(sentinelPool(all)), []);
});

test('a cluster may be asked whether its nodes are well, and none of them is ejected', () => {
  const pool = (more: string) =>
    `pools:\n  p: { listen: 'h:1', protocol: redis, cluster: { seeds: ['h:2'] }, ${more} }\n`;
  assert.deepEqual(configProblems(pool('health_check: {}, server_tls: {}, auto_eject_hosts: false')), []);
  assert.match(configProblems(pool('auto_eject_hosts: true')).join(), /auto_eject_hosts: .* nobody to stand in/);
  assert.match(configProblems(pool('sentinel_tls: {}')).join(), /sentinel_tls: the pool has no Sentinels/);
});

const replicaPool = (servers: string, protocol = 'redis') =>
  `admin: false\npools:\n  p: { listen: '127.0.0.1:1', protocol: ${protocol}, hash: murmur, servers: ${servers} }\n`;

const REPLICAS: readonly [text: string, problem: RegExp | null][] = [
  [replicaPool("[{ address: 'h:1', replicas: ['h:2', 'h:3 eu-1a', /run/r] }, 'h:4']"), null],
  [replicaPool("[{ address: 'h:1', replicas: 'h:2, h:3', availability_zone: a }]"), null],
  [replicaPool("[{ address: 'h:1', replicas: ['h:2'] }, 'h:2']"), /servers\[0\]\.replicas: h:2 is a server already/],
  [replicaPool("[{ address: 'h:1', replicas: ['h:2', 'h:2'] }]"), /replicas: h:2 is a server already/],
  [replicaPool("[{ address: 'h:1', replicas: ['h:2'] }]", 'memcached'), /memcached has no replicas/],
  [replicaPool("[{ address: 'h:1', replicas: ['h:2 a b'] }]"), /"h:2 a b" has more than an address and a zone/],
  [replicaPool("[{ address: 'h:1', replicas: ['h:2 ä'] }]"), /is no name of a zone/],
  [sentinelPool('', undefined, "[{ master: a, replicas: ['h:1'] }]"), /replicas: Sentinels tell the replicas/],
];
for (const [text, problem] of REPLICAS) {
  test(`replicas: ${problem?.source ?? text}`, () => {
    const problems = configProblems(text);
    assert.equal(problems.length, problem === null ? 0 : 1, problems.join());
    if (problem !== null) assert.match(problems[0]!, problem);
  });
}
