import type { ServerAddress } from '../config/address.ts';
import type { BigKey, OrphanJob, Placements, SurveyJob, SurveyReport, Way } from './mover-job.ts';
import type { Pace } from './pace.ts';

/** What a walk over the servers needs, and tells. */
export interface MoveContext {
  readonly pace: Pace;
  readonly maxStepMs: number;
  /** Keys that take longer than `maxStepMs` are moved too. */
  readonly movesBig: boolean;
  /** See `MoveJob`. */
  readonly unlisted: readonly string[];
  readonly isBack: boolean;
  onSeen(keys: number): void;
  onMoved(keys: number, bytes: number): void;
  /** A key that takes longer than `maxStepMs`, and is not moved in this walk. */
  onBig(key: BigKey): void;
}

/** Keys that move and were still where they were; how many of them this walk has left there because they are big. */
export interface PassResult {
  readonly found: number;
  readonly left: number;
}

/** A server does not do what it should; the message says which and what. Trying again may help. */
export class MoveTrouble extends Error {}

/** Open connections to all servers of both placements. */
export interface ServerWatch {
  /**
   * When this resolves, no server does any more what an earlier mover, a worker that died, or a server that gave up waiting has
   * asked of it. Nobody asks for anything new meanwhile. Rejects with a MoveTrouble.
   */
  untilQuiet(): Promise<void>;
  /**
   * When this resolves, every server has read what lay unread, when it was called, of connections that have ended: of a worker that
   * was killed. Rejects with a MoveTrouble.
   */
  untilRead(): Promise<void>;
  close(): void;
}

/** What a protocol brings to move keys between servers. Its methods reject with a MoveTrouble, and can be called again then. */
export interface ProtocolMover {
  /** What anybody has begun to do for a key is done, or never will be, after so long. */
  readonly settleMs: number;
  /** Keys can be moved to a server that is reached so. */
  canTake(address: ServerAddress): boolean;
  survey(job: SurveyJob): Promise<SurveyReport>;
  orphans(job: OrphanJob): Promise<readonly { readonly server: string; readonly keys: number }[]>;
  /** Connects to all servers, to see what they do. A server that is silent for `withinMs` is in trouble, then and later. */
  watch(placements: Placements, withinMs: number): Promise<ServerWatch>;
  /** One walk over all servers of `from`. */
  pass(way: Way, context: MoveContext): Promise<PassResult>;
}
