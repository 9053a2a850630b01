import type { Config, PoolConfig } from '../config/config.ts';
import type { AuditEntry } from '../figures/audit-entry.ts';
import type { SlowLogEntry, SlowRequest } from '../figures/slow-request.ts';
import type { ProcessSnapshot } from '../figures/statistics.ts';
import type { TrafficInsight } from '../figures/traffic-insight.ts';
import type { LogLevel } from '../system/log.ts';
import { type ClusterTopology, isTopology } from './cluster-topology.ts';
import { isReshardState, type ReshardState } from './reshard-state.ts';

/*
 * What master and workers say to each other. Anything else is refused: both ends are the same program, so an unknown
 * message is a mistake that should be seen. Checked by hand, because a worker that takes a dead one's place has no
 * time to load a schema library.
 */

/**
 * Of what is below; it grows with every change of it. The files of a program may be replaced while its master runs: the
 * workers that it starts from then on are of another version, and must not guess.
 */
export const IPC_VERSION = 18;

/** A server, by its names, that is to be out of the ring, and why. */
export interface OutServer {
  readonly pool: string;
  readonly server: string;
  readonly why: string;
  /** Requests to it fail, and `why` is their FailureReason; else health checks find it down. A server may be both. */
  readonly isEjected: boolean;
}

/** What is refused in a pool because an operator said so. */
export interface Blocked {
  readonly pool: string;
  readonly kind: 'key' | 'prefix' | 'command' | 'client';
  readonly value: string;
}

/** A topic that clients of a worker have subscribed to, and how many of them its server does not see; see upstream/crowd.ts. */
export type CrowdRow = readonly [kind: number, name: string, beyond: number];

/** A pool's configuration, or the name of a pool that the worker serves by this very configuration already. */
export type HandedPool = PoolConfig | string;

export type AddressCount = readonly [address: string, count: number];

/** Whose connections are limited together. */
export type PlaceScope = 'pool' | 'address' | 'user';

export type ToWorker =
  /** First message. `level`: an operator may have changed it since the configuration was read. */
  | {
      readonly type: 'start';
      readonly version: number;
      readonly slot: number;
      readonly config: Config;
      readonly level: LogLevel;
    }
  /** Comes with the bound socket of this worker slot for a pool; used by the next `switch`. */
  | { readonly type: 'socket'; readonly pool: string }
  /**
   * Pools of the configuration that a `prepare` with this id will complete: a large one comes in parts, so that no message
   * keeps clients waiting. Build what they need, and say `took` or `refused`.
   */
  | { readonly type: 'pools'; readonly id: number; readonly pools: readonly HandedPool[] }
  /**
   * Build what this configuration needs, whose pools are those that came before and these, and say `prepared` or `refused`.
   * It has none itself.
   */
  | { readonly type: 'prepare'; readonly id: number; readonly config: Config; readonly pools: readonly HandedPool[] }
  /** Serve by what was prepared; say `switched` once all listeners accept. */
  | { readonly type: 'switch'; readonly id: number }
  /** Forget what was prepared and its sockets. */
  | { readonly type: 'abandon'; readonly id: number }
  /** Answer what is pending, close, exit. */
  | { readonly type: 'drain' }
  /** Send a `report` with this id. */
  | { readonly type: 'report'; readonly id: number }
  /** Places for so many more clients of the pool, or of an address or user in it (`scope`, `name`): the answer to `ask`. */
  | {
      readonly type: 'grant';
      readonly pool: string;
      readonly scope: PlaceScope;
      readonly name: string;
      readonly count: number;
      readonly isForced: boolean;
    }
  /** Give back the places that no client has. */
  | { readonly type: 'recall'; readonly pool: string; readonly scope: PlaceScope; readonly name: string }
  /** So many units of a rate, and the tokens in them: the answer to `askShare`. */
  | { readonly type: 'share'; readonly key: string; readonly units: number; readonly tokens: number }
  /** Give back what is not needed of a rate, and all units above `keep`. */
  | { readonly type: 'recallShare'; readonly key: string; readonly keep: number }
  /** The servers that are out of the ring; all others are in it. */
  | { readonly type: 'health'; readonly out: readonly OutServer[] }
  /** What is blocked; all else is not. Say `blocking` once it is so. */
  | { readonly type: 'block'; readonly id: number; readonly blocked: readonly Blocked[] }
  /** Who has which keys of a pool that is a cluster. */
  | { readonly type: 'topology'; readonly pool: string; readonly topology: ClusterTopology }
  /**
   * How far a pool is between two rings; null: it has the one of its configuration. Say `resharding` once it is in force (in
   * hold: all that was sent before for keys that move is answered), or `notResharding`.
   */
  | { readonly type: 'reshard'; readonly id: number; readonly pool: string; readonly state: ReshardState | null }
  /** New entries of a pool's slow log, from all workers; `isWhole`: it has no others. */
  | {
      readonly type: 'slowlog';
      readonly pool: string;
      readonly entries: readonly SlowLogEntry[];
      readonly isWhole: boolean;
    }
  /**
   * Say `clients` with this id, once it is done: a client of the pool asks, or without a pool an operator, for a ClientPage by
   * a ClientSearch (figures/client-row.ts).
   */
  | { readonly type: 'clients'; readonly id: number; readonly pool: string | null; readonly question: object }
  /** The answer to `askClients`; without `isWhole` some worker has not answered in time. */
  | {
      readonly type: 'clientsAnswered';
      readonly id: number;
      readonly answers: readonly object[];
      readonly isWhole: boolean;
    }
  /**
   * What another worker, by its number, says of the subscribers to topics of a pool; `isWhole`: it has no others. Say
   * `crowdsKnown` with this id. Also of pools to come.
   */
  | {
      readonly type: 'crowds';
      readonly id: number;
      readonly pool: string;
      readonly worker: number;
      readonly crowds: readonly CrowdRow[];
      readonly isWhole: boolean;
    }
  /** All workers know what was said in `crowds` with this id, or are waited for no longer. */
  | { readonly type: 'crowdsTold'; readonly id: number }
  /**
   * The clients of a pool are paused until then, in ms since 1970, or what they ask that may write; 0: they are not. Say `paused`
   * with this id. Also of pools to come.
   */
  | {
      readonly type: 'pause';
      readonly id: number;
      readonly pool: string;
      readonly untilMs: number;
      readonly isOfWrites: boolean;
    }
  /** What a worker has said in `kept`. */
  | { readonly type: 'kept'; readonly pool: string; readonly change: object }
  /** Send an `insight` with this id. */
  | { readonly type: 'insight'; readonly id: number }
  /** Log to this file, or standard error, from this level on; `reopen` the file even if it is the same. */
  | { readonly type: 'log'; readonly level: LogLevel; readonly file: string | null; readonly reopen: boolean };

