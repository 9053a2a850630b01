import type { FailureReason } from '../../request/failure.ts';
import type { ReplyOut } from '../../request/request.ts';
import type { Coalescer } from '../protocol.ts';
import { encodeRequest, errorReply, simpleReply } from './resp.ts';
import type { RedisSession } from './session.ts';

export const NO_SUCH_PROTOCOL = errorReply('NOPROTO unsupported protocol version');
/** What servers are asked on connections of RESP3, to see whether there are any. */
export const PROOF_REQUEST = encodeRequest('PING');
const PONG = simpleReply('PONG');
/** It may speak RESP3, and can't be asked: what is sent to it will fail in other words. */
const UNKNOWN = simpleReply('UNKNOWN');

/**
 * The answer to HELLO 3, which waits for what the servers speak: each is asked something in RESP3. Where one does not know it,
 * the client reads NOPROTO and stays with RESP2, which its library can do as well.
 */
export class Resp3Proof implements Coalescer {
  private readonly session: RedisSession;
  private readonly promise: Buffer;
  private readonly onProven: () => void;

  /** `promise` is what the client reads where all is well; `onProven`: all servers have answered in RESP3. */
  constructor(session: RedisSession, promise: Buffer, onProven: () => void) {
    this.session = session;
    this.promise = promise;
    this.onProven = onProven;
  }

  failedPart(reason: FailureReason): Buffer {
    return reason === 'server_version' ? NO_SUCH_PROTOCOL : UNKNOWN;
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const isRefused = parts.includes(NO_SUCH_PROTOCOL);
    if (isRefused) this.session.speak(2);
    else if (parts.every(part => part.equals(PONG))) this.onProven();
    out.appendOwned(isRefused ? NO_SUCH_PROTOCOL : this.promise);
  }
}
