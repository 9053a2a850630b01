import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLICATION_TRAITS } from '../../../../src/protocol/redis/replication-traits.ts';
import { encodeReply } from '../../../../src/protocol/redis/resp.ts';

const { question, read } = REPLICATION_TRAITS;
const PONG = Buffer.from('+PONG\r\n');
const OK = Buffer.from('+OK\r\n');
const info = (...lines: string[]) => encodeReply(`# Replication\r\n${lines.join('\r\n')}\r\n`);

test('what a replica says of itself', () => {
  const told = info(
    'role:slave',
    'master_link_status:up',
    'master_sync_in_progress:0',
    'slave_repl_offset:42',
    'master_repl_offset:43',
  );
  assert.deepEqual(read(Buffer.concat([told, PONG]), null), {
    isReplica: true,
    isLinked: true,
    isSyncing: false,
    offset: 42,
  });
  assert.deepEqual(read(Buffer.concat([OK, told, PONG]), { user: null, password: 'secret' }), {
    ...{ isReplica: true, isLinked: true, isSyncing: false, offset: 42 },
  });
  const lost = info('role:slave', 'master_link_status:down', 'master_sync_in_progress:1', 'slave_repl_offset:0');
  assert.deepEqual(read(Buffer.concat([lost, PONG]), null), {
    isReplica: true,
    isLinked: false,
    isSyncing: true,
    offset: 0,
  });
});

test('what a primary says of itself', () => {
  const told = Buffer.concat([info('role:master', 'connected_slaves:1', 'master_repl_offset:43'), PONG]);
  assert.deepEqual(read(told, null), { isReplica: false, isLinked: false, isSyncing: false, offset: 43 });
});

test('answers of no use are words', () => {
  const told = info('role:slave', 'master_link_status:up');
  const loading = Buffer.from('-LOADING Redis is loading the dataset in memory\r\n');
  assert.match(String(read(Buffer.concat([told, loading]), null)), /LOADING/);
  assert.match(String(read(Buffer.from('-NOAUTH Authentication required.\r\n'), null)), /NOAUTH/);
  assert.match(
    String(read(Buffer.concat([Buffer.from('-WRONGPASS no\r\n'), told, PONG]), { user: null, password: 'x' })),
    /WRONGPASS/,
  );
  assert.match(String(read(Buffer.concat([info('nothing:1'), PONG]), null)), /nothing of its role/);
  assert.match(String(read(told.subarray(0, 20), null)), /not its protocol/);
  assert.ok(
    question({ user: null, password: 'secret' })
      .toString()
      .startsWith('*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*2\r\n$4\r\nINFO'),
  );
});
