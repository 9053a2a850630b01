import type { PoolName } from './pools.ts';

/** What a test waits for: in all pools of Ringmaster, or in those that are named. */
type Needs = string | Partial<Record<PoolName, string>>;

/**
 * Tests that fail through Ringmaster today, by app and behaviour, and the capability that they wait for.
 * They run and are expected to fail; one that passes fails the run until it is taken off this list.
 */
export const NOT_YET: Readonly<Record<string, Readonly<Record<string, Needs>>>> = {
  'bee-queue': {
    'jobs of before and after the worker started': 'blocking commands, Pub/Sub, transactions',
    'retries: twice in vain, then done; or failed for good': 'blocking commands, Pub/Sub, transactions',
    'delayed jobs run in the order of their times, and not before': 'blocking commands, Pub/Sub, transactions',
    'many jobs saved at once': 'blocking commands, Pub/Sub, transactions',
    'a worker is killed at work: another does its job': 'blocking commands, Pub/Sub, transactions',
  },
  bull: {
    'jobs of before and after the worker started': 'blocking commands, Pub/Sub, transactions',
    'retries: twice in vain, then done; or failed for good': 'blocking commands, Pub/Sub, transactions',
    'delayed jobs run in the order of their times, and not before': 'blocking commands, Pub/Sub, transactions',
    'a repeated job, until it is removed': 'blocking commands, Pub/Sub, transactions',
    'paused everywhere, and resumed': 'blocking commands, Pub/Sub, transactions',
    'a worker is killed at work: another does its job': 'blocking commands, Pub/Sub, transactions',
  },
  bullmq: {
    'jobs of before and after the worker started': 'blocking commands, transactions',
    'retries: twice in vain, then done; or failed for good': 'blocking commands, transactions',
    'delayed jobs run in the order of their times, and not before': 'blocking commands, transactions',
    'the urgent first': 'blocking commands, transactions',
    'a flow: the parent after its children': 'blocking commands, transactions',
    'a scheduler repeats until it is removed': 'blocking commands, transactions',
    'a worker is killed at work: another does its job': 'blocking commands, transactions',
  },
  'cache-manager': {
    'what is set for a time goes away': 'transactions',
    'clear clears': { 'three servers': 'SCAN over all servers' },
  },
  celery: {
    'tasks of before and after the worker started, retries, countdowns, control':
      'blocking commands, Pub/Sub, transactions',
    'a worker is killed at work: another does its task': 'blocking commands, Pub/Sub, transactions',
    'a chord: its body after its header': 'blocking commands, Pub/Sub, transactions',
  },
  'connect-redis': {
    'clear ends all sessions and nothing else': { 'three servers': 'SCAN over all servers' },
  },
  ioredis: {
    'multi and exec': 'transactions',
    'multi one by one, with a fault in the middle of it': 'transactions',
    'a transaction that was discarded has done nothing': 'transactions',
    'watch: another writer makes exec answer null': 'transactions',
    'twenty clients count by watch, multi and exec': 'transactions',
    'scan stream finds every key': { 'three servers': 'SCAN over all servers' },
    'keys, dbsize, flushdb': { 'three servers': 'KEYS and FLUSHDB over all servers' },
    'pub/sub: channels and patterns': 'Pub/Sub',
    'a blocking pop gets what is pushed later': 'blocking commands',
    'db: 1 is apart from db: 0': 'databases',
    // ioredis takes a script for loaded once it has sent it over this connection.
    'a script defined as a command': { 'three servers': 'scripts remembered for servers that do not have them' },
  },
  iovalkey: {
    'multi and exec, with a fault in the middle of it': 'transactions',
    'scan stream finds every key': { 'three servers': 'SCAN over all servers' },
    'pub/sub': 'Pub/Sub',
    'a blocking pop gets what is pushed later': 'blocking commands',
    'db: 1 is apart from db: 0': 'databases',
  },
  keyv: {
    'many keys at once': 'transactions',
    'clear empties its namespace and no other': { 'three servers': 'SCAN over all servers' },
    'iterator gives every entry': { 'three servers': 'SCAN over all servers' },
  },
  'node-redis': {
    'multi and exec, RESP3': 'transactions',
    'multi and exec, RESP2': 'transactions',
    'pub/sub: channels and patterns, RESP3': 'Pub/Sub',
    'pub/sub: channels and patterns, RESP2': 'Pub/Sub',
    'a fault in a transaction rejects it and the rest was done': 'transactions',
    'watch: another writer makes exec throw WatchError': 'transactions',
    'scan iterator finds every key': { 'three servers': 'SCAN over all servers' },
    'a blocking pop gets what is pushed later': 'blocking commands',
    'streams: a blocking group reader gets what is added later': 'blocking commands',
    'database: 1 is apart from database: 0': 'databases',
  },
  'node-resque': {
    'jobs of before and after the worker started': 'transactions',
    'retries: twice in vain, then done; or failed for good': 'transactions',
    'delayed jobs are moved by the one scheduler that leads': 'transactions',
    'a worker is killed at work: the scheduler gives its job to another': 'transactions',
  },
  phpredis: {
    'multi and exec': 'transactions',
    'scan finds every key': { 'three servers': 'SCAN over all servers' },
    'a blocking pop': 'blocking commands',
  },
  'rate-limiter-flexible': {
    'ioredis, not ready rejects: ten of thirty': 'transactions',
    'ioredis, not ready waits: ten of thirty': 'transactions',
  },
  'redis-py': {
    'the default pipeline is a transaction': 'transactions',
    'a fault in a transaction is raised and the rest was done': 'transactions',
    'watch: ten threads count without loss': 'transactions',
    'pub/sub: channels and patterns': 'Pub/Sub',
    'scan_iter finds every key': { 'three servers': 'SCAN over all servers' },
    'a blocking pop gets what is pushed later': 'blocking commands',
    'db=1 is apart from db=0': 'databases',
  },
  rq: {
    'jobs of before and after the worker started, each done once': 'blocking commands, Pub/Sub, transactions',
    'retries, failures and jobs that wait for others': 'blocking commands, Pub/Sub, transactions',
    'a scheduled job is not done before its time': 'blocking commands, Pub/Sub, transactions',
    'a work horse is killed at work: the job is tried again': 'blocking commands, Pub/Sub, transactions',
  },
  sidekiq: {
    'jobs of before and after the worker started': 'blocking commands, transactions',
    'retries, scheduled jobs and bulk pushes': 'blocking commands, transactions',
    'a worker is ended at work: it gives the job back, and another does it': 'blocking commands, transactions',
  },
  'socket-io-adapter': {
    'two servers are one chat, with ioredis': 'Pub/Sub',
    'two servers are one chat, with node-redis': 'Pub/Sub',
    'two servers are one chat, by sharded channels': 'Pub/Sub',
  },
  'socket-io-streams': {
    'two servers are one chat, with ioredis': 'blocking commands, Pub/Sub',
    'two servers are one chat, with node-redis': 'blocking commands, Pub/Sub',
    'a client that was cut off is told what it missed': 'blocking commands, Pub/Sub',
  },
};

/** What this test waits for, or undefined when it has to pass. */
export function missingFor(app: string, pool: PoolName, behaviour: string): string | undefined {
  if (pool === 'direct') return undefined;
  const needs = NOT_YET[app]?.[behaviour];
  return typeof needs === 'object' ? needs[pool] : needs;
}
