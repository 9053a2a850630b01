import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IPC_VERSION, readToMaster, readToWorker } from '../../../src/ipc/messages.ts';

const pool = { name: 'p', servers: [] };
const reshard = { id: 'a', isBack: false, isDropping: false, half: 'whole' };

describe('an IPC message', () => {
  for (const message of [
    { type: 'socket', pool: 'p' },
    { type: 'switch', id: 3 },
    { type: 'drain' },
    { type: 'reshard', id: 1, pool: 'p', state: null },
    { type: 'reshard', id: 1, pool: 'p', state: { ...reshard, phase: 'hold', from: pool, to: pool } },
    { type: 'log', level: 'info', file: null, reopen: false },
  ]) {
    test(`${message.type} to a worker is taken as it is`, () => assert.equal(readToWorker(message), message));
  }

  test('of a master of another version is refused with that reason, whatever else it has', () => {
    for (const version of [IPC_VERSION + 1, undefined]) {
      assert.throws(() => readToWorker({ type: 'start', version, something: 'new' }), {
        message: `the master speaks version ${version} of its language, this worker ${IPC_VERSION}: the program was replaced while it ran; stop it and start it again`,
      });
    }
  });

  test('to the master is taken as it is', () => {
    const message = { type: 'report', id: null, process: null, figures: '' };
    assert.equal(readToMaster(message), message);
  });

  for (const [what, message, why] of [
    ['nothing', null, 'unknown IPC message: undefined'],
    ['text', 'drain', 'unknown IPC message: undefined'],
    ['another type', { type: 'dance' }, 'unknown IPC message: "dance"'],
    ['a type that every object has', { type: 'toString' }, 'unknown IPC message: "toString"'],
    ['a message of the other side', { type: 'switched', id: 1 }, 'unknown IPC message: "switched"'],
    ['a field too many', { type: 'drain', now: true }, 'IPC message drain: unknown now'],
    ['a field too few', { type: 'socket' }, 'IPC message socket: pool is not what it should be'],
    ['a field of another kind', { type: 'switch', id: '1' }, 'IPC message switch: id is not what it should be'],
    [
      'a phase that there is not',
      { type: 'reshard', id: 1, pool: 'p', state: { ...reshard, phase: 'late', from: pool, to: pool } },
      'IPC message reshard: state is not what it should be',
    ],
    [
      'a pool between a ring and none',
      { type: 'reshard', id: 1, pool: 'p', state: { ...reshard, phase: 'both', from: pool } },
      'IPC message reshard: state is not what it should be',
    ],
    ['a number that is no id', { type: 'switch', id: -1 }, 'IPC message switch: id is not what it should be'],
  ] as const) {
    test(`${what} is refused`, () => assert.throws(() => readToWorker(message), { message: why }));
  }
});
