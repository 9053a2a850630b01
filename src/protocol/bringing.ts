// How keys get from one server of a pool to another while requests go on.
import type { FailureReason } from '../request/failure.ts';
import type { ServerCredentials } from './traits.ts';

/** Where the keys were, and where they are to be. */
export const SIDE_FROM = 0;
export const SIDE_TO = 1;
export type Side = typeof SIDE_FROM | typeof SIDE_TO;

/** What has come of a question to a server: its whole reply, or why there is none. */
export type Heard = (reply: Buffer | null, reason: FailureReason | null) => void;

/**
 * Keys of one server that are to be on another: the task of a protocol. It asks servers, step by step, until it calls one of
 * `done`, `apart` and `failed`, just once; from then on the keys are asked for at the other server, or requests for them fail.
 */
export interface BringTask {
  readonly keys: readonly Buffer[];
  /** Of connections on which the keys are asked for; see `BringWords.variantOf`. */
  readonly variant: number;
  /** Where the other server is reached. */
  readonly target:
    | { readonly host: string; readonly port: number }
    | { readonly path: string }
    | { readonly master: string };
  /** By which the other server lets in who brings the keys. */
  readonly credentials: ServerCredentials | null;
  /** It has ended, or nobody wants to know any more: nothing new is to be begun. */
  readonly isOver: boolean;
  /** All who want them now overwrite them: what they are now makes no difference. */
  readonly isOverwritten: boolean;
  /** Somebody who wants them changes what they are, and it has to last. */
  readonly isChanged: boolean;
  /** What is not at the other server by now is to be nowhere; see `ReshardState.isDropping`. */
  readonly isDropping: boolean;
  /** The keys come back: what was begun in the other direction may be half done. */
  readonly isBack: boolean;
  /** The first database of the pool. */
  readonly db: number;
  /** How long a server may take for its part of a step that it does with the other. */
  readonly stepTimeoutMs: number;
  /** A key that takes more memory is moved in parts, where its protocol can. */
  readonly wholeBytes: number;
  /** What is remembered of the server that the keys come from, as long as the connections to it last. */
  readonly source: SourceMemory;
  /**
   * Asks a server; what is asked of one server in one go is asked on one connection, in that order. `isLong`: it may need as
   * long as a step, beside its usual time. `replyKind`: `BringWords.replyKind` where it is left out.
   */
  ask(side: Side, bytes: Buffer, isLong: boolean, heard: Heard, replyKind?: number): void;
  /**
   * Waits until all servers that keys go to have done, or will never do, what may be on its way to them; `then` hears whether
   * that is so.
   */
  fence(then: (isQuiet: boolean) => void): void;
  /** They are at the other server, or nowhere; what is still asked then concerns the task alone. */
  done(): void;
  /** Each is to be brought on its own. */
  apart(): void;
  /** `words`: of the server, for the log. */
  failed(words: string): void;
}

/** A protocol's own, for all tasks with keys of one server. */
export interface SourceMemory {
  /** How many steps of anybody's have failed in the middle, of which all that came was seen; below 0: nobody knows. */
  fencedFailures: number;
}

/** How a protocol brings keys. */
export interface BringWords {
  /** On connections of which variant the keys of a client of this one are brought; keys of several are different keys. */
  variantOf(variant: number): number;
  /** Keys of one task. */
  readonly maxKeys: number;
  /** Keys that were brought, or are nowhere, stay so until the change of the ring is over: they need not be brought again. */
  readonly isFinal: boolean;
  /** A task that was begun asks on to its end when nobody waits for it any more: what it leaves half done is in the way of others. */
  readonly isFinished: boolean;
  readonly replyKind: number;
  /** `buf[start, end)` is a name of what is kept on servers while keys are brought: no client may use it then. */
  isOwnName(buf: Buffer, start: number, end: number): boolean;
  /** What tells `SourceMemory.fencedFailures` of a server; null: nobody has to know. */
  readonly failures: { readonly request: Buffer; countOf(reply: Buffer): number } | null;
  bring(task: BringTask): void;
  /** Asked on a connection of its own, to see what a server has on its others; see `isQuiet`. */
  readonly listClients: Buffer;
  /**
   * By its reply the server has none of the connections `ends` any more, and no request of which only a part has come. Text: it
   * does not say, in its words.
   */
  isQuiet(reply: Buffer, ends: readonly string[]): boolean | string;
}
