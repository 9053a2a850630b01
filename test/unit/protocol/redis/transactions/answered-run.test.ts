import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REPLIES_OFF, RedisSession } from '../../../../../src/protocol/redis/session.ts';
import { AnsweredRun } from '../../../../../src/protocol/redis/transactions/answered-run.ts';
import type { ReplyTransform } from '../../../../../src/protocol/reply-transform.ts';

/** A session with a transaction of so many requests, and answers at these places; and what was settled. */
function transaction(requests: number, answers: Readonly<Record<number, string | null>>) {
  const session = new RedisSession(7);
  const settled: (readonly [place: number, isError: boolean, running: number])[] = [];
  for (const [key, words] of Object.entries(answers)) {
    const place = Number(key);
    session.addQueued(1, {
      place,
      change: null,
      settle: isError => {
        settled.push([place, isError, session.runningRequests]);
        return words === null ? null : Buffer.from(words);
      },
    });
  }
  session.queuedRequests = requests;
  return { session, settled };
}

function read(run: AnsweredRun, pieces: readonly string[]): string {
  let text = '';
  const out = {
    append: (buf: Buffer, start: number, end: number) => {
      text += buf.toString('latin1', start, end);
    },
  };
  for (const [i, piece] of pieces.entries()) {
    // What a piece lies in is the socket's, and has other bytes around it.
    const bytes = Buffer.from(`:${piece}:`, 'latin1');
    run.piece(bytes, 1, bytes.length - 1, i === pieces.length - 1, out);
    bytes.fill('!');
  }
  return text;
}

const splits = (text: string): string[][] => [
  [text],
  ...Array.from({ length: text.length + 1 }, (_, i) => [text.slice(0, i), text.slice(i)]),
  [...text],
];

const RUNS: readonly (readonly [answers: Record<number, string | null>, said: string, read: string])[] = [
  [{ 1: '$3\r\njoe\r\n' }, '*3\r\n+OK\r\n+PONG\r\n:1\r\n', '*3\r\n+OK\r\n$3\r\njoe\r\n:1\r\n'],
  [{ 0: ':1\r\n', 1: '*1\r\n:2\r\n' }, '*2\r\n+PONG\r\n+PONG\r\n', '*2\r\n:1\r\n*1\r\n:2\r\n'],
  [
    { 2: '' },
    '*3\r\n*2\r\n*0\r\n$2\r\n\r\n\r\n%1\r\n+a\r\n_\r\n+PONG\r\n',
    '*3\r\n*2\r\n*0\r\n$2\r\n\r\n\r\n%1\r\n+a\r\n_\r\n',
  ],
  [{ 0: null, 1: '+x\r\n' }, '*2\r\n-ERR no\r\n+PONG\r\n', '*2\r\n-ERR no\r\n+x\r\n'],
];

for (const [i, [answers, said, wanted]] of RUNS.entries()) {
  test(`what is answered here takes its places, at any split: ${i}`, () => {
    for (const pieces of splits(said)) {
      const { session, settled } = transaction(3, answers);
      assert.equal(read(new AnsweredRun(session), pieces), wanted, JSON.stringify(pieces));
      assert.deepEqual(
        settled.map(([place]) => place),
        Object.keys(answers).map(Number),
      );
      assert.ok(settled.every(([place, isError, running]) => running === 3 && isError === (answers[place] === null)));
      assert.equal(session.runningRequests, -1);
    }
  });
}

test('nothing is settled where nothing was run, at any split', () => {
  for (const said of [
    '*-1\r\n',
    '_\r\n',
    '$-1\r\n',
    '-EXECABORT Transaction discarded because of previous errors.\r\n',
    '*0\r\n',
  ]) {
    for (const pieces of splits(said)) {
      const { session, settled } = transaction(1, { 0: '+x\r\n' });
      assert.equal(read(new AnsweredRun(session), pieces), said, JSON.stringify(pieces));
      assert.deepEqual(settled, []);
    }
  }
});

test('a client that wants no replies any more reads none, and all is settled', () => {
  const { session, settled } = transaction(3, { 2: '+x\r\n' });
  session.addQueued(0, { place: 0, change: null, settle: () => null });
  session.queuedAnswers.reverse();
  session.queuedAnswers[0] = {
    place: 0,
    change: null,
    settle: () => {
      session.replyMode = REPLIES_OFF;
      return Buffer.alloc(0);
    },
  };
  assert.equal(read(new AnsweredRun(session), ['*3\r\n+PO', 'NG\r\n+OK\r\n+PONG', '\r\n']), '*3\r\n');
  assert.equal(settled.length, 1);
});

/** What the client reads of a reply is in brackets. */
class Bracketed implements ReplyTransform {
  private hasBegun = false;

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: Parameters<ReplyTransform['piece']>[4]): void {
    if (!this.hasBegun) out.append(Buffer.from('['), 0, 1);
    this.hasBegun = true;
    out.append(buf, start, end);
    if (isLast) out.append(Buffer.from(']'), 0, 1);
  }

  failure(): null {
    return null;
  }
}

test('a reply that is changed is changed alone, at any split', () => {
  for (const pieces of splits('*4\r\n+OK\r\n*2\r\n$1\r\n0\r\n*0\r\n+PONG\r\n-ERR no\r\n')) {
    const { session } = transaction(4, {});
    session.addQueued(0, { place: 1, change: new Bracketed(), settle: () => null });
    session.addQueued(0, { place: 2, change: null, settle: () => Buffer.from(':7\r\n') });
    session.addQueued(0, { place: 3, change: new Bracketed(), settle: () => null });
    const wanted = '*4\r\n+OK\r\n[*2\r\n$1\r\n0\r\n*0\r\n]:7\r\n[-ERR no\r\n]';
    assert.equal(read(new AnsweredRun(session), pieces), wanted, JSON.stringify(pieces));
  }
});
