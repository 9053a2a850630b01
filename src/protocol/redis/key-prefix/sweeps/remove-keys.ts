import type { ServerSweep } from '../../../key-sweep.ts';
import { encodeRequest, errorReply, isErrorReply, OK } from '../../resp.ts';
import { PrefixSweep } from './prefix-sweep.ts';

const SOME_ARE_LEFT = '; some of the keys are removed';
/** A key that a node of a cluster has, and does not serve by itself: its slot is on its way there, or was there. */
const IS_ELSEWHERE = /^-(?:MOVED|ASK) /;
const ASKING = encodeRequest('ASKING');
/** Keys that are elsewhere each time they are looked for can't be removed. */
const MAX_ROUNDS = 8;
const KEEPS_MOVING = errorReply(`ERR keys went from node to node while they were to be removed${SOME_ARE_LEFT}`);

/** FLUSHDB and FLUSHALL under a prefix: the keys of a step are unlinked while the server looks for those of the next. */
export class RemoveKeys extends PrefixSweep {
  override readonly removes = true;
  private rounds = 1;
  private isIncomplete = false;

  constructor(command: string, prefix: Buffer, maxBytes: number) {
    super(command, prefix, maxBytes, SOME_ARE_LEFT);
  }

  override beginAgain(): boolean {
    if (!this.isIncomplete || this.rounds === MAX_ROUNDS) return false;
    this.rounds++;
    this.isIncomplete = false;
    return true;
  }

  restart(): void {
    this.isIncomplete = false;
  }

  begin(isOfSlots: boolean): ServerSweep {
    return new ServerRemoval(this, isOfSlots, () => {
      this.isIncomplete = true;
    });
  }

  reply(): Buffer {
    return this.isIncomplete ? KEEPS_MOVING : OK;
  }
}

class ServerRemoval implements ServerSweep {
  readonly listing = null;
  private readonly sweep: RemoveKeys;
  private readonly isOfSlots: boolean;
  private readonly onElsewhere: () => void;
  private cursor: string | null = '0';
  /** Requests that remove what the last step has told of. */
  private removals: readonly Buffer[] = [];
  /** Those that were refused because a slot is on its way, and go out once more. */
  private refused: readonly Buffer[] = [];

  constructor(sweep: RemoveKeys, isOfSlots: boolean, onElsewhere: () => void) {
    this.sweep = sweep;
    this.isOfSlots = isOfSlots;
    this.onElsewhere = onElsewhere;
  }

  get keptBytes(): number {
    return [...this.removals, ...this.refused].reduce((sum, { length }) => sum + length, 0);
  }

  step(): readonly Buffer[] {
    const { removals, refused, cursor, sweep } = this;
    if (refused.length > 0) return refused.flatMap(removal => [ASKING, removal]);
    return cursor === null ? removals : [...removals, sweep.scan(cursor)];
  }

  take(replies: readonly Buffer[]): Buffer | null {
    return this.refused.length > 0 ? this.takeAsked(replies) : this.takePlain(replies);
  }

  private takePlain(replies: readonly Buffer[]): Buffer | null {
    const { removals, cursor, sweep, isOfSlots } = this;
    const refused: Buffer[] = [];
    for (const [i, removal] of removals.entries()) {
      const reply = replies[i]!;
      if (!isErrorReply(reply)) continue;
      if (!isOfSlots || !isElsewhere(reply)) return sweep.errorOf(reply);
      refused.push(removal);
    }
    this.refused = refused;
    this.removals = [];
    if (cursor === null) return null;
    const page = sweep.pageOf(replies.at(-1)!);
    if (Buffer.isBuffer(page)) return page;
    this.cursor = page.cursor === '0' ? null : page.cursor;
    if (page.names.length === 0) return null;
    this.removals = isOfSlots
      ? page.names.map(name => encodeRequest('UNLINK', name))
      : [encodeRequest('UNLINK', ...page.names)];
    return null;
  }

  private takeAsked(replies: readonly Buffer[]): Buffer | null {
    const { refused } = this;
    this.refused = [];
    for (let i = 0; i < refused.length; i++) {
      const reply = replies[2 * i + 1]!;
      if (!isErrorReply(reply)) continue;
      if (!isElsewhere(reply)) return this.sweep.errorOf(reply);
      this.onElsewhere();
    }
    return null;
  }
}

function isElsewhere(reply: Buffer): boolean {
  return IS_ELSEWHERE.test(reply.toString('latin1', 0, 8));
}
