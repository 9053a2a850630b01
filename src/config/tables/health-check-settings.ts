import { count, duration } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

/** The master asks all servers itself: not more often than this. */
const MIN_HEALTH_INTERVAL_MS = 50;
/** A timer runs 24.8 days at most, and a tenth of the interval comes on top. */
const MAX_HEALTH_INTERVAL_MS = 24 * 3_600_000;
const MAX_HEALTH_COUNT = 1000;

/** How the master finds out which servers are well, in a group of its own. */
export const HEALTH_CHECK_SETTINGS = {
  intervalMs: {
    key: 'interval',
    kind: duration(MIN_HEALTH_INTERVAL_MS, MAX_HEALTH_INTERVAL_MS),
    default: '5s',
    about: 'From one probe of a server to the next, give or take a tenth.',
    applies: 'live',
  },
  /** Of one probe, connecting included. */
  timeoutMs: {
    key: 'timeout',
    kind: duration(1),
    default: '1s',
    about: 'How long a probe may take, connecting included.',
    applies: 'live',
  },
  /** Probes in a row that fail before a server is down. */
  failures: {
    key: 'failures',
    kind: count(1, MAX_HEALTH_COUNT),
    default: '3',
    about: 'Probes in a row that fail before the server is down, and out of the ring.',
    applies: 'live',
  },
  /** Probes in a row that succeed before it is up again, unless it keeps toggling. */
  successes: {
    key: 'successes',
    kind: count(1, MAX_HEALTH_COUNT),
    default: '2',
    about:
      'Probes in a row that succeed before it is up again. Twice as many each time it goes down within ten minutes ' +
      'of its return, up to 32 times as many.',
    applies: 'live',
  },
} as const satisfies SettingTable;
