import { addressText } from '../config/address.ts';
import { poolSettingChanges, type SettingChange, topSettingChanges } from '../config/changes/setting-changes.ts';
import type { Config, PoolConfig, ServerConfig } from '../config/config.ts';
import { keyMovements, type Movement } from './key-movement.ts';
import { serverShares } from './pool-ring.ts';

/** One server on one side. */
export interface ServerState {
  readonly name: string;
  readonly address: string;
  readonly weight: number;
  /** The part of all keys it gets. */
  readonly share: number;
}

export interface ServerChange {
  /** `changed`: name, address or weight; what a server loses to others, or gets from them, shows in its share. */
  readonly change: 'added' | 'removed' | 'changed' | 'kept';
  readonly old: ServerState | null;
  readonly new: ServerState | null;
}

export interface PoolDiff {
  readonly name: string;
  /** Another than `name` when the pool was recognized by its listen address. */
  readonly oldName: string;
  readonly settings: readonly SettingChange[];
  readonly servers: readonly ServerChange[];
  readonly movements: readonly Movement[];
  /** What else becomes of the keys, in words. */
  readonly notes: readonly string[];
  readonly isChanged: boolean;
}

export interface ConfigDiff {
  readonly settings: readonly SettingChange[];
  readonly poolsAdded: readonly PoolConfig[];
  readonly poolsRemoved: readonly PoolConfig[];
  /** The pools of both files, in the order of the new one. */
  readonly pools: readonly PoolDiff[];
  /** What else changes with the form of the file, in words. */
  readonly notes: readonly string[];
}

/** What becomes another when `from` is replaced by `to`; the forms of the files don't matter. */
export function diffConfigs(from: Config, to: Config): ConfigDiff {
  const pairs = pairUp(
    from.pools,
    to.pools,
    (a, b) => a.name === b.name,
    (a, b) => a.listen !== null && b.listen !== null && addressText(a.listen) === addressText(b.listen),
  );
  return {
    settings: topSettingChanges(from, to),
    poolsAdded: pairs.flatMap(([old, now]) => (old === null ? [now as PoolConfig] : [])),
    poolsRemoved: pairs.flatMap(([old, now]) => (now === null ? [old as PoolConfig] : [])),
    pools: pairs.flatMap(([old, now]) => (old !== null && now !== null ? [diffPools(old, now)] : [])),
    notes: from.form === to.form ? [] : [STATISTICS_NOTE],
  };
}

const STATISTICS_NOTE =
  "the statistics port of twemproxy is on by default with twemproxy's form only: give -s to have it with either";

function diffPools(from: PoolConfig, to: PoolConfig): PoolDiff {
  const settings = poolSettingChanges(from, to);
  const servers = diffServers(from, to);
  return {
    name: to.name,
    oldName: from.name,
    settings,
    servers,
    movements: keyMovements(from, to),
    notes: notesOn(from, to),
    isChanged: from.name !== to.name || settings.length > 0 || servers.some(({ change }) => change !== 'kept'),
  };
}

function diffServers(from: PoolConfig, to: PoolConfig): ServerChange[] {
  const [sharesBefore, sharesAfter] = [serverShares(from), serverShares(to)];
  const pairs = pairUp(
    from.servers,
    to.servers,
    (a, b) => a.name === b.name,
    (a, b) => addressText(a.address) === addressText(b.address),
  );
  return pairs.map(([a, b]) => {
    const old = a === null ? null : stateOf(a, sharesBefore[from.servers.indexOf(a)]!);
    const now = b === null ? null : stateOf(b, sharesAfter[to.servers.indexOf(b)]!);
    if (old === null || now === null) return { change: old === null ? 'added' : 'removed', old, new: now };
    const isKept = old.name === now.name && old.address === now.address && old.weight === now.weight;
    return { change: isKept ? 'kept' : 'changed', old, new: now };
  });
}

function stateOf({ name, address, weight }: ServerConfig, share: number): ServerState {
  return { name, address: addressText(address), weight, share };
}

function notesOn(from: PoolConfig, to: PoolConfig): string[] {
  const notes: string[] = [];
  if (from.protocol !== to.protocol) notes.push('the pool speaks another protocol: its clients and servers must too');
  if (from.redisDb !== to.redisDb) notes.push('redis_db changes: every key is looked up in another database');
  return notes;
}

/**
 * Pairs what is the same by the first rule, then of the rest what is by the next. Unpaired ones stand with null; those
 * of `before` alone come last.
 */
function pairUp<T>(
  before: readonly T[],
  after: readonly T[],
  ...rules: readonly ((a: T, b: T) => boolean)[]
): [T | null, T | null][] {
  const partners = new Map<T, T>();
  const rest = new Set(before);
  for (const isSame of rules) {
    for (const b of after) {
      if (partners.has(b)) continue;
      for (const a of rest) {
        if (!isSame(a, b)) continue;
        partners.set(b, a);
        rest.delete(a);
        break;
      }
    }
  }
  return [
    ...after.map((b): [T | null, T | null] => [partners.get(b) ?? null, b]),
    ...[...rest].map((a): [T, null] => [a, null]),
  ];
}
