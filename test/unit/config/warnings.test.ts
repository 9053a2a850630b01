import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../../src/config/load.ts';
import { configWarnings } from '../../../src/config/warnings.ts';

const warningsOf = (lines: string, servers = '[h:1, h:2]', protocol = 'redis') =>
  configWarnings(
    parseConfig(
      `pools:\n  p:\n    listen: h:9\n    protocol: ${protocol}\n    servers: ${servers}\n${lines.includes('hash:') ? '' : '    hash: murmur\n'}    ${lines.replaceAll('\n', '\n    ')}\n`,
      'f',
    ),
  ).map(warning => warning.path);

test('a sensible pool has no warnings', () => {
  assert.deepEqual(
    warningsOf('hash: crc32a\nhash_tag: "{}"\ntimeout: 1s\nauto_eject_hosts: true\nserver_retry_timeout: 5s'),
    [],
  );
  assert.deepEqual(warningsOf('', '[h:1]'), []);
});

const CASES: readonly [lines: string, path: string, servers?: string, protocol?: string][] = [
  ['hash: crc32', 'pools.p.hash'],
  ['hash_tag: "{}"', 'pools.p.hash_tag', '[h:1]'],
  ['hash_tag: "##"', 'pools.p.hash_tag'],
  ['hash_tag: "{}"\ndistribution: random', 'pools.p.hash_tag'],
  ['timeout: 1s\nauto_eject_hosts: true', 'pools.p.auto_eject_hosts', '[h:1]'],
  ['auto_eject_hosts: true\ntimeout: none', 'pools.p.auto_eject_hosts'],
  ['timeout: 1s\nauto_eject_hosts: true\ndistribution: modula', 'pools.p.auto_eject_hosts'],
  ['server_retry_timeout: 5s', 'pools.p.server_retry_timeout'],
  ['health_check: {}', 'pools.p.health_check', '[h:1]'],
  ['health_check: {}\ndistribution: modula', 'pools.p.health_check'],
  ['health_check: { timeout: 6s }', 'pools.p.health_check'],
  ['server_tls: { verify: false }', 'pools.p.server_tls'],
  ['listen_tls: { cert: c, key: k, ca: a }', 'pools.p.listen_tls'],
  ['listen_tls: { cert: c, key: k, crl: l }', 'pools.p.listen_tls'],
  ['proxy_protocol: [10.0.0.1, 0.0.0.0/0]', 'pools.p.proxy_protocol'],
  ['proxy_protocol: "::/0"', 'pools.p.proxy_protocol'],
  ['cross_server: first_key', 'pools.p.cross_server', '[h:1, h:2]', 'memcached'],
  ['client_buffer: 2mb\nclient_output_limit: 1mb', 'pools.p.client_output_limit'],
  ['', 'pools.p.servers[1]', '[h:1 a, h:1 b]'],
  ['', 'pools.p.servers[1]', '[h:1, h:9]'],
  ['advertise: proxy:6379', 'pools.p.advertise', '[h:1]'],
];
for (const [lines, path, servers, protocol] of CASES) {
  test(`${JSON.stringify(lines)}${servers === undefined ? '' : ` with ${servers}`} is warned about`, () => {
    assert.deepEqual(warningsOf(lines, servers, protocol), [path]);
  });
}

test('certificates that are asked for, and balancers by their addresses, are no reason to warn', () => {
  assert.deepEqual(warningsOf('listen_tls: { cert: c, key: k, ca: a, client_cert: optional }'), []);
  assert.deepEqual(warningsOf('listen_tls: { cert: c, key: k }'), []);
  assert.deepEqual(warningsOf('proxy_protocol: [10.0.0.0/8, unix]'), []);
});

test('crc32 with modula, or with one server, is no reason to warn', () => {
  assert.deepEqual(warningsOf('hash: crc32\ndistribution: modula'), []);
  assert.deepEqual(warningsOf('hash: crc32', '[h:1]'), []);
});

test('a default hash that was another once is told once for the file, where it matters', () => {
  const pool = (name: string, port: number, more = '', servers = '[h:1, h:2]') =>
    `  ${name}: { listen: h:9${port}, protocol: redis, servers: ${servers}${more} }\n`;
  const of = (...pools: string[]) =>
    configWarnings(parseConfig(`pools:\n${pools.join('')}`, 'f')).map(({ path, message }) => `${path}: ${message}`);
  const what =
    'the default is murmur now, it was fnv1a_64: write "hash: fnv1a_64" to keep keys where an earlier release put them, else "hash: murmur"';
  assert.deepEqual(of(pool('a', 1)), [`pools.a.hash: not given, and ${what}`]);
  assert.deepEqual(of(pool('x', 4, ', hash: murmur'), pool('a', 1), pool('b', 2), pool('c', 3)), [
    `pools.a.hash: not given (and of 2 more pools), and ${what}`,
  ]);
  assert.deepEqual(of(pool('a', 1, ', distribution: random')), []);
  assert.deepEqual(of(pool('a', 1, '', '[h:1]')), []);
  const twemproxy = 'a: { listen: h:9, redis: true, servers: [h:1:1, h:2:1] }\n';
  assert.deepEqual(configWarnings(parseConfig(twemproxy, 'f')), []);
});
