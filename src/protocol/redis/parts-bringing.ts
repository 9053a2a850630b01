// A worker moves a key in parts because a client asks for it: as parts-traits.ts says, as fast as the servers answer, so that others
// are served between two parts.
import { randomBytes } from 'node:crypto';
import { type BringTask, SIDE_FROM, SIDE_TO } from '../bringing.ts';
import { moveInParts, type PartsResult, type PartsStep } from './parts-traits.ts';
import { ReplyReader } from './reader-traits.ts';
import type { Reply } from './reply-traits.ts';
import { encodeRequest } from './resp.ts';
import type { Word } from './value-traits.ts';

/** Of this worker, at once: each has a part in memory. */
const AT_ONCE = 4;
const ID_BYTES = 8;

let underWay: PartsBringing[] = [];
const waiting: PartsBringing[] = [];

/** Calls `heard` unless the task fails or is over before. `bytes`: what the key takes. */
export function bringInParts(task: BringTask, bytes: number, heard: (result: PartsResult) => void): void {
  waiting.push(new PartsBringing(task, bytes, heard));
  beginNext();
}

function beginNext(): void {
  underWay = underWay.filter(({ isOver }) => !isOver);
  while (underWay.length < AT_ONCE) {
    const next = waiting.shift();
    if (next === undefined) return;
    if (next.isOver) continue;
    underWay.push(next);
    next.goOn([]);
  }
}

class PartsBringing {
  private readonly task: BringTask;
  private readonly steps: Generator<PartsStep, PartsResult, readonly Reply[]>;
  private readonly heard: (result: PartsResult) => void;
  private isEnded = false;

  constructor(task: BringTask, bytes: number, heard: (result: PartsResult) => void) {
    this.task = task;
    this.heard = heard;
    const id = randomBytes(ID_BYTES).toString('hex');
    this.steps = moveInParts({ key: task.keys[0] as Buffer, bytes, id, isUrgent: true });
  }

  get isOver(): boolean {
    return this.isEnded || this.task.isOver;
  }

  goOn(replies: readonly Reply[]): void {
    if (this.isOver) return;
    let next: IteratorResult<PartsStep, PartsResult>;
    try {
      next = this.steps.next(replies);
    } catch (error) {
      this.fail((error as Error).message);
      return;
    }
    if (next.done) {
      const result = next.value;
      this.end(() => this.heard(result));
      return;
    }
    const step = next.value;
    if ('waitMs' in step) setTimeout(() => this.goOn([]), step.waitMs);
    else this.ask(step.side === 'source' ? SIDE_FROM : SIDE_TO, step.commands);
  }

  private ask(side: typeof SIDE_FROM | typeof SIDE_TO, commands: readonly (readonly Word[])[]): void {
    const replies: Reply[] = [];
    for (const words of commands) {
      const request = encodeRequest(...words.map(word => (typeof word === 'number' ? String(word) : word)));
      this.task.ask(side, request, true, (reply, reason) => {
        if (this.isOver) return;
        if (reply === null) {
          this.fail(reason ?? 'no reply');
          return;
        }
        replies.push(new ReplyReader().read(Buffer.from(reply))[0] as Reply);
        if (replies.length === commands.length) this.goOn(replies);
      });
    }
  }

  private fail(words: string): void {
    this.end(() => this.task.failed(words));
  }

  private end(then: () => void): void {
    this.isEnded = true;
    then();
    beginNext();
  }
}
