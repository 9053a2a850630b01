import { count, durationOrOff, flag } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

/** All are kept by the master and by each worker. */
const MAX_SLOWLOG_LENGTH = 10_000;
const MAX_SAMPLE_ONE_IN = 1_000_000;

/** Which requests are told of: the slow log, and what is sampled of the traffic. */
export const TRAFFIC_SETTINGS = {
  /** From being read to being answered; null: none is slow. */
  slowlogThresholdMs: {
    key: 'slowlog_threshold',
    kind: durationOrOff(),
    default: '10ms',
    about:
      'A request that takes so long or longer, from being read to being answered, is in the slow log; `off`: none is.',
    applies: 'live',
  },
  slowlogLength: {
    key: 'slowlog_length',
    kind: count(1, MAX_SLOWLOG_LENGTH),
    default: '128',
    about: 'Slow requests that are kept: the newest, over all workers.',
    applies: 'live',
  },
  slowlogHideKeys: {
    key: 'slowlog_hide_keys',
    kind: flag(),
    default: 'false',
    about: 'Leave the keys out of the slow log.',
    applies: 'live',
  },
  slowlogToLog: {
    key: 'slowlog_to_log',
    kind: flag(),
    default: 'false',
    about: 'Write a line into the log for each slow request, too. The log holds back what comes too fast.',
    applies: 'live',
  },
  /** 0: none. */
  sampleOneIn: {
    key: 'sample_one_in',
    kind: count(0, MAX_SAMPLE_ONE_IN),
    default: '100',
    about:
      'One request in so many is looked at to find hot keys and busy clients; large values and requests of many keys are ' +
      'found among all. 0: nothing is looked at.',
    applies: 'live',
  },
  hotkeysHide: {
    key: 'hotkeys_hide',
    kind: flag(),
    default: 'false',
    about: 'Show the keys that are hot or large as hashes.',
    applies: 'live',
  },
} as const satisfies SettingTable;
