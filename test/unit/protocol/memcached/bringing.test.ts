import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BringTask, type Heard, SIDE_TO, type Side } from '../../../../src/protocol/bringing.ts';
import { BRING_WORDS } from '../../../../src/protocol/memcached/bringing.ts';

let targets = 0;

/** A task whose questions wait here until the test answers them. */
class Task implements BringTask {
  readonly keys = [Buffer.from('k')];
  readonly variant = 0;
  /** Another one each time: the clocks of servers are remembered. */
  readonly target: BringTask['target'] = { host: '10.0.0.2', port: ++targets };
  readonly credentials = null;
  readonly db = 0;
  readonly stepTimeoutMs = 1000;
  readonly wholeBytes = 1;
  readonly source = { fencedFailures: 0 };
  isOver = false;
  isOverwritten = false;
  isChanged = false;
  isDropping = false;
  isBack = false;
  ended = '';
  private readonly questions: { readonly side: string; readonly words: string; readonly heard: Heard }[] = [];

  constructor(wish: Partial<Pick<Task, 'isOverwritten' | 'isChanged' | 'isDropping' | 'isBack'>> = {}) {
    Object.assign(this, wish);
  }

  ask(side: Side, bytes: Buffer, _isLong: boolean, heard: Heard): void {
    this.questions.push({
      side: side === SIDE_TO ? 'to' : 'from',
      words: bytes.toString('latin1').split('\r\n')[0]!,
      heard,
    });
  }

  fence(): void {
    assert.fail('memcached has no fence');
  }

  done(): void {
    this.end('done');
  }

  apart(): void {
    this.end('apart');
  }

  failed(words: string): void {
    this.end(words);
  }

  private end(how: string): void {
    if (!this.isOver) this.ended = how;
    this.isOver = true;
  }

  /** Answers the oldest question, which must be this one; null: its connection is lost. */
  answer(side: 'from' | 'to', words: RegExp, reply: string | null): void {
    const question = this.questions.shift();
    assert.equal(question?.side, side);
    assert.match(question.words, words);
    question.heard(reply === null ? null : Buffer.from(reply), reply === null ? 'connection_reset' : null);
  }

  get open(): number {
    return this.questions.length;
  }
}

const VALUE = 'VA 1 s1 f7 t-1 c11\r\nv\r\n';
const CLAIM = 'VA 17 s17 f1380535879 t8 c12\r\nringmaster:moving\r\n';
const CLOCK = 'STAT time 1000\r\nEND\r\n';

function begun(wish: ConstructorParameters<typeof Task>[0] = {}): Task {
  const task = new Task(wish);
  BRING_WORDS.bring(task);
  return task;
}

function copied(task: Task): void {
  task.answer('from', /^mg k /, VALUE);
  task.answer('to', /^stats$/, CLOCK);
  task.answer('from', /^ms k 17 C11 /, 'HD c12\r\n');
  task.answer('to', /^ms k 1 ME F7 T1004 c$/, 'HD c21\r\n');
}

describe('bringing a key of memcached', () => {
  test('what is not there any more was brought', () => {
    const task = begun();
    task.answer('from', /^mg k /, 'EN\r\n');
    assert.deepEqual([task.ended, task.open], ['done', 0]);
  });

  test('a reader goes on once the copy is there: keeping it is asked for before, and the claim goes behind', () => {
    const task = begun();
    copied(task);
    assert.equal(task.ended, 'done');
    task.answer('to', /^ms k 1 C21 F7 T0 c$/, 'HD c22\r\n');
    task.answer('from', /^md k C12$/, 'HD\r\n');
    assert.equal(task.open, 0);
  });

  test('who changes the value waits until it is kept', () => {
    const task = begun({ isChanged: true });
    copied(task);
    assert.equal(task.ended, '');
    task.answer('to', /^ms k 1 C21 /, 'HD c22\r\n');
    assert.equal(task.ended, 'done');
    task.answer('from', /^md k C12$/, 'HD\r\n');
  });

  test('what is overwritten, and what is dropped, is deleted where it was, if it has not changed', () => {
    for (const wish of [{ isOverwritten: true }, { isDropping: true }]) {
      const task = begun(wish);
      task.answer('from', /^mg k /, VALUE);
      task.answer('from', /^md k C11$/, 'EX\r\n');
      task.answer('from', /^mg k /, VALUE.replace('c11', 'c13'));
      task.answer('from', /^md k C13$/, 'HD\r\n');
      assert.deepEqual([task.ended, task.open], ['done', 0]);
    }
  });

  test('the claim of another is waited for, also by who overwrites', async () => {
    const task = begun({ isOverwritten: true });
    task.answer('from', /^mg k /, CLAIM);
    assert.deepEqual([task.ended, task.open], ['', 0]);
    while (task.open === 0) await new Promise(setImmediate);
    task.answer('from', /^mg k /, 'EN\r\n');
    assert.equal(task.ended, 'done');
  });

  test('on the way back a claim that was left at the target is waited for first', async () => {
    const task = begun({ isBack: true });
    task.answer('to', /^mg k /, CLAIM);
    while (task.open === 0) await new Promise(setImmediate);
    task.answer('to', /^mg k /, 'EN\r\n');
    copied(task);
    assert.equal(task.ended, 'done');
  });

  test('when nobody wants it any more nothing new is begun, and what is half done is finished', () => {
    const early = begun();
    early.isOver = true;
    early.answer('from', /^mg k /, VALUE);
    assert.equal(early.open, 0);

    const late = begun();
    late.answer('from', /^mg k /, VALUE);
    late.answer('to', /^stats$/, CLOCK);
    late.isOver = true;
    late.answer('from', /^ms k 17 C11 /, 'HD c12\r\n');
    late.answer('to', /^ms k 1 ME /, 'HD c21\r\n');
    late.answer('to', /^ms k 1 C21 /, 'HD c22\r\n');
    late.answer('from', /^md k C12$/, 'HD\r\n');
    assert.deepEqual([late.ended, late.open], ['', 0]);
  });

  test('a copy that is not kept, because its connection was lost, is no error: it is a miss later', () => {
    const task = begun();
    copied(task);
    task.answer('to', /^ms k 1 C21 /, null);
    assert.deepEqual([task.ended, task.open], ['done', 0]);
  });

  test('a claim that has gone before its time takes the copy with it', () => {
    const task = begun();
    copied(task);
    task.answer('to', /^ms k 1 C21 /, 'HD c22\r\n');
    task.answer('from', /^md k C12$/, 'NF\r\n');
    task.answer('to', /^md k C22$/, 'HD\r\n');
    assert.equal(task.open, 0);
  });
});
