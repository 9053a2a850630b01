import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BringTask, Heard, Side } from '../../../../src/protocol/bringing.ts';
import { BRING_WORDS } from '../../../../src/protocol/redis/bring-words.ts';
import type { FailureReason } from '../../../../src/request/failure.ts';
import { redisWords } from '../../../support/request-splitter.ts';

/** A task whose questions wait here until the test answers them. */
class Task implements BringTask {
  readonly keys: readonly Buffer[];
  readonly variant = 2 << 1;
  readonly target: BringTask['target'] = { host: '10.0.0.2', port: 6379 };
  readonly credentials = null;
  readonly db = 3;
  readonly stepTimeoutMs = 700;
  readonly wholeBytes = 1000;
  readonly isOver = false;
  readonly isOverwritten = false;
  readonly isChanged = false;
  readonly isDropping = false;
  readonly isBack: boolean;
  readonly source = { fencedFailures: 0 };
  /** What was asked, as words. */
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  private readonly heard: Heard[] = [];
  private fenced: ((isQuiet: boolean) => void) | null = null;

  constructor(keys: readonly string[], isBack = false) {
    this.keys = keys.map(key => Buffer.from(key));
    this.isBack = isBack;
  }

  ask(side: Side, bytes: Buffer, _isLong: boolean, heard: Heard): void {
    this.asked.push((side === 0 ? '' : 'to: ') + redisWords(bytes).join(' '));
    this.heard.push(heard);
  }

  fence(then: (isQuiet: boolean) => void): void {
    this.asked.push('fence');
    this.fenced = then;
  }

  done(): void {
    this.ended.push('done');
  }

  apart(): void {
    this.ended.push('apart');
  }

  failed(words: string): void {
    this.ended.push(words);
  }

  /** The replies to what was asked, how many marks there are, and how many have failed by then. */
  answer(replies: string | readonly string[], failures: number, marks = 0): void {
    const info = `# Errorstats\r\nerrorstat_ERR:count=9\r\nerrorstat_IOERR:count=${failures}\r\n`;
    const all = [...(typeof replies === 'string' ? [replies] : replies), `:${marks}`, `$${info.length}\r\n${info}`];
    this.say(...all);
  }

  say(...replies: readonly string[]): void {
    const heard = this.heard.splice(0, replies.length);
    assert.equal(heard.length, replies.length, 'so many were asked for');
    for (const [i, each] of heard.entries()) each(Buffer.from(`${replies[i]}\r\n`), null);
  }

  lose(reason: FailureReason): void {
    for (const heard of this.heard.splice(0)) heard(null, reason);
  }

  quiet(isQuiet: boolean): void {
    const { fenced } = this;
    this.fenced = null;
    fenced?.(isQuiet);
  }
}

const SIZE = 'MEMORY USAGE k';
const MIGRATE = 'MIGRATE 10.0.0.2 6379  5 700 KEYS k';
const COUNT = ['EXISTS k:ringmaster:moving', 'INFO errorstats'];
const BUSY = '-ERR Target instance replied with error: BUSYKEY Target key name already exists.';
const NONE = '$-1';
const SMALL = ':100';

function begin(...keys: string[]): Task {
  const task = new Task(keys);
  BRING_WORDS.bring(task);
  return task;
}

/** One whose keys are small, and are there. */
function migrating(...keys: string[]): Task {
  const task = begin(...keys);
  task.answer(
    keys.map(() => SMALL),
    0,
  );
  task.asked.splice(0, keys.length + 2);
  return task;
}

