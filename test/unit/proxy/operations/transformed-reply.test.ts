import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { takeBlock } from '../../../../src/memory/block.ts';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import type { ReplyTransform, TransformOut } from '../../../../src/protocol/reply-transform.ts';
import { TransformedReply } from '../../../../src/proxy/operations/transformed-reply.ts';
import type { RequestOrigin } from '../../../../src/proxy/request-origin.ts';
import { Request } from '../../../../src/request/request.ts';
import { FakeFrontend } from '../../../support/fake-pool.ts';
import { IdleOrigin } from '../../../support/idle-origin.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';
import { waitFor } from '../../../support/wait-for.ts';

const SENT = { what: 'the requests at the servers', everyMs: 1 };

/** Keeps what a transform makes, piece by piece; `|` stands behind the last one. */
class Origin extends IdleOrigin implements RequestOrigin {
  readonly pieces: string[] = [];
  readonly blocks: boolean[] = [];

  enqueue(): void {}
  answer(): void {}
  onPart(): void {}
  onCoalesced(): void {}

  onReply(_request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: unknown): void {
    this.pieces.push(buf.toString('latin1', start, end) + (isLast ? '|' : ''));
    this.blocks.push(block !== null);
  }

  onFailure(_request: Request, reason: string): void {
    this.pieces.push(reason);
  }

  failWith(_request: Request, words: Buffer): void {
    this.pieces.push(`words: ${words}`);
  }
}

/** Brackets the reply, and says `late` when it does not come in time. */
class Brackets implements ReplyTransform {
  private isInside = false;

  piece(buf: Buffer, start: number, end: number, isLast: boolean, out: TransformOut): void {
    if (!this.isInside) out.append(Buffer.from('['), 0, 1);
    this.isInside = true;
    out.append(buf, start, end);
    if (isLast) out.append(Buffer.from(']'), 0, 1);
  }

  failure(reason: string): Buffer | null {
    return reason === 'timed_out' ? Buffer.from('late') : null;
  }
}

const asItCame: ReplyTransform = {
  piece: (buf, start, end, _isLast, out) => out.append(buf, start, end),
  failure: () => null,
};
const dropping: ReplyTransform = { piece() {}, failure: () => Buffer.alloc(0) };

function transformed(transform: ReplyTransform) {
  const origin = new Origin();
  const reply = new TransformedReply(origin, transform);
  const request = new Request(reply, 0);
  return { origin, reply, request };
}

test('pieces of any number are changed as they come, and the last of them is the last', () => {
  const { origin, reply, request } = transformed(new Brackets());
  reply.onReply(request, Buffer.from('..ab..'), 2, 4, false, null);
  reply.onReply(request, Buffer.from('c'), 0, 1, true, null);
  assert.deepEqual(origin.pieces, ['[', 'ab', 'c', ']|']);
});

test('a reply that is passed on as it came stays one piece, in its block', () => {
  const { origin, reply, request } = transformed(asItCame);
  const block = takeBlock(20_000);
  block.bytes.write('whole');
  reply.onReply(request, block.bytes, 0, 5, true, block);
  assert.deepEqual(origin.pieces, ['whole|']);
  assert.deepEqual(origin.blocks, [true]);
  block.release();
});

test("the transform's own bytes are not taken for part of the server's block", () => {
  const { origin, reply, request } = transformed(new Brackets());
  const block = takeBlock(20_000);
  block.bytes.write('whole');
  reply.onReply(request, block.bytes, 0, 5, true, block);
  assert.deepEqual(origin.blocks, [false, true, false]);
  block.release();
});

test('a reply that is dropped is a last piece without bytes', () => {
  const { origin, reply, request } = transformed(dropping);
  reply.onReply(request, Buffer.from('some'), 0, 4, false, null);
  assert.deepEqual(origin.pieces, []);
  reply.onReply(request, Buffer.from('thing'), 0, 5, true, null);
  assert.deepEqual(origin.pieces, ['|']);
});

test('a failure has the words of the transform, or else the usual ones', () => {
  const worded = transformed(new Brackets());
  worded.reply.onFailure(worded.request, 'timed_out');
  assert.deepEqual(worded.origin.pieces, ['words: late']);
  const usual = transformed(new Brackets());
  usual.reply.onFailure(usual.request, 'overloaded');
  assert.deepEqual(usual.origin.pieces, ['overloaded']);
});

describe('through router and client connection', () => {
  /** A pool whose parser wants the replies of GET bracketed, of DEL dropped, of INCR as they come. */
  function frontend(): FakeFrontend {
    const made = new FakeFrontend(2);
    const parser = redisProtocol.createParser({
      poolName: 'p',
      version: '1',
      maxRequestBytes: 1 << 20,
      password: null,
    });
    const transformOf = () =>
      parser.command === 'get'
        ? new Brackets()
        : parser.command === 'del'
          ? dropping
          : parser.command === 'incr'
            ? asItCame
            : null;
    made.parser = new Proxy(parser, {
      get: (target, name) => {
        if (name === 'transform') return transformOf();
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    return made;
  }
  const send = (...commands: string[][]) => commands.map(words => encodeCommand(...words)).join('');

  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
  ]) {
    for (const pieceBytes of [1, 2, 100]) {
      test(`in the client's order, answered ${order}, ${pieceBytes} bytes at a time`, async t => {
        const pool = frontend();
        const { far } = await pool.connect(t);
        far.send(send(['GET', '0a'], ['DEL', '1b'], ['INCR', '0c'], ['SET', '1d', 'x']));
        const [a, b] = [pool.backend(0), pool.backend(1)];
        await waitFor(() => a.sent.length === 2 && b.sent.length === 2, SENT);
        const sent = [a.sent[0]!, b.sent[0]!, a.sent[1]!, b.sent[1]!];
        const replies = ['$3\r\nabc\r\n', ':1\r\n', ':7\r\n', '+OK\r\n'];
        for (const index of order) sent[index]!.reply(replies[index]!, pieceBytes);
        const want = '[$3\r\nabc\r\n]:7\r\n+OK\r\n';
        assert.equal((await far.readUntil(want.length)).toString('latin1'), want);
      });
    }
  }

  test('failures, worded, dropped and usual', async t => {
    const pool = frontend();
    const { far } = await pool.connect(t);
    far.send(send(['GET', '0a'], ['DEL', '0b'], ['INCR', '0c']));
    await waitFor(() => pool.backend(0).sent.length === 3, SENT);
    for (const sent of pool.backend(0).sent.toReversed()) sent.fail('timed_out');
    const want = `late${redisProtocol.failureReply('timed_out')}`;
    assert.equal((await far.readUntil(want.length)).toString('latin1'), want);
  });

  test('a large reply is passed on before it is complete', async t => {
    const pool = frontend();
    const { far } = await pool.connect(t);
    far.send(send(['GET', '0a']));
    await waitFor(() => pool.backend(0).sent.length === 1, SENT);
    const sent = pool.backend(0).take();
    sent.replyPart(Buffer.alloc(100_000, 'a'));
    assert.equal((await far.readUntil(100_001)).toString('latin1'), `[${'a'.repeat(100_000)}`);
    sent.reply('b');
    assert.equal((await far.readUntil(2)).toString('latin1'), 'b]');
  });
});