export type ToMaster =
  | { readonly type: 'took'; readonly id: number }
  | { readonly type: 'prepared'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly message: string }
  | { readonly type: 'switched'; readonly id: number }
  /** The worker drains of its own accord and exits; another should take its place now. */
  | { readonly type: 'leaving'; readonly why: string }
  /** The worker can't do its work; it exits after this. */
  | { readonly type: 'failed'; readonly message: string }
  /** Wants places for so many more clients, see `grant`, of which there may be `limit`; `isForced`: they are in already. */
  | {
      readonly type: 'ask';
      readonly pool: string;
      readonly scope: PlaceScope;
      readonly name: string;
      readonly limit: number;
      readonly count: number;
      readonly isForced: boolean;
    }
  /** Needs so many places no more; `isAnswer`: to `recall`. */
  | {
      readonly type: 'giveBack';
      readonly pool: string;
      readonly scope: PlaceScope;
      readonly name: string;
      readonly count: number;
      readonly isAnswer: boolean;
    }
  /** Wants so many more of the units that a rate has, which holds over all workers; see proxy/limits/rate-share.ts. */
  | {
      readonly type: 'askShare';
      readonly key: string;
      readonly perMs: number;
      readonly capacity: number;
      readonly ofUnits: number;
      readonly wants: number;
    }
  /** Needs so many units no more, with the tokens in them (below 0: what was used before it was there); `isAnswer`: to `recallShare`. */
  | {
      readonly type: 'giveShare';
      readonly key: string;
      readonly units: number;
      readonly tokens: number;
      readonly isAnswer: boolean;
    }
  /** A tenant is over this limit; null: it has not been for a while. */
  | {
      readonly type: 'limiting';
      readonly pool: string;
      readonly scope: string;
      readonly name: string;
      readonly over: string | null;
    }
  /** Wrong passwords of a pool's clients, by address, since that was last said; empty address: by a unix socket. */
  | { readonly type: 'wrongPasswords'; readonly pool: string; readonly addresses: readonly AddressCount[] }
  /** `failures` requests in a row to a server have failed: it should leave the ring of all workers; see `health`. */
  | {
      readonly type: 'trouble';
      readonly pool: string;
      readonly server: string;
      readonly reason: string;
      readonly failures: number;
    }
  /** Something hints at a change of a cluster: the master may ask it. */
  | { readonly type: 'hint'; readonly pool: string; readonly why: string }
  /** Last message of a worker that drained: how many clients it had to cut off. */
  | { readonly type: 'drained'; readonly clientsCut: number }
  | { readonly type: 'blocking'; readonly id: number }
  | { readonly type: 'resharding'; readonly id: number }
  /** It could not be brought into force; what was in force before still is. */
  | { readonly type: 'notResharding'; readonly id: number; readonly why: string }
  /** Requests that were slow. */
  | { readonly type: 'slow'; readonly requests: readonly SlowRequest[] }
  /** For the audit log; `dropped`: so many more there was no room for. */
  | { readonly type: 'audit'; readonly entries: readonly AuditEntry[]; readonly dropped: number }
  /** A client has emptied the slow log of its pool. */
  | { readonly type: 'clearSlowlog'; readonly pool: string }
  /** A client asks this about the clients of its pool in all workers: `clients` goes to each. What is in it the workers know. */
  | { readonly type: 'askClients'; readonly id: number; readonly pool: string; readonly question: object }
  /** The answer to `clients`. */
  | { readonly type: 'clients'; readonly id: number; readonly answer: object }
  /** So many subscribers to topics of a pool its servers do not see: `crowds` goes to all other workers, then `crowdsTold` here. */
  | { readonly type: 'crowds'; readonly id: number; readonly pool: string; readonly crowds: readonly CrowdRow[] }
  | { readonly type: 'crowdsKnown'; readonly id: number }
  /** What this worker knows of the servers of a pool is to be known to all: `kept` goes to each, this one too. */
  | { readonly type: 'kept'; readonly pool: string; readonly change: object }
  /** A client pauses the clients of its pool in all workers, or ends that; answered with `clientsAnswered`. */
  | {
      readonly type: 'pause';
      readonly id: number;
      readonly pool: string;
      readonly untilMs: number;
      readonly isOfWrites: boolean;
    }
  | { readonly type: 'paused'; readonly id: number }
  /** What was seen of the pools' traffic lately: the answer to `insight`. */
  | { readonly type: 'insight'; readonly id: number; readonly pools: readonly TrafficInsight[] }
  /**
   * A part of a report (ipc/report-format.ts, in base64); the last one has the figures of the process. `id`: of the `report`
   * it answers; null: of its own accord. Binary messages are no faster than base64 in JSON, which takes 30 µs for 20 KB.
   */
  | {
      readonly type: 'report';
      readonly id: number | null;
      readonly process: ProcessSnapshot | null;
      readonly figures: string;
    };

