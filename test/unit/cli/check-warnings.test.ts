import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkWarnings } from '../../../src/cli/check-warnings.ts';
import type { Machine } from '../../../src/cli/machine.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { parseOpenFilesLimit } from '../../../src/system/open-files-limit.ts';
import { Authority } from '../../support/certificates.ts';

const ROOMY: Machine = { cores: 2, maxOpenFiles: 20_000, firstFreePort: 1024 };

function warningsOf(
  pool: string,
  machine: Partial<Machine> = {},
  top = 'admin: false\n',
  protocol = 'memcached',
): string[] {
  const hash = pool.includes('hash:') ? '' : '    hash: murmur\n';
  const text = `${top}pools:\n  p:\n${hash}    protocol: ${protocol}\n    ${pool.trim().replaceAll('\n', '\n    ')}\n`;
  return checkWarnings(parseConfig(text, 'f'), { ...ROOMY, ...machine }).map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

const TWO = 'listen: h:2000\nservers: [a:1, b:1]\n';

test('a sensible pool on a roomy machine has no warnings', () => {
  assert.deepEqual(warningsOf(TWO), []);
  assert.deepEqual(warningsOf(`${TWO}distribution: random`), []);
});

const CASES: readonly [what: string, pool: string, want: RegExp, machine?: Partial<Machine>, top?: string][] = [
  ['one server', 'listen: h:2000\nservers: [a:1]', /^pools\.p\.servers: one server/],
  [
    'weights of a random pool',
    `listen: h:2000\ndistribution: random\nservers: [a:1:1, b:1:2]`,
    /^pools\.p\.servers: the weights/,
  ],
  ['a weight too small for a point', 'listen: h:2000\nservers: [a:1:1, b:1:1000]', /servers\[0\]: "a:1" gets no keys/],
  [
    'a modula list longer than crc32 has values',
    'listen: h:2000\nhash: crc32\ndistribution: modula\nservers: [a:1:32768, b:1:32768]',
    /servers\[0\]: "a:1" gets 100 % of the keys, and its weight asks for 50\.00 %.*"b:1" gets no keys: .* beyond the hash's values/s,
  ],
  ['a privileged port', 'listen: h:1023\nservers: [a:1, b:1]', /^pools\.p\.listen: port 1023 is privileged/],
  ['a privileged admin port', TWO, /^admin: port 80 is privileged/, {}, 'admin: h:80\n'],
  [
    'more servers than files',
    `${TWO}server_connections: 100`,
    /^pools\.p\.servers: 2 servers × server_connections 100 needs 201 open files; a worker may have 200/,
    { maxOpenFiles: 200 },
  ],
  [
    'more clients than files',
    `${TWO}client_connections: 4000`,
    /^pools\.p\.client_connections: 4,000 clients over 2 workers and 2 server connections need 2,067 open files/,
    { maxOpenFiles: 2066 },
  ],
  [
    'little room for unbounded clients',
    TWO,
    /^: leaves open files for 957 clients for each worker/,
    { maxOpenFiles: 1024 },
  ],
];
for (const [what, pool, want, machine, top] of CASES) {
  test(`${what} is warned about`, () => assert.match(warningsOf(pool, machine, top).join('\n'), want));
}

test('a Redis pool has server connections for both versions of the protocol', () => {
  const pool = `${TWO}server_connections: 100`;
  const warnings = (maxOpenFiles: number) => warningsOf(pool, { maxOpenFiles }, 'admin: false\n', 'redis').join('\n');
  assert.match(warnings(300), /2 servers × server_connections 100 × 2 for RESP3 needs 401 open files/);
  assert.equal(warnings(20_000), '');
});

test('what just suffices is no reason to warn', () => {
  assert.deepEqual(warningsOf(`${TWO}client_connections: 4000`, { maxOpenFiles: 2067 }), []);
  assert.deepEqual(warningsOf('listen: h:80\nservers: [a:1, b:1]', { firstFreePort: 0 }), []);
  // Whom root has to start.
  const byRoot = warningsOf('listen: h:80\nservers: [a:1, b:1]', {}, 'admin: h:81\nuser: nobody\n');
  assert.doesNotMatch(byRoot.join(), /privileged/);
  assert.deepEqual(warningsOf(TWO, { maxOpenFiles: Number.POSITIVE_INFINITY }), []);
});

test('pools that fit one by one may be too many together', () => {
  const pool = (name: string, port: number) =>
    `  ${name}: { protocol: memcached, hash: murmur, listen: "h:${port}", client_connections: 2000, servers: [a:1, b:1] }\n`;
  const config = parseConfig(`admin: false\npools:\n${pool('one', 2000)}${pool('two', 2001)}`, 'f');
  const warnings = (maxOpenFiles: number) =>
    checkWarnings(config, { ...ROOMY, maxOpenFiles }).map(({ message }) => message);
  assert.match(warnings(2069)[0]!, /^all pools together need 2,070 open files for each worker/);
  assert.deepEqual(warnings(2070), []);
});

test('the share of each server on rings of the usual size is near enough to its weight', () => {
  for (const count of [2, 3, 5, 10, 30, 100]) {
    const servers = Array.from({ length: count }, (_, i) => `10.0.0.${i}:11211`).join(', ');
    assert.deepEqual(warningsOf(`listen: h:2000\nservers: [${servers}]`), []);
  }
});

test('the limit on open files is the hard one, to which node raises the soft one', () => {
  const text =
    'Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n';
  assert.equal(parseOpenFilesLimit(text), 524_288);
  assert.equal(parseOpenFilesLimit(text.replace('524288', 'unlimited')), Number.POSITIVE_INFINITY);
  assert.equal(parseOpenFilesLimit(''), Number.POSITIVE_INFINITY);
});

test('a hash that keeps running numbers together is warned about, by the server that gets them', () => {
  const four = 'listen: h:2000\nservers: [a:1, b:1, c:1, d:1]\n';
  const [warning, ...others] = warningsOf(`${four}hash: fnv1a_64`);
  assert.deepEqual(others, []);
  assert.match(
    warning!,
    /^pools\.p\.hash: fnv1a_64 keeps running numbers together: [\d.]+ % of session:1 … session:1000 go to "\w:1", and its share is 2[\d.]+ %; murmur spreads them/,
  );
  for (const hash of ['crc16', 'fnv1_64'])
    assert.match(warningsOf(`${four}hash: ${hash}`).join(), /keeps running numbers/);
  for (const hash of ['murmur', 'md5', 'crc32a', 'jenkins', 'one_at_a_time']) {
    assert.deepEqual(warningsOf(`${four}hash: ${hash}`), [], hash);
  }
  assert.deepEqual(warningsOf(`${four}hash: fnv1a_64\ndistribution: random`), []);
});

test('a certificate that is not good now, of a pool and of the admin server', async () => {
  const authority = await Authority.create();
  const day = 86_400_000;
  const { cert, key } = await authority.signBetween('old', new Date(Date.now() - 3 * day), new Date(Date.now() - day));
  const pool = `${TWO}listen_tls: { cert: ${cert}, key: ${key} }\n`;
  const top = `admin: h:2001\nadmin_tls: { cert: ${cert}, key: ${key} }\n`;
  const warnings = warningsOf(pool, {}, top);
  assert.equal(warnings.length, 2, warnings.join('\n'));
  assert.match(warnings[0]!, /^pools\.p: .*old\.pem has expired on 20/);
  assert.match(warnings[1]!, /^admin_tls: .*old\.pem has expired on 20/);
});
