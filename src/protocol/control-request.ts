import type { FailureReason } from '../request/failure.ts';
import type { ServerCredentials } from './traits.ts';

export interface HandshakeOptions {
  /** Null: the server lets anybody in. */
  readonly credentials: ServerCredentials | null;
  readonly db: number;
  /** Of which the connection is to be; see `Session.variant`. */
  readonly variant: number;
  /** Replies of a higher kind than `Protocol.plainReplyKind` will be asked for on it. */
  readonly isDemanding: boolean;
  /** The server has copies of another's keys, and is to be told that they may be read. Left out: it need not be. */
  readonly isReadAsReplica?: boolean;
}

/** A request the proxy makes itself. */
export interface ControlRequest {
  readonly bytes: Buffer;
  readonly replyKind: number;
  /** What is wrong with the reply, in a few words for the log, or null when it is as it should be. */
  check(reply: Buffer): string | null;
  /** Why requests fail when `check` finds something wrong with the reply. */
  failure(reply: Buffer): FailureReason;
}