type Check = (value: unknown) => boolean;
type Fields<Message> = { readonly [Field in Exclude<keyof Message, 'type'>]: Check };
type Shapes<Message extends { readonly type: string }> = {
  readonly [Type in Message['type']]: Fields<Extract<Message, { readonly type: Type }>>;
};

const isCount: Check = value => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Check = value => Number.isFinite(value);
const isText: Check = value => typeof value === 'string';
const isFlag: Check = value => typeof value === 'boolean';
const isScope: Check = value => value === 'pool' || value === 'address' || value === 'user';
/** Plain data that was checked before it was sent. */
const isData: Check = value => typeof value === 'object' && value !== null;
const isList: Check = value => Array.isArray(value) && value.every(isData);
const isHandedPools: Check = value => Array.isArray(value) && value.every(each => isText(each) || isData(each));
const isOutServers: Check = value =>
  Array.isArray(value) &&
  value.every(each => isText(each?.pool) && isText(each.server) && isText(each.why) && isFlag(each.isEjected));
const isBlockedList: Check = value =>
  Array.isArray(value) && value.every(each => isText(each?.pool) && isText(each.kind) && isText(each.value));
const isCrowds: Check = value =>
  Array.isArray(value) &&
  value.every(row => Array.isArray(row) && row.length === 3 && isCount(row[0]) && isText(row[1]) && isCount(row[2]));
const isAddressCounts: Check = value =>
  Array.isArray(value) &&
  value.every(row => Array.isArray(row) && row.length === 2 && isText(row[0]) && isCount(row[1]));
const orNull =
  (check: Check): Check =>
  value =>
    value === null || check(value);

