import { duration, size } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

const MIN_STEP_MS = 10;
const MAX_STEP_MS = 60_000;
const MIN_KEPT_BYTES = 1024;

/** What a pool may keep and wait for while keys move from one ring to another. */
export const RESHARD_SETTINGS = {
  reshardPatienceMs: {
    key: 'reshard_patience',
    kind: duration(1),
    default: '8s',
    about:
      'While the ring changes: how long a request may wait for keys that are on the move; then it fails, and so does the change if ' +
      'it has not begun.',
    applies: 'live',
  },
  /** Of MIGRATE and its like. */
  reshardStepTimeoutMs: {
    key: 'reshard_step_timeout',
    kind: duration(MIN_STEP_MS, MAX_STEP_MS),
    default: '1s',
    about: 'While the ring changes: how long a server may wait for another to take a key; it serves nobody meanwhile.',
    applies: 'live',
  },
  /** Of Redis. */
  reshardWholeBytes: {
    key: 'reshard_whole_bytes',
    kind: size(MIN_KEPT_BYTES),
    default: '1mb',
    about:
      'While the ring changes: a key of a Redis server that takes more memory than this is moved in parts, between which servers ' +
      'serve others; a smaller one in one step.',
    applies: 'live',
  },
  /** Of each worker. */
  reshardWaitingBytes: {
    key: 'reshard_waiting_bytes',
    kind: size(MIN_KEPT_BYTES),
    default: '64mb',
    about: 'While the ring changes: what requests may hold that wait for keys on the move, in each worker; more fail.',
    applies: 'live',
  },
  /** Of each worker. */
  reshardKnownBytes: {
    key: 'reshard_known_bytes',
    kind: size(MIN_KEPT_BYTES),
    default: '16mb',
    about:
      'While the ring changes: memory of each worker for keys that it knows to be on their new server, so that it need not ask ' +
      'their old one again.',
    applies: 'live',
  },
} as const satisfies SettingTable;
