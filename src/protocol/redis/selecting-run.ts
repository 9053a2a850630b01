import type { ReplyTransform, TransformOut } from '../reply-transform.ts';
import { STAR } from './resp.ts';
import type { RedisSession } from './session.ts';

/** The reply to EXEC of a transaction with a SELECT in it: where it was run, the client is in the other database. */
export class SelectingRun implements ReplyTransform {
  private readonly session: RedisSession;
  private readonly database: number;
  private head = '';
  private hasRun = false;

  constructor(session: RedisSession, database: number) {
    this.session = session;
    this.database = database;
  }

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void {
    // `*-1` says that a watched key has changed.
    if (this.head.length < 2) {
      this.head += buf.toString('latin1', start, Math.min(end, start + 2 - this.head.length));
      this.hasRun = this.head.charCodeAt(0) === STAR && this.head[1] !== '-';
    }
    out.append(buf, start, end);
    if (isLast && this.hasRun) this.session.select(this.database);
  }

  failure(): null {
    return null;
  }
}