const TO_WORKER: Shapes<ToWorker> = {
  start: { version: isCount, slot: isCount, config: isData, level: isText },
  socket: { pool: isText },
  pools: { id: isCount, pools: isHandedPools },
  prepare: { id: isCount, config: isData, pools: isHandedPools },
  switch: { id: isCount },
  abandon: { id: isCount },
  drain: {},
  report: { id: isCount },
  grant: { pool: isText, scope: isScope, name: isText, count: isCount, isForced: isFlag },
  recall: { pool: isText, scope: isScope, name: isText },
  share: { key: isText, units: isCount, tokens: isNumber },
  recallShare: { key: isText, keep: isCount },
  health: { out: isOutServers },
  block: { id: isCount, blocked: isBlockedList },
  topology: { pool: isText, topology: isTopology },
  reshard: { id: isCount, pool: isText, state: orNull(isReshardState) },
  slowlog: { pool: isText, entries: isList, isWhole: isFlag },
  clients: { id: isCount, pool: orNull(isText), question: isData },
  clientsAnswered: { id: isCount, answers: isList, isWhole: isFlag },
  crowds: { id: isCount, pool: isText, worker: isCount, crowds: isCrowds, isWhole: isFlag },
  kept: { pool: isText, change: isData },
  crowdsTold: { id: isCount },
  pause: { id: isCount, pool: isText, untilMs: isCount, isOfWrites: isFlag },
  insight: { id: isCount },
  log: { level: isText, file: orNull(isText), reopen: isFlag },
};

const TO_MASTER: Shapes<ToMaster> = {
  took: { id: isCount },
  prepared: { id: isCount },
  refused: { id: isCount, message: isText },
  switched: { id: isCount },
  leaving: { why: isText },
  failed: { message: isText },
  ask: { pool: isText, scope: isScope, name: isText, limit: isCount, count: isCount, isForced: isFlag },
  giveBack: { pool: isText, scope: isScope, name: isText, count: isCount, isAnswer: isFlag },
  askShare: { key: isText, perMs: isNumber, capacity: isNumber, ofUnits: isCount, wants: isCount },
  giveShare: { key: isText, units: isCount, tokens: isNumber, isAnswer: isFlag },
  wrongPasswords: { pool: isText, addresses: isAddressCounts },
  limiting: { pool: isText, scope: isText, name: isText, over: orNull(isText) },
  trouble: { pool: isText, server: isText, reason: isText, failures: isCount },
  blocking: { id: isCount },
  resharding: { id: isCount },
  notResharding: { id: isCount, why: isText },
  hint: { pool: isText, why: isText },
  drained: { clientsCut: isCount },
  slow: { requests: isList },
  audit: { entries: isList, dropped: isCount },
  clearSlowlog: { pool: isText },
  askClients: { id: isCount, pool: isText, question: isData },
  clients: { id: isCount, answer: isData },
  kept: { pool: isText, change: isData },
  crowds: { id: isCount, pool: isText, crowds: isCrowds },
  crowdsKnown: { id: isCount },
  pause: { id: isCount, pool: isText, untilMs: isCount, isOfWrites: isFlag },
  paused: { id: isCount },
  insight: { id: isCount, pools: isList },
  report: { id: orNull(isCount), process: orNull(isData), figures: isText },
};

/** The message, or an Error that names what is wrong with it. */
export function readToWorker(message: unknown): ToWorker {
  check(TO_WORKER, message);
  return message as ToWorker;
}

/** The message, or an Error that names what is wrong with it. */
export function readToMaster(message: unknown): ToMaster {
  check(TO_MASTER, message);
  return message as ToMaster;
}

function check(shapes: Readonly<Record<string, Readonly<Record<string, Check>>>>, message: unknown): void {
  const fields = isData(message) ? (message as Readonly<Record<string, unknown>>) : {};
  const { type } = fields;
  if (typeof type !== 'string' || !Object.hasOwn(shapes, type)) {
    throw new Error(`unknown IPC message: ${JSON.stringify(type)}`);
  }
  // Before its shape: that may be another, too.
  if (type === 'start' && fields.version !== IPC_VERSION) {
    throw new Error(
      `the master speaks version ${JSON.stringify(fields.version)} of its language, this worker ${IPC_VERSION}: ` +
        'the program was replaced while it ran; stop it and start it again',
    );
  }
  const shape = shapes[type]!;
  for (const field of Object.keys(fields)) {
    if (field !== 'type' && !Object.hasOwn(shape, field)) throw new Error(`IPC message ${type}: unknown ${field}`);
  }
  for (const [field, isRight] of Object.entries(shape)) {
    if (!isRight(fields[field])) throw new Error(`IPC message ${type}: ${field} is not what it should be`);
  }
}
