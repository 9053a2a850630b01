// What clients of a history do to memcached in its binary protocol: registers and counters.
import {
  countExtras,
  HEADER_BYTES,
  type OpcodeName,
  type PacketFields,
  packet,
  responseLength,
  storeExtras,
} from '../binary-packets.ts';
import type { DrawRequest, HistoryRequest } from './history-client.ts';
import { flagsOf, type MemcachedKeys } from './memcached-requests.ts';
import type { HistoryRecorder } from './recorder.ts';

const NEVER = Number.POSITIVE_INFINITY;
const LIFETIME_SECONDS = 100_000;
const OK = 0x00;
const NOT_FOUND = 0x01;
/** Of a counter that is not there: none is begun. */
const NO_BEGINNING = 0xffff_ffff;

interface Response {
  readonly status: number;
  readonly extras: Buffer;
  readonly value: string;
  readonly number: number;
}

export function drawBinaryRequest({ registers, counters }: MemcachedKeys): DrawRequest {
  return (random, recorder, by) => {
    if (random.chance(0.2)) return increment(recorder, random.pick(counters));
    const key = random.pick(registers);
    switch (random.between(0, 4)) {
      case 0:
        return set(recorder, by, key);
      case 1:
        return remove(recorder, by, key);
      default:
        return get(recorder, by, key);
    }
  };
}

function request(
  opcode: OpcodeName,
  fields: PacketFields,
  take: (response: Response, invokedAt: number, returnedAt: number) => void,
  lost: (invokedAt: number) => void,
): HistoryRequest {
  return {
    bytes: packet(opcode, fields),
    end: responseLength,
    answered(reply, invokedAt, returnedAt) {
      const status = reply.readUInt16BE(6);
      const extrasEnd = HEADER_BYTES + reply[4]!;
      const data = reply.subarray(extrasEnd + reply.readUInt16BE(2));
      if (status !== OK && status !== NOT_FOUND) return `status ${status}: ${data.toString('latin1')}`;
      const number = data.length === 8 ? Number(data.readBigUInt64BE()) : Number.NaN;
      take(
        { status, extras: reply.subarray(HEADER_BYTES, extrasEnd), value: data.toString('latin1'), number },
        invokedAt,
        returnedAt,
      );
      return null;
    },
    lost,
  };
}

function get(recorder: HistoryRecorder, by: string, key: string): HistoryRequest {
  return request(
    'get',
    { key },
    ({ status, extras, value }, invokedAt, returnedAt) => {
      if (status === OK && extras.readUInt32BE() !== flagsOf(key)) throw new Error(`the flags of ${key} are others`);
      const seen = status === OK ? value : null;
      recorder.register(key, { kind: 'read', value: '', seen, invokedAt, returnedAt, by });
    },
    () => {},
  );
}

function set(recorder: HistoryRecorder, by: string, key: string): HistoryRequest {
  const value = recorder.newValue();
  const record = (invokedAt: number, returnedAt: number) =>
    recorder.register(key, { kind: 'write', value, seen: undefined, invokedAt, returnedAt, by });
  return request(
    'set',
    { key, value, extras: storeExtras(flagsOf(key), LIFETIME_SECONDS) },
    ({ status }, invokedAt, returnedAt) => {
      if (status !== OK) throw new Error(`${status} is no answer`);
      record(invokedAt, returnedAt);
    },
    invokedAt => record(invokedAt, NEVER),
  );
}

function remove(recorder: HistoryRecorder, by: string, key: string): HistoryRequest {
  return request(
    'delete',
    { key },
    ({ status }, invokedAt, returnedAt) => {
      const seen = status === OK ? 'something' : null;
      recorder.register(key, { kind: 'delete', value: '', seen, invokedAt, returnedAt, by });
    },
    invokedAt =>
      recorder.register(key, { kind: 'delete', value: '', seen: undefined, invokedAt, returnedAt: NEVER, by }),
  );
}

function increment(recorder: HistoryRecorder, key: string): HistoryRequest {
  return request(
    'increment',
    { key, extras: countExtras(1n, 0n, NO_BEGINNING) },
    ({ status, number }, invokedAt, returnedAt) => {
      if (status !== OK) return;
      if (Number.isNaN(number)) throw new Error('no number');
      recorder.counted(key, { kind: 'step', value: number, invokedAt, returnedAt });
    },
    () => {},
  );
}
