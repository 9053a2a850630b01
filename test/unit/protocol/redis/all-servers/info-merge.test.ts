import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeInfo } from '../../../../../src/protocol/redis/all-servers/info-merge.ts';

function info(...sections: readonly (readonly string[])[]): string {
  return sections
    .map(([name, ...fields]) => `# ${name}\r\n${fields.map(field => `${field}\r\n`).join('')}`)
    .join('\r\n');
}

test('INFO of several servers: what agrees stays, what counts is added up, what differs is left out', () => {
  const one = info(
    ['Server', 'redis_version:7.0.15', 'redis_mode:standalone', 'run_id:abc', 'uptime_in_seconds:50', 'tcp_port:1'],
    [
      'Memory',
      'used_memory:1048576',
      'used_memory_human:1.00M',
      'maxmemory:0',
      'maxmemory_human:0B',
      'maxmemory_policy:noeviction',
    ],
    ['Stats', 'total_commands_processed:7', 'instantaneous_input_kbps:0.25'],
    ['Persistence', 'loading:0'],
    ['Replication', 'role:master', 'connected_slaves:1'],
    ['Keyspace', 'db0:keys=1,expires=1,avg_ttl=100', 'db3:keys=2,expires=0,avg_ttl=0'],
  );
  const other = info(
    ['Server', 'redis_version:7.0.9', 'redis_mode:standalone', 'run_id:def', 'uptime_in_seconds:20', 'tcp_port:2'],
    [
      'Memory',
      'used_memory:2097152',
      'used_memory_human:2.00M',
      'maxmemory:0',
      'maxmemory_human:0B',
      'maxmemory_policy:noeviction',
    ],
    ['Stats', 'total_commands_processed:8', 'instantaneous_input_kbps:0.50'],
    ['Persistence', 'loading:1'],
    ['Replication', 'role:slave', 'connected_slaves:0'],
    ['Keyspace', 'db0:keys=3,expires=3,avg_ttl=200'],
  );
  assert.equal(
    mergeInfo([one, other]),
    info(
      ['Server', 'redis_version:7.0.9', 'redis_mode:standalone', 'uptime_in_seconds:20'],
      [
        'Memory',
        'used_memory:3145728',
        'used_memory_human:3.00M',
        'maxmemory:0',
        'maxmemory_human:0B',
        'maxmemory_policy:noeviction',
      ],
      ['Stats', 'total_commands_processed:15', 'instantaneous_input_kbps:0.75'],
      ['Persistence', 'loading:1'],
      ['Replication', 'role:master', 'connected_slaves:1'],
      ['Keyspace', 'db0:keys=4,expires=4,avg_ttl=175', 'db3:keys=2,expires=0,avg_ttl=0'],
    ),
  );
});

test('a field that not all have, and that is no count, is left out', () => {
  const merged = mergeInfo([info(['Server', 'os:Linux', 'executable:/a']), info(['Server', 'os:Linux'])]);
  assert.equal(merged, info(['Server', 'os:Linux']));
  assert.equal(mergeInfo(['', '']), '');
  assert.equal(mergeInfo([info(['Keyspace']), info(['Keyspace'])]), info(['Keyspace']));
});

test('versions are compared by their numbers', () => {
  const versions = ['7.10.0', '7.9.9', '8.0'].map(version => info(['Server', `redis_version:${version}`]));
  assert.equal(mergeInfo(versions), info(['Server', 'redis_version:7.9.9']));
});
