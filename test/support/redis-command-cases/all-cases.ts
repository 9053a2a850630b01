import type { CaseList } from './command-case.ts';
import { CONNECTION_CASES } from './connection.ts';
import { GEO_CASES } from './geo.ts';
import { HASHES_CASES } from './hashes.ts';
import { KEYS_CASES } from './keys.ts';
import { LISTS_CASES } from './lists.ts';
import { SCRIPTS_CASES } from './scripts.ts';
import { SETS_CASES } from './sets.ts';
import { SORTED_SETS_CASES } from './sorted-sets.ts';
import { STREAMS_CASES } from './streams.ts';
import { STRINGS_CASES } from './strings.ts';

/** By the name in the command table. */
export const COMMAND_CASES: Readonly<Record<string, CaseList>> = {
  ...CONNECTION_CASES,
  ...KEYS_CASES,
  ...STRINGS_CASES,
  ...HASHES_CASES,
  ...LISTS_CASES,
  ...SETS_CASES,
  ...SORTED_SETS_CASES,
  ...GEO_CASES,
  ...STREAMS_CASES,
  ...SCRIPTS_CASES,
};

/** Commands that have a test of their own, and why. */
export const TESTED_APART: Readonly<Record<string, string>> = {
  quit: 'it ends the connection',
  // The slow requests are those of the pool, not of a server.
  'slowlog|get': 'integration/slowlog',
  'slowlog|len': 'integration/slowlog',
  'slowlog|reset': 'integration/slowlog',
  blmove: 'integration/redis-blocking',
  blmpop: 'integration/redis-blocking',
  blpop: 'integration/redis-blocking',
  brpop: 'integration/redis-blocking',
  brpoplpush: 'integration/redis-blocking',
  bzmpop: 'integration/redis-blocking',
  bzpopmax: 'integration/redis-blocking',
  bzpopmin: 'integration/redis-blocking',
  wait: 'integration/redis-blocking',
  discard: 'integration/redis-transactions',
  exec: 'integration/redis-transactions',
  multi: 'integration/redis-transactions',
  unwatch: 'integration/redis-transactions',
  watch: 'integration/redis-transactions',
};
