import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BringWords, SIDE_FROM } from '../../../../src/protocol/bringing.ts';
import { BRING_WORDS as MEMCACHED_WORDS } from '../../../../src/protocol/memcached/bringing.ts';
import { BRING_WORDS as REDIS_WORDS } from '../../../../src/protocol/redis/bring-words.ts';
import { type BringOwner, KeysUnderWay } from '../../../../src/proxy/resharding/bring-task.ts';
import { SourceMemories } from '../../../../src/proxy/resharding/source-memories.ts';
import type { Request } from '../../../../src/request/request.ts';
import type { RequestBytes } from '../../../../src/request/request-bytes.ts';
import type { Backend } from '../../../../src/upstream/backend.ts';

/** Has no connection any more once it has left, like one that is retired. */
class FakeServer {
  readonly asked: Request[] = [];
  readonly options = { address: { host: '10.0.0.1', port: 6379 }, credentials: null, db: 0 };
  isRetired = false;
  private readonly connection = {
    stream: { era: 1 },
    send: (request: Request, _bytes: RequestBytes) => this.asked.push(request),
  };

  connectionFor() {
    return this.isRetired ? undefined : this.connection;
  }

  answer(text: string): void {
    const request = this.asked.shift() as Request;
    const reply = Buffer.from(text, 'latin1');
    request.sink?.onReply(request, reply, 0, reply.length, true, null);
  }
}

function begun(words: BringWords) {
  const [from, to] = [new FakeServer(), new FakeServer()];
  const outcomes: string[] = [];
  const owner: BringOwner = {
    replyKind: words.replyKind,
    limits: {
      ...{ patienceMs: 1, waitingBytes: 1, wholeBytes: 1, stepTimeoutMs: 1, knownBytes: 1 },
      ...{ isBack: false, isDropping: false },
    },
    finishesTasks: words.isFinished,
    sources: new SourceMemories(),
    fence: then => then(true),
    onDone: () => outcomes.push('done'),
    onApart: () => outcomes.push('apart'),
    onFailed: (_task, why) => outcomes.push(why),
  };
  const task = new KeysUnderWay(owner, from as unknown as Backend, to as unknown as Backend, 0, 1000);
  task.keys.push(Buffer.from('key'));
  return { task, from, to, outcomes };
}

test('answers that come when nobody waits any more, and their server has left, harm nothing', () => {
  const { task, from, outcomes } = begun(REDIS_WORDS);
  REDIS_WORDS.bring(task);
  assert.equal(from.asked.length, 3, 'how large it is, whether it is marked, and what has failed');
  task.cancel();
  from.isRetired = true;
  from.answer('$-1\r\n');
  from.answer(':0\r\n');
  from.answer('$0\r\n\r\n');
  assert.deepEqual(outcomes, []);
  assert.equal(from.asked.length, 0);
});

test('the same answers bring the key while somebody waits', () => {
  const { task, from, outcomes } = begun(REDIS_WORDS);
  REDIS_WORDS.bring(task);
  from.answer('$-1\r\n');
  from.answer(':0\r\n');
  from.answer('$0\r\n\r\n');
  // Nobody knows yet what failed before: it was fenced, and is asked again.
  assert.equal(task.isOver, false);
  from.answer('$-1\r\n');
  from.answer(':0\r\n');
  from.answer('$0\r\n\r\n');
  assert.deepEqual(outcomes, ['done']);
});

test('a task that is finished nevertheless hears that a server that has left refuses', () => {
  const { task, from } = begun(MEMCACHED_WORDS);
  task.cancel();
  from.isRetired = true;
  const heard: unknown[] = [];
  task.ask(SIDE_FROM, Buffer.from('mn\r\n'), true, (...what) => heard.push(...what));
  assert.deepEqual(heard, [null, 'connection_refused']);
});
