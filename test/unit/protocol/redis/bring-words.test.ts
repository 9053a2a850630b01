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
  readonly isOver = false;
  readonly isOverwritten = false;
  readonly isChanged = false;
  readonly isDropping = false;
  readonly isBack = false;
  readonly source = { fencedFailures: 0 };
  /** What was asked, as words. */
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  private readonly heard: Heard[] = [];
  private fenced: ((isQuiet: boolean) => void) | null = null;

  constructor(...keys: string[]) {
    this.keys = keys.map(key => Buffer.from(key));
  }

  ask(side: Side, bytes: Buffer, _isLong: boolean, heard: Heard): void {
    assert.equal(side, 0, 'only the giving server is asked');
    this.asked.push(redisWords(bytes).join(' '));
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

  /** The reply to the request, and how many have failed by then. */
  answer(reply: string, failures: number): void {
    const [first, second] = this.heard.splice(0, 2) as [Heard, Heard];
    first(Buffer.from(`${reply}\r\n`), null);
    const info = `# Errorstats\r\nerrorstat_ERR:count=9\r\nerrorstat_IOERR:count=${failures}\r\n`;
    second(Buffer.from(`$${info.length}\r\n${info}\r\n`), null);
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

const MIGRATE = 'MIGRATE 10.0.0.2 6379  5 700 KEYS k';
const COUNT = 'INFO errorstats';
const BUSY = '-ERR Target instance replied with error: BUSYKEY Target key name already exists.';

function begin(...keys: string[]): Task {
  const task = new Task(...keys);
  BRING_WORDS.bring(task);
  return task;
}

describe('bringing keys by MIGRATE', () => {
  for (const reply of ['+OK', '+NOKEY']) {
    test(`${reply}: they are there, or nowhere`, () => {
      const task = begin('k');
      assert.deepEqual(task.asked, [MIGRATE, COUNT]);
      task.answer(reply, 0);
      assert.deepEqual(task.ended, ['done']);
    });
  }

  test('an answer is not believed before all that failed since is known to have arrived', () => {
    const task = begin('k');
    task.answer('+OK', 4);
    assert.deepEqual([task.asked.slice(2), task.ended], [['fence'], []]);
    task.quiet(true);
    assert.deepEqual([task.asked.slice(3), task.source.fencedFailures], [[MIGRATE, COUNT], 4]);
    task.answer('+NOKEY', 4);
    assert.deepEqual(task.ended, ['done']);
  });

  test('a MIGRATE that fails half-way is asked again after a fence, and not for ever', () => {
    const task = begin('k');
    for (const failures of [1, 2, 3]) {
      assert.deepEqual(task.asked.slice(-2), [MIGRATE, COUNT]);
      task.answer('-IOERR error or timeout reading to target instance', failures);
      assert.equal(task.asked.at(-1), 'fence');
      task.quiet(true);
    }
    assert.deepEqual(task.ended, ['IOERR error or timeout reading to target instance']);
  });

  test('without the fence it has failed', () => {
    const task = begin('k');
    task.answer('-IOERR error or timeout reading to target instance', 1);
    task.quiet(false);
    assert.equal(task.ended.length, 1);
    assert.equal(task.source.fencedFailures, 0);
  });

  test('of two copies the old one goes', () => {
    const task = begin('k');
    task.answer(BUSY, 0);
    assert.deepEqual(task.asked.slice(2), ['UNLINK k', COUNT]);
    task.answer(':1', 0);
    assert.deepEqual(task.ended, ['done']);
  });

  test('the old copy goes in vain when something has failed meanwhile', () => {
    const task = begin('k');
    task.answer(BUSY, 0);
    task.answer(':1', 1);
    task.quiet(true);
    assert.deepEqual(task.asked.slice(-2), [MIGRATE, COUNT]);
    task.answer('+NOKEY', 1);
    assert.deepEqual(task.ended, ['done']);
  });

  test('of several keys each is tried alone when one of them is refused', () => {
    const task = begin('k', 'l');
    task.answer(BUSY, 0);
    assert.deepEqual(task.ended, ['apart']);
  });

  test('what the other server refuses has failed', () => {
    const task = begin('k');
    task.answer('-ERR Target instance replied with error: OOM command not allowed', 0);
    assert.deepEqual(task.ended, ['ERR Target instance replied with error: OOM command not allowed']);
  });

  test('a lost connection: it is asked again, but not where nobody listens', () => {
    const task = begin('k');
    task.lose('connection_reset');
    task.answer('+OK', 0);
    assert.deepEqual(task.ended, ['done']);
    const other = begin('k');
    other.lose('connection_refused');
    assert.deepEqual(other.ended, ['connection_refused']);
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
