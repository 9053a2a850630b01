import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseConfig } from '../../../../src/config/load.ts';
import { withPortLeads } from '../../../../src/config/port-pools.ts';
import { configWarnings } from '../../../../src/config/warnings.ts';
import { configProblems } from '../../../support/config-problems.ts';

const A = 'a: { listen: none, protocol: redis, servers: [127.0.0.1:6379] }';
const B = 'b: { listen: none, protocol: redis, servers: [127.0.0.1:6380] }';
const M = 'm: { listen: none, protocol: memcached, memcached_auth: "u:p", servers: [127.0.0.1:11211] }';
const USERS = 'users:\n  u: { pools: [m, b, a], passwords: [x] }\n';

function file(front: string, pools: readonly string[] = [A, B], users = ''): string {
  const lines = [`front: { listen: 127.0.0.1:1234, protocol: redis, ${front} }`, ...pools];
  return `${users}pools:\n${lines.map(line => `  ${line}\n`).join('')}`;
}

function leads(text: string): unknown {
  const config = parseConfig(text, 'f');
  return withPortLeads(config, config.pools)[0]?.leads?.pools;
}

describe('where a port leads', () => {
  test('a user to the first of its pools that speaks its protocol', () => {
    assert.deepEqual(leads(file('pool_by: user', [A, B, M], USERS)), [['u', 'b']]);
  });
  test('unless the port says another', () => {
    assert.deepEqual(leads(file('pool_by: user, pools: { u: a }', [A, B, M], USERS)), [['u', 'a']]);
  });
  test('databases, as a map or on one line', () => {
    const want = [
      ['0', 'a'],
      ['1', 'b'],
    ];
    assert.deepEqual(leads(file('pool_by: database, pools: { 0: a, 1: b }')), want);
    assert.deepEqual(leads(file('pool_by: database, pools: "0=a, 1 = b"')), want);
  });
});

const BY_NUMBER = 'pool_by: database, pools: { 0: a }';
const BY_NAME = 'pool_by: server_name, listen_tls: { cert: c, key: k }, pools: { a.test: a }';

const REFUSED: readonly [string, RegExp, string?][] = [
  ['pool_by: database, pools: { 0: a, 1: c }', /pools: 1: there is no pool "c"/],
  ['pool_by: database, pools: { 1: a }', /lacks 0, where clients begin/],
  ['pool_by: database, pools: { 0: a, x: b }', /x: is no number of a database/],
  ['pool_by: database, pools: { 0: a, 01: b }', /01: is no number of a database/],
  ['pool_by: database, pools: { 0: a, 1: front }', /"front" is a port itself/],
  ['pool_by: database, pools: { 0: m }', /"m" speaks memcached, and this port redis/],
  ['pool_by: database', /required beside pool_by: a map of database numbers/],
  ['pool_by: server_name, pools: { a.test: a }', /the port lacks listen_tls/],
  ['pool_by: server_name, listen_tls: { cert: c, key: k }, pools: { A.test: a }', /A\.test: is no server name/],
  ['pool_by: user', /there are no users/],
  ['pool_by: user, pools: { v: a }', /v: "a" has no user of that name/, USERS],
  [
    'pool_by: user',
    /"front" is a port that several pools share: name the pools/,
    'users:\n  u: { pools: [front], passwords: [x] }\n',
  ],
  ['pool_by: user, servers: [127.0.0.1:1]', /servers: not beside pool_by/, USERS],
  ['pool_by: user, redis_auth: x', /redis_auth: not beside pool_by/, USERS],
  ['pool_by: user, key_prefix: "a:"', /key_prefix: not beside pool_by/, USERS],
  ['pool_by: user, deny_commands: [keys]', /deny_commands: not beside pool_by/, USERS],
  [`${BY_NUMBER}, limits: { requests: 1/s }`, /limits: a port by database serves nobody itself/],
  [`${BY_NAME}, limits: { pending: 1 }`, /limits: a port by server_name serves nobody itself/],
  [`${BY_NUMBER}, address_limits: { connections: 1 }`, /address_limits: connections: a port by database serves nobody/],
  [`${BY_NUMBER}, address_limits: { over: error }`, /address_limits: over: a port by database serves nobody/],
  [`${BY_NAME}, address_limits: { connections: 1, requests: 1/s }`, /address_limits: requests: a port by server_name/],
  [`${BY_NUMBER}, limit_addresses: 100`, /limit_addresses: a port by database serves nobody/],
  [`${BY_NUMBER}, client_connections: 5`, /client_connections: a port by database serves nobody/],
  [`${BY_NAME}, client_idle_timeout: 5s`, /client_idle_timeout: a port by server_name serves nobody/],
  ['pool_by: anything, pools: { 0: a }', /unknown pool_by "anything"/],
  ['pools: { 0: a }, servers: [127.0.0.1:1]', /pools: only with pool_by/],
  ['pool_by: database, pools: [a, b]', /must be a map of single values, not a list/],
  ['pool_by: database, pools: "0=a, 0=b"', /has "0" twice/],
  ['', /servers: required/],
];

for (const [front, problem, users] of REFUSED) {
  test(`refused: ${front === '' ? 'a pool without servers' : front}`, () => {
    const text = file(front, [A, B, M], users);
    assert.match(configProblems(text.replace(', }', ' }')).join('\n'), problem);
  });
}

test('databases of one sign-in: pools with the same password only, where there are no users', () => {
  const locked = A.replace('protocol', 'redis_auth: x, protocol');
  assert.match(
    configProblems(file('pool_by: database, pools: { 0: a, 1: b }', [locked, B])).join('\n'),
    /the same password/,
  );
});

test('a pool that nobody can reach is warned of', () => {
  const warnings = configWarnings(parseConfig(file('pool_by: database, pools: { 0: a }'), 'f'));
  assert.deepEqual(
    warnings.filter(({ path }) => path.endsWith('.listen')).map(({ path }) => path),
    ['pools.b.listen'],
  );
});

test('of a port by server name or number, connections that count few are warned of; by user they count who has not signed in', () => {
  const counting = 'client_connections: 5, address_limits: { connections: 2 }';
  const warned = (front: string, users = '') =>
    configWarnings(parseConfig(file(`${front}, ${counting}`, [A], users), 'f')).map(({ path }) => path);
  const both = ['pools.front.client_connections', 'pools.front.address_limits.connections'];
  assert.deepEqual(warned(BY_NAME), both);
  assert.deepEqual(warned(`${BY_NUMBER}, proxy_protocol: 10.0.0.1`), both);
  const users = `users:\n  u: { pools: [a], passwords: ['#${'0'.repeat(64)}'] }\n`;
  assert.deepEqual(warned('pool_by: user, limits: { requests: 1/s }', users), []);
});
