import type { FailureReason } from '../../../request/failure.ts';
import type { ReplyOut } from '../../../request/request.ts';
import type { Coalescer } from '../../protocol.ts';
import { failureReply } from '../request-errors.ts';
import { MINUS } from '../resp.ts';

const NOT_BUSY = '-NOTBUSY';

/** SCRIPT KILL, FUNCTION KILL: done where one server has done it; else the error that says more than that there was nothing to do. */
export class OneSucceededCoalescer implements Coalescer {
  failedPart(reason: FailureReason): Buffer {
    return failureReply(reason);
  }

  merge(parts: readonly Buffer[], _owners: Int32Array, out: ReplyOut): void {
    const done = parts.find(part => part[0] !== MINUS);
    const telling = parts.find(part => part.toString('latin1', 0, NOT_BUSY.length) !== NOT_BUSY);
    out.appendOwned(done ?? telling ?? parts[0]!);
  }
}
