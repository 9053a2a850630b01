import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AwaitedRun } from '../../../../src/protocol/awaited-run.ts';
import type { AskClients, ClientAnswer, ClientInquiry } from '../../../../src/protocol/client-inquiry.ts';
import type { RequestReading } from '../../../../src/protocol/protocol.ts';
import { HOLD_QUEUE, HOLD_RUN } from '../../../../src/protocol/routes.ts';
import { privateSink } from '../../../../src/proxy/operations/inquiring-run.ts';
import type { RequestOrigin } from '../../../../src/proxy/request-origin.ts';
import { Request } from '../../../../src/request/request.ts';

type Then = Parameters<AskClients>[1];

/** Keeps what it gets; `|` stands behind the last piece. */
class Origin {
  readonly asked: Then[] = [];
  said = '';
  keptBytes = 0;
  isAnsweredAtOnce = false;

  askClients(_question: object, then: Then): void {
    if (this.isAnsweredAtOnce) then([], true);
    else this.asked.push(then);
  }

  onPart(_request: Request, bytes: number): void {
    this.keptBytes += bytes;
  }

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean): void {
    assert.equal(this.keptBytes, 0, 'nothing is kept while something is passed on');
    this.said += buf.toString('latin1', start, end) + (isLast ? '|' : '');
  }

  onFailure(_request: Request, reason: string): void {
    this.said += ` failed: ${reason}`;
  }
}

/** Each `?` is a place; `!` is one where nothing is to be asked any more. */
class Places implements AwaitedRun {
  readonly replies: string[] = [];
  isEnded = false;
  private found = '';
  private isTold = false;

  placeIn(buf: Buffer, start: number, end: number): number {
    for (let at = this.isTold ? start + 1 : start; at < end; at++) {
      this.found = String.fromCharCode(buf[at]!);
      this.isTold = this.found === '?' || this.found === '!';
      if (this.isTold) return at;
    }
    this.isTold &&= start === end;
    return end;
  }

  ask(): ClientInquiry | null {
    if (this.found === '!') return null;
    const question = {} as ClientInquiry['question'];
    const reply = (answers: readonly ClientAnswer[], isWhole: boolean) => Buffer.from(`${answers.length} ${isWhole}`);
    return { question, reply };
  }

  answered(reply: Buffer): void {
    this.replies.push(reply.toString());
  }

  end(): void {
    this.isEnded = true;
  }
}

function begin(hold: RequestReading['hold'] = HOLD_RUN) {
  const origin = new Origin();
  const run = new Places();
  const parser = { transform: null, hold, awaitedRun: run } as unknown as RequestReading;
  const sink = privateSink(origin as unknown as RequestOrigin, parser);
  const request = new Request(sink, 0);
  const say = (text: string, isLast: boolean): void => {
    const bytes = Buffer.from(`<${text}>`, 'latin1');
    request.sink?.onReply(request, bytes, 1, bytes.length - 1, isLast, null);
    bytes.fill('x');
  };
  return { origin, run, request, sink, say };
}

const TEXT = 'ab?c!d??e';
const cuts: readonly (readonly string[])[] = [
  [TEXT],
  [...TEXT],
  ...Array.from({ length: TEXT.length + 1 }, (_, i) => [TEXT.slice(0, i), TEXT.slice(i)]),
];

for (const isAfterAll of [true, false]) {
  test(`each is asked when all before it is passed on, ${isAfterAll ? 'after' : 'before'} the rest came`, () => {
    for (const pieces of cuts) {
      const { origin, run, say } = begin();
      const answer = (): boolean => {
        const then = origin.asked.shift();
        then?.([], true);
        return then !== undefined;
      };
      for (const [i, piece] of pieces.entries()) {
        say(piece, i === pieces.length - 1);
        assert.ok(origin.asked.length <= 1, 'one after the other');
        if (!isAfterAll) while (answer());
      }
      if (isAfterAll) assert.equal(origin.said, 'ab');
      while (answer());
      assert.equal(origin.said, `${TEXT}|`, JSON.stringify(pieces));
      assert.deepEqual(run.replies, ['0 true', '0 true', '0 true']);
      assert.equal(origin.keptBytes, 0);
    }
  });
}

test('an answer may come at once', () => {
  const { origin, say } = begin();
  origin.isAnsweredAtOnce = true;
  say(TEXT, true);
  assert.equal(origin.said, `${TEXT}|`);
});

test('what fails meanwhile has failed, and a late answer says nothing', () => {
  const { origin, run, request, sink, say } = begin();
  say('a?b', false);
  assert.ok(origin.keptBytes > 0);
  sink.onFailure(request, 'connection_lost' as Parameters<typeof sink.onFailure>[1]);
  assert.equal(origin.said, 'a failed: connection_lost');
  assert.equal(origin.keptBytes, 0);
  assert.ok(run.isEnded);
  origin.asked[0]!([], true);
  assert.equal(origin.said, 'a failed: connection_lost');
  assert.deepEqual(run.replies, []);
});

test('a client that has left reads nothing more', () => {
  const { origin, request, say } = begin();
  say('a?b', false);
  const sink = request.sink!;
  request.sink = null;
  origin.asked[0]!([], true);
  assert.equal(origin.said, 'a');
  assert.ok(sink !== null);
});

test('only what runs a transaction is looked at', () => {
  const { origin, say } = begin(HOLD_QUEUE);
  say(TEXT, true);
  assert.equal(origin.said, `${TEXT}|`);
  assert.equal(origin.asked.length, 0);
});
