import type { PoolConfig } from '../config/config.ts';
import type { Half } from '../config/tables/ring-settings.ts';

/** The pool before and after; only ring and servers differ. With the files of its TLS read (`PoolConfig.tls`). */
export interface Placements {
  readonly from: PoolConfig;
  readonly to: PoolConfig;
}

/** The way that keys go now. */
export interface Way extends Placements {
  readonly half: Half;
}

/** Keys that take a server longer than the longest step: moved when all others are, or left for the operator. */
export type BigKeyRule = 'wait' | 'leave';

export interface SurveyJob extends Placements {
  readonly type: 'survey';
  /** Keys of each server that are looked at. */
  readonly sampleKeys: number;
  readonly paceBytes: number;
  readonly maxStepMs: number;
  /** How long servers may need that can't list their keys; null: such are in the way. */
  readonly ttlMs: number | null;
}

/** Counts the keys that lie on servers that do not have them in `from`, all of them, and removes them if wanted. */
export interface OrphanJob extends Placements {
  readonly type: 'orphans';
  readonly isRemoving: boolean;
  /** Addresses of servers whose keys nobody can list: what is theirs there is taken as it is. */
  readonly unlisted: readonly string[];
}

export interface MoveJob extends Way {
  readonly type: 'move';
  /** A second. */
  readonly paceBytes: number;
  readonly maxStepMs: number;
  readonly bigKeys: BigKeyRule;
  /** Addresses of servers whose keys nobody can list; they are left out. */
  readonly unlisted: readonly string[];
  /** Keys go back to where they came from. */
  readonly isBack: boolean;
}

export type MoverJob = SurveyJob | OrphanJob | MoveJob;

/** What the master says to a mover after its job. */
export type ToMover =
  | { readonly type: 'pace'; readonly paceBytes: number }
  | { readonly type: 'bigKeys'; readonly bigKeys: BigKeyRule };

export interface SurveyedServer {
  readonly address: string;
  readonly isFrom: boolean;
  readonly isTo: boolean;
  /** null: it does not answer. */
  readonly version: string | null;
  readonly keys: number;
  readonly usedBytes: number;
  /** 0: no limit. */
  readonly maxBytes: number;
}

export interface BigKey {
  /** As text; in quotes where it is none. */
  readonly key: string;
  readonly server: string;
  readonly bytes: number;
  /** How long it is expected to keep its server. */
  readonly stepMs: number;
}

/** Who has connections to the servers that keys move from. */
export interface ConnectedHost {
  /** As the servers see it. */
  readonly host: string;
  readonly connections: number;
  /** It is the host of this process. */
  readonly isHere: boolean;
}

export interface KeyFlow {
  readonly from: string;
  readonly to: string;
  readonly keys: number;
  readonly bytes: number;
}

/** What a survey found. Numbers of keys and bytes are extrapolated from the sample unless `isWhole`. */
export interface SurveyReport {
  readonly servers: readonly SurveyedServer[];
  readonly sampledKeys: number;
  /** Every key was looked at. */
  readonly isWhole: boolean;
  readonly keys: number;
  readonly movingKeys: number;
  readonly movingBytes: number;
  readonly flows: readonly KeyFlow[];
  /** The largest first. */
  readonly biggest: readonly BigKey[];
  /** Of those looked at, how many take longer than the longest step. */
  readonly bigKeys: number;
  readonly orphans: readonly { readonly server: string; readonly keys: number }[];
  readonly seconds: number;
  /** Addresses of servers that can't list their keys: these move when they are asked for. */
  readonly unlisted: readonly string[];
  /** Servers would give keys to each other, and wait for each other: it has to go in halves. */
  readonly isMutual: boolean;
  /** A proxy that nobody named would be among them. */
  readonly connected: readonly ConnectedHost[];
  /** What has to be put right first. */
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
}

/** How far a mover is, since it was started. */
export interface MoveProgress {
  /** Walks over all servers that have begun. */
  readonly passes: number;
  readonly keysSeen: number;
  readonly keysMoved: number;
  readonly bytesMoved: number;
  /** Keys too big for a step that wait or are left; the first 100. */
  readonly big: readonly BigKey[];
  /** Why it gets no further for the moment; it tries again. */
  readonly trouble: string | null;
}

/** What a mover says to the master. */
export type FromMover =
  | { readonly type: 'surveyed'; readonly report: SurveyReport }
  | { readonly type: 'orphans'; readonly found: readonly { readonly server: string; readonly keys: number }[] }
  | { readonly type: 'progress'; readonly progress: MoveProgress }
  /** Nothing that moves is left where it was, but for `left` keys that are too big. */
  | { readonly type: 'moved'; readonly progress: MoveProgress; readonly left: number }
  | { readonly type: 'failed'; readonly why: string };