describe('bringing keys by MIGRATE', () => {
  test('a key that its server has no more is there, or nowhere', () => {
    const task = begin('k');
    assert.deepEqual(task.asked, [SIZE, ...COUNT]);
    task.answer(NONE, 0);
    assert.deepEqual(task.ended, ['done']);
  });

  for (const reply of ['+OK', '+NOKEY']) {
    test(`${reply}: they are there, or nowhere`, () => {
      const task = migrating('k');
      assert.deepEqual(task.asked, [MIGRATE, ...COUNT]);
      task.answer(reply, 0);
      assert.deepEqual(task.ended, ['done']);
    });
  }

  test('an answer is not believed before all that failed since is known to have arrived', () => {
    const task = migrating('k');
    task.answer('+OK', 4);
    assert.deepEqual([task.asked.slice(3), task.ended], [['fence'], []]);
    task.quiet(true);
    assert.deepEqual([task.asked.slice(4), task.source.fencedFailures], [[SIZE, ...COUNT], 4]);
    task.answer(NONE, 4);
    assert.deepEqual(task.ended, ['done']);
  });

  test('a MIGRATE that fails half-way is asked again after a fence, and not for ever', () => {
    const task = begin('k');
    for (const failures of [1, 2, 3]) {
      task.answer(SMALL, failures - 1);
      assert.deepEqual(task.asked.slice(-3), [MIGRATE, ...COUNT]);
      task.answer('-IOERR error or timeout reading to target instance', failures);
      assert.equal(task.asked.at(-1), 'fence');
      task.quiet(true);
    }
    assert.deepEqual(task.ended, ['IOERR error or timeout reading to target instance']);
  });

  test('without the fence it has failed', () => {
    const task = migrating('k');
    task.answer('-IOERR error or timeout reading to target instance', 1);
    task.quiet(false);
    assert.equal(task.ended.length, 1);
    assert.equal(task.source.fencedFailures, 0);
  });

  test('of two copies the old one goes', () => {
    const task = migrating('k');
    task.answer(BUSY, 0);
    assert.deepEqual(task.asked.slice(3), ['UNLINK k', ...COUNT]);
    task.answer(':1', 0);
    assert.deepEqual(task.ended, ['done']);
  });

  test('the old copy goes in vain when something has failed meanwhile', () => {
    const task = migrating('k');
    task.answer(BUSY, 0);
    task.answer(':1', 1);
    task.quiet(true);
    assert.deepEqual(task.asked.slice(-3), [SIZE, ...COUNT]);
    task.answer(NONE, 1);
    assert.deepEqual(task.ended, ['done']);
  });

  test('of several keys each is tried alone when one of them is refused, or is big', () => {
    const task = migrating('k', 'l');
    task.answer(BUSY, 0);
    assert.deepEqual(task.ended, ['apart']);
    const other = begin('k', 'l');
    other.answer([SMALL, ':1001'], 0);
    assert.deepEqual(other.ended, ['apart']);
  });

  test('what the other server refuses has failed', () => {
    const task = migrating('k');
    task.answer('-ERR Target instance replied with error: OOM command not allowed', 0);
    assert.deepEqual(task.ended, ['ERR Target instance replied with error: OOM command not allowed']);
  });

  test('a lost connection: it is asked again, but not where nobody listens', () => {
    const task = begin('k');
    task.lose('connection_reset');
    task.answer(NONE, 0);
    assert.deepEqual(task.ended, ['done']);
    const other = begin('k');
    other.lose('connection_refused');
    assert.deepEqual(other.ended, ['connection_refused']);
  });

  test('who may be about to put a key there in parts loses the right to it first', () => {
    const gone = begin('k');
    gone.answer(NONE, 0, 1);
    assert.deepEqual([gone.asked.slice(3), gone.ended], [['to: UNLINK k:ringmaster:claim'], []]);
    gone.say(':1');
    assert.deepEqual(gone.ended, ['done']);
    const moved = migrating('k');
    moved.answer('+OK', 0, 1);
    assert.deepEqual([moved.asked.slice(3), moved.ended], [['to: UNLINK k:ringmaster:claim'], []]);
    moved.lose('connection_reset');
    assert.deepEqual(moved.ended, ['connection_reset']);
  });

  test('on the way back nobody has a claim any more from before, where the key is', () => {
    const task = new Task(['k'], true);
    BRING_WORDS.bring(task);
    assert.deepEqual(task.asked, ['UNLINK k:ringmaster:claim', SIZE, ...COUNT]);
    task.say(':1');
    task.answer(NONE, 0);
    assert.deepEqual(task.ended, ['done']);
  });

  test('a stream, however big, is moved as a whole', () => {
    const task = begin('k');
    task.answer(':1001', 0);
    assert.deepEqual(task.asked.slice(3), ['TYPE k']);
    task.say('+stream');
    assert.deepEqual(task.asked.slice(4), [MIGRATE, ...COUNT]);
  });

  test('a list of clients tells of lost connections and of keys that have come in part', () => {
    const line = (more: string) => `id=3 addr=10.0.0.9:4711 laddr=10.0.0.2:6379 fd=8 qbuf=0 qbuf-free=0 ${more}\n`;
    const isQuiet = (text: string, ...ends: string[]) => BRING_WORDS.isQuiet(Buffer.from(text), ends);
    assert.ok(isQuiet(line('cmd=get'), '10.0.0.9:471', '10.0.0.9:47111'));
    assert.ok(!isQuiet(line('cmd=get'), '10.0.0.9:4711'));
    assert.ok(isQuiet(line('cmd=restore')));
    assert.ok(!isQuiet(line('cmd=restore').replace('qbuf=0', 'qbuf=70')));
    assert.ok(isQuiet(line('cmd=set').replace('qbuf=0', 'qbuf=70')));
  });
});
