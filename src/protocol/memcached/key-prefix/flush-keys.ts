import type { KeySweep, ServerSweep } from '../../key-sweep.ts';
import { FLUSHED } from '../replies.ts';
import { ServerFlush } from './server-flush.ts';

/** Whoever keeps a delay must have it when it is over, whatever dies meanwhile: servers do, and flush all of their keys then. */
export const DELAYED_FLUSH_TEXT = 'flush_all with a delay is not allowed under a key_prefix';

const STEP_REPLY_MAX_BYTES = 1024 * 1024;
const COMMAND = 'flush_all under a key_prefix';
const SOME_ARE_LEFT = '; some of the keys may be removed';

/** flush_all under a prefix: every server lists its keys, and is told to delete those with the prefix. */
export class FlushKeys implements KeySweep {
  readonly removes = true;
  readonly keptBytes = 0;
  readonly maxBytes = STEP_REPLY_MAX_BYTES;
  readonly tooLarge: Buffer = this.refusal('a server answered too much to deletions');
  readonly overdue: Buffer = this.refusal('took longer than the setting sweep_timeout of this pool');
  readonly neverBegun: Buffer = Buffer.from(
    `SERVER_ERROR ${COMMAND} was not begun within sweep_timeout: max_sweeps of such requests go on at once\r\n`,
  );
  private readonly prefix: Buffer;

  constructor(prefix: Buffer) {
    this.prefix = prefix;
  }

  restart(): void {}

  begin(): ServerSweep {
    return new ServerFlush(this.prefix, why => this.refusal(why));
  }

  beginAgain(): boolean {
    return false;
  }

  reply(): Buffer {
    return FLUSHED;
  }

  private refusal(why: string): Buffer {
    return Buffer.from(`SERVER_ERROR ${COMMAND}: ${why}${SOME_ARE_LEFT}\r\n`, 'latin1');
  }
}
