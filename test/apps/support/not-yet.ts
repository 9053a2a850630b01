import type { PoolName } from './pools.ts';

/** What a test waits for: in all pools of Ringmaster, or in those that are named. */
type Needs = string | Partial<Record<PoolName, string>>;

/**
 * Tests that fail through Ringmaster today, by app and behaviour, and the capability that they wait for.
 * They run and are expected to fail; one that passes fails the run until it is taken off this list.
 */
export const NOT_YET: Readonly<Record<string, Readonly<Record<string, Needs>>>> = {
  'bee-queue': {
    'jobs of before and after the worker started': 'Pub/Sub',
    'retries: twice in vain, then done; or failed for good': 'Pub/Sub',
    'delayed jobs run in the order of their times, and not before': 'Pub/Sub',
    'many jobs saved at once': 'Pub/Sub',
    'a worker is killed at work: another does its job': 'Pub/Sub',
  },
  bull: {
    'jobs of before and after the worker started': 'Pub/Sub',
    'retries: twice in vain, then done; or failed for good': 'Pub/Sub',
    'delayed jobs run in the order of their times, and not before': 'Pub/Sub',
    'a repeated job, until it is removed': 'Pub/Sub',
    'paused everywhere, and resumed': 'Pub/Sub',
    'a worker is killed at work: another does its job': 'Pub/Sub',
  },
  'cache-manager': {
    'clear clears': { 'three servers': 'SCAN over all servers' },
  },
  celery: {
    'tasks of before and after the worker started, retries, countdowns, control': 'Pub/Sub',
    'a worker is killed at work: another does its task': 'Pub/Sub',
    'a chord: its body after its header': 'Pub/Sub',
  },
  'connect-redis': {
    'clear ends all sessions and nothing else': { 'three servers': 'SCAN over all servers' },
  },
  ioredis: {
    'scan stream finds every key': { 'three servers': 'SCAN over all servers' },
    'keys, dbsize, flushdb': { 'three servers': 'KEYS and FLUSHDB over all servers' },
    'pub/sub: channels and patterns': 'Pub/Sub',
    'db: 1 is apart from db: 0': 'databases',
    // ioredis takes a script for loaded once it has sent it over this connection.
    'a script defined as a command': { 'three servers': 'scripts remembered for servers that do not have them' },
  },
  iovalkey: {
    'scan stream finds every key': { 'three servers': 'SCAN over all servers' },
    'pub/sub': 'Pub/Sub',
    'db: 1 is apart from db: 0': 'databases',
  },
  keyv: {
    'clear empties its namespace and no other': { 'three servers': 'SCAN over all servers' },
    'iterator gives every entry': { 'three servers': 'SCAN over all servers' },
  },
  'node-redis': {
    'pub/sub: channels and patterns, RESP3': 'Pub/Sub',
    'pub/sub: channels and patterns, RESP2': 'Pub/Sub',
    'scan iterator finds every key': { 'three servers': 'SCAN over all servers' },
    'database: 1 is apart from database: 0': 'databases',
  },
  'node-resque': {
    'jobs of before and after the worker started': { 'three servers': 'SCAN over all servers' },
    'delayed jobs are moved by the one scheduler that leads': { 'three servers': 'SCAN over all servers' },
    'retries: twice in vain, then done; or failed for good': { 'three servers': 'SCAN over all servers' },
    'a worker is killed at work: the scheduler gives its job to another': { 'three servers': 'SCAN over all servers' },
  },
  phpredis: {
    'scan finds every key': { 'three servers': 'SCAN over all servers' },
  },
  'redis-py': {
    'pub/sub: channels and patterns': 'Pub/Sub',
    'scan_iter finds every key': { 'three servers': 'SCAN over all servers' },
    'db=1 is apart from db=0': 'databases',
  },
  'socket-io-adapter': {
    'two servers are one chat, with ioredis': 'Pub/Sub',
    'two servers are one chat, with node-redis': 'Pub/Sub',
    'two servers are one chat, by sharded channels': 'Pub/Sub',
  },
  'socket-io-streams': {
    'two servers are one chat, with ioredis': 'Pub/Sub',
    'two servers are one chat, with node-redis': 'Pub/Sub',
    'a client that was cut off is told what it missed': 'Pub/Sub',
  },
};

/** What this test waits for, or undefined when it has to pass. */
export function missingFor(app: string, pool: PoolName, behaviour: string): string | undefined {
  if (pool === 'direct') return undefined;
  const needs = NOT_YET[app]?.[behaviour];
  return typeof needs === 'object' ? needs[pool] : needs;
}
