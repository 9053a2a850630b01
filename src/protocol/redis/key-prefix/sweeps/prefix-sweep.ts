import type { KeySweep, MovingKeys, ServerSweep } from '../../../key-sweep.ts';
import { refusalText } from '../../commands/command-policy.ts';
import { encodeRequest, errorReply, isErrorReply } from '../../resp.ts';
import { withoutPrefix } from '../named-error.ts';
import { KEYS_A_STEP, readScanPage, type ScanPage } from './scan-page.ts';

const COUNT = ['COUNT', String(KEYS_A_STEP)] as const;

/** Of one request about all keys that have a prefix. */
export abstract class PrefixSweep implements KeySweep {
  readonly removes: boolean = false;
  readonly maxBytes: number;
  keptBytes = 0;
  readonly tooLarge: Buffer;
  readonly overdue: Buffer;
  readonly neverBegun: Buffer;
  protected readonly prefix: Buffer;
  private readonly pattern: Buffer;
  private readonly unexpected: Buffer;

  constructor(command: string, prefix: Buffer, maxBytes: number, overdueWords = '') {
    this.prefix = prefix;
    this.maxBytes = maxBytes;
    // No character of a prefix means anything in a pattern: see settings/key-prefix.ts.
    this.pattern = Buffer.concat([prefix, Buffer.from('*')]);
    this.tooLarge = errorReply(
      refusalText(command, 'names of keys are more bytes than the setting keys_limit of this pool allows'),
    );
    const late = `ERR '${command}' under a key_prefix took longer than the setting sweep_timeout of this pool`;
    this.overdue = errorReply(`${late}${overdueWords}`);
    this.neverBegun = errorReply(
      `ERR '${command}' under a key_prefix was not begun within sweep_timeout: max_sweeps of such requests go on at once`,
    );
    this.unexpected = errorReply(`ERR '${command}': a server answered SCAN with something else`);
  }

  abstract restart(): void;
  abstract begin(isOfSlots: boolean, moving: MovingKeys | null): ServerSweep;
  abstract reply(): Buffer;

  beginAgain(): boolean {
    return false;
  }

  scan(cursor: string): Buffer {
    return encodeRequest('SCAN', cursor, 'MATCH', this.pattern, ...COUNT);
  }

  /** What SCAN has answered, or what the client reads instead. */
  pageOf(reply: Buffer): ScanPage | Buffer {
    return this.errorOf(reply) ?? readScanPage(reply) ?? this.unexpected;
  }

  /** The reply is an error, as the client reads it; null: it is none. */
  errorOf(reply: Buffer): Buffer | null {
    return isErrorReply(reply) ? Buffer.from(withoutPrefix(reply, this.prefix)) : null;
  }
}
