// Brings keys as move-traits.ts says, one at a time.
import type { FailureReason } from '../../request/failure.ts';
import { type BringTask, type BringWords, SIDE_FROM, SIDE_TO } from '../bringing.ts';
import {
  CLOCK_WORDS,
  COPY_SECONDS,
  claimWords,
  clockOf,
  copyWords,
  deleteWords,
  foundItem,
  isDeleted,
  keepWords,
  lookUpWords,
  type MovingItem,
  putBackWords,
  storedCas,
} from './move-traits.ts';
import { REPLY_META, REPLY_META_STORED, REPLY_STATS } from './reply-scanner.ts';

/** A claim of another's is looked at again after so long. */
const LOOK_AGAIN_MS = 5;
/** A server's clock is read again after so long: it may have been started again. */
const CLOCK_MS = 30_000;

export const BRING_WORDS: BringWords = {
  variantOf: () => 0,
  maxKeys: 1,
  isFinal: true,
  isFinished: true,
  replyKind: REPLY_STATS,
  isOwnName: () => false,
  failures: null,
  bring: task => new ItemMove(task).begin(),
  listClients: Buffer.from('stats conns\r\n'),
  isQuiet: (reply, ends) => {
    const text = reply.toString('latin1');
    return !ends.some(end => text.includes(`:addr tcp:${end}\r\n`) || text.includes(`:addr tcp6:${end}\r\n`));
  },
};

/** What its clock showed, and when that was. */
interface ClockReading {
  readonly seconds: number;
  readonly readAtMs: number;
}

/** By server, of this worker. */
const clocks = new Map<string, ClockReading>();

/** One key on its way. */
class ItemMove {
  private readonly task: BringTask;
  private readonly key: Buffer;

  constructor(task: BringTask) {
    this.task = task;
    this.key = task.keys[0] as Buffer;
  }

  begin(): void {
    if (this.task.isBack) this.untilFree();
    else this.lookUp();
  }

  /** On the way back there may be a claim at the target, of one who moved the key away or died over it. */
  private untilFree(): void {
    this.ask(SIDE_TO, lookUpWords(this.key), REPLY_META, reply => {
      if (this.task.isOver) return;
      if (foundItem(reply)?.isClaim) setTimeout(() => this.untilFree(), LOOK_AGAIN_MS);
      else this.lookUp();
    });
  }

  private lookUp(): void {
    this.ask(SIDE_FROM, lookUpWords(this.key), REPLY_META, reply => {
      const item = foundItem(reply);
      const { isOver, isOverwritten, isDropping } = this.task;
      if (isOver) return;
      if (item === null) this.task.done();
      else if (item.isClaim) setTimeout(() => this.lookUp(), LOOK_AGAIN_MS);
      else if (item.isLease || item.leftSeconds === 0 || isOverwritten || isDropping) this.drop(item.cas);
      else this.withClock(nowSeconds => this.claim(item, nowSeconds));
    });
  }

  /** `nowSeconds`: by the target's clock, before the claim. */
  private claim(item: MovingItem, nowSeconds: number): void {
    if (this.task.isOver) return;
    this.ask(SIDE_FROM, claimWords(this.key, item), REPLY_META_STORED, reply => {
      const cas = storedCas(reply);
      if (cas === null) this.lookUp();
      else this.copy(item, cas, nowSeconds);
    });
  }

  private copy(item: MovingItem, claim: string, nowSeconds: number): void {
    const words = copyWords(this.key, item, nowSeconds + COPY_SECONDS);
    const heard = (reply: Buffer) => {
      const cas = storedCas(reply);
      if (cas === null) this.release(claim, null);
      else this.keep(item, claim, cas, nowSeconds);
      // What is asked of the target now comes behind that. A change of the value waits: on another connection it might be first.
      if (cas === null || !this.task.isChanged) this.task.done();
    };
    this.ask(SIDE_TO, words, REPLY_META_STORED, heard, (words, reason) => {
      // It can't have gone there: the value is put back, for later. What a server refuses to store is lost.
      if (reason === 'connection_refused') this.putBack(item, claim, nowSeconds, words);
      else if (reason === null) {
        this.release(claim, null);
        this.task.done();
      } else this.task.failed(words);
    });
  }

  private keep(item: MovingItem, claim: string, copy: string, nowSeconds: number): void {
    this.ask(SIDE_TO, keepWords(this.key, item, copy, nowSeconds), REPLY_META_STORED, reply => {
      this.release(claim, storedCas(reply));
      this.task.done();
    });
  }

  /**
   * Who waits for the key here need not wait for it; others do. `kept`: the CAS of what is on the target now; null: nothing that
   * this one has put there.
   */
  private release(claim: string, kept: string | null): void {
    this.ask(SIDE_FROM, deleteWords(this.key, claim), REPLY_META, reply => {
      // The claim has gone before its time: all was deleted meanwhile (flush_all).
      if (!isDeleted(reply) && kept !== null) this.ask(SIDE_TO, deleteWords(this.key, kept), REPLY_META, () => {});
    });
  }

  /** A value that is none for everybody, or that nobody needs: it is not moved. */
  private drop(cas: string): void {
    this.ask(SIDE_FROM, deleteWords(this.key, cas), REPLY_META, reply => {
      if (isDeleted(reply)) this.task.done();
      else this.lookUp();
    });
  }

  private putBack(item: MovingItem, claim: string, nowSeconds: number, why: string): void {
    this.ask(SIDE_FROM, putBackWords(this.key, item, claim, nowSeconds), REPLY_META_STORED, () =>
      this.task.failed(why),
    );
  }

  /** Calls `then` with the target's clock. */
  private withClock(then: (nowSeconds: number) => void): void {
    const id = JSON.stringify(this.task.target);
    const read = clocks.get(id);
    const nowMs = performance.now();
    if (read !== undefined && nowMs - read.readAtMs < CLOCK_MS) {
      then(read.seconds + Math.floor((nowMs - read.readAtMs) / 1000));
      return;
    }
    this.ask(SIDE_TO, CLOCK_WORDS, REPLY_STATS, reply => {
      const seconds = clockOf(reply);
      clocks.set(id, { seconds, readAtMs: nowMs });
      then(seconds);
    });
  }

  /** `failed`: hears what a server says against it, or the reason why it says nothing; else the task fails with that. */
  private ask(
    side: typeof SIDE_FROM | typeof SIDE_TO,
    bytes: Buffer,
    replyKind: number,
    heard: (reply: Buffer) => void,
    failed: (words: string, reason: FailureReason | null) => void = words => this.task.failed(words),
  ): void {
    const take = (reply: Buffer | null, reason: FailureReason | null) => {
      if (reply === null) {
        failed(reason ?? 'no reply', reason);
        return;
      }
      let words: string;
      try {
        heard(reply);
        return;
      } catch (error) {
        words = (error as Error).message;
      }
      failed(words, null);
    };
    this.task.ask(side, bytes, true, take, replyKind);
  }
}
