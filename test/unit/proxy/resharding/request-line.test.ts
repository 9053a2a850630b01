import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import type { PrivateLane, RequestOrigin } from '../../../../src/proxy/request-origin.ts';
import {
  type DeferredRequest,
  FAILED,
  PARKED,
  READY,
  WAITING,
} from '../../../../src/proxy/resharding/deferred-request.ts';
import { type LineKeeper, RequestLine } from '../../../../src/proxy/resharding/request-line.ts';
import { RequestBytes } from '../../../../src/request/request-bytes.ts';
import { IdleOrigin } from '../../../support/idle-origin.ts';
import { redisWords } from '../../../support/request-splitter.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';

const LIMITS = { maxPipeline: 4, bufferBytes: 1 << 20 };

/** A line of one client; keys of what is asked say what it waits for. */
function lineOf() {
  const done: string[] = [];
  const requests: DeferredRequest[] = [];
  let bytes = 0;
  let ends = 0;
  const origin = Object.assign(new IdleOrigin(), {
    lineEnded: () => void ends++,
  });
  const keeper: LineKeeper = {
    nowMs: 5,
    prepare: (_line, request) => {
      requests.push(request);
      const key = request.keyBuf.toString();
      request.state = key === 'waits' ? WAITING : key === 'parks' ? PARKED : READY;
      request.pending = 2;
    },
    dispatch: (_, request) => void done.push(redisWords(request.bytes.buf).join(' ')),
    refuse: (_, request) => void done.push(`not ${redisWords(request.bytes.buf).join(' ')}`),
    due: each => each.advance(),
    keeps: more => {
      bytes += more;
    },
    ended: () => {},
  };
  const line = new RequestLine(origin as unknown as RequestOrigin, keeper);
  const parser = redisProtocol.createParser({ poolName: 'p', version: '1', maxRequestBytes: 1 << 20, password: null });
  const session = redisProtocol.createSession(1);
  const add = (...words: string[]) => {
    const buf = encodeCommand(...words);
    parser.parse(session, buf, 0, buf.length);
    line.add(parser, new RequestBytes().set(buf, 0, buf.length, null));
    // Others read into that memory.
    buf.fill('!');
  };
  return { line, add, done, requests, origin, bytes: () => bytes, ends: () => ends };
}

test('requests are dispatched in their order, each when those before it are', () => {
  const { line, add, done, requests, bytes, ends } = lineOf();
  add('GET', 'waits');
  add('SET', 'ready', 'v');
  add('GET', 'waits');
  assert.deepEqual(done, []);
  assert.ok(bytes() > 0);
  line.came(requests[2]!, true);
  line.came(requests[2]!, true);
  assert.deepEqual(done, []);
  line.came(requests[0]!, true);
  assert.deepEqual(done, []);
  line.came(requests[0]!, true);
  assert.deepEqual(done, ['GET waits', 'SET ready v', 'GET waits']);
  assert.deepEqual([bytes(), line.heldBytes, ends()], [0, 0, 1]);
});

test('one that can’t be done fails in its turn', () => {
  const { line, add, done, requests } = lineOf();
  add('GET', 'waits');
  add('GET', 'waits');
  line.came(requests[1]!, false);
  assert.equal(requests[1]!.state, FAILED);
  assert.deepEqual(done, []);
  line.came(requests[0]!, true);
  line.came(requests[0]!, true);
  assert.deepEqual(done, ['GET waits', 'not GET waits']);
});

test('what has waited too long fails, and what came later does not', () => {
  const { line, add, done, requests } = lineOf();
  add('GET', 'parks');
  add('GET', 'ready');
  add('GET', 'parks');
  requests[2]!.sinceMs = 9;
  line.failOverdue(7);
  assert.deepEqual(done, ['not GET parks', 'GET ready']);
  line.failOverdue(9);
  assert.deepEqual(done, ['not GET parks', 'GET ready', 'not GET parks']);
});

test('a client is read no further behind what may change what it means next, nor over its bounds', () => {
  const { line, add } = lineOf();
  add('GET', 'waits');
  assert.ok(!line.isFull(LIMITS, 2, 0));
  assert.ok(line.isFull(LIMITS, 3, 0));
  assert.ok(line.isFull({ ...LIMITS, bufferBytes: 1000 }, 0, 600));
  add('SELECT', '0');
  assert.ok(line.isFull(LIMITS, 0, 0));
});

test('what is dispatched sees the variant of when it came', () => {
  const { line, add, origin, requests } = lineOf();
  add('GET', 'parks');
  origin.variant = 1;
  assert.equal(line.variant, -1);
  assert.equal(requests[0]!.variant, 0);
});

test('nothing is dispatched while a connection of the client’s own is busy', () => {
  const { line, add, done, origin, requests } = lineOf();
  add('GET', 'waits');
  const lane = { isBusy: true };
  origin.privateLane = lane as PrivateLane;
  for (let i = 0; i < 2; i++) line.came(requests[0]!, true);
  assert.deepEqual(done, []);
  lane.isBusy = false;
  line.onAnswered();
  assert.deepEqual(done, ['GET waits']);
});

test('a client that is gone leaves nothing', () => {
  const { line, add, done, requests, bytes } = lineOf();
  add('GET', 'waits');
  add('GET', 'ready');
  line.abandon();
  assert.equal(bytes(), 0);
  for (let i = 0; i < 2; i++) line.came(requests[0]!, true);
  assert.deepEqual(done, []);
});
