import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RequestParser } from '../../../src/protocol/protocol.ts';
import { RequestBlocks } from '../../../src/proxy/request-blocks.ts';
import { RequestBytes } from '../../../src/request/request-bytes.ts';

/** As a parser has a request of these keys. */
function request(command: string, ...keys: string[]) {
  const buf = Buffer.from(`  ${keys.join(' ')}`);
  let at = 2;
  const starts = keys.map(key => {
    const start = at;
    at += Buffer.byteLength(key) + 1;
    return start;
  });
  const parser = {
    command,
    keyCount: keys.length,
    keyStarts: Int32Array.from(starts),
    keyEnds: Int32Array.from(starts.map((start, i) => start + Buffer.byteLength(keys[i]!))),
    keyBuf: null,
  } as unknown as RequestParser;
  return { parser, bytes: new RequestBytes().set(buf, 0, buf.length, null) };
}

function covers(block: RequestBlocks, command: string, keys: readonly string[], peer = '10.0.0.1:4711'): boolean {
  const { parser, bytes } = request(command, ...keys);
  return block.covers(parser, bytes, peer);
}

describe('a request is blocked', () => {
  test('by a key that is just that one, wherever it stands', () => {
    const blocks = new RequestBlocks([{ kind: 'key', value: 'héllo' }]);
    assert.ok(covers(blocks, 'get', ['héllo']));
    assert.ok(covers(blocks, 'mget', ['a', 'héllo', 'b']));
    for (const key of ['héll', 'hélloo', 'hello', '']) assert.ok(!covers(blocks, 'get', [key]), key);
  });

  test('by how a key begins', () => {
    const blocks = new RequestBlocks([{ kind: 'prefix', value: 'a:' }]);
    assert.ok(covers(blocks, 'get', ['a:']) && covers(blocks, 'get', ['b', 'a:1']));
    for (const key of ['a', 'b:a:', '']) assert.ok(!covers(blocks, 'get', [key]), key);
  });

  test('by its command', () => {
    const blocks = new RequestBlocks([{ kind: 'command', value: 'hgetall' }]);
    assert.ok(covers(blocks, 'hgetall', ['x']));
    assert.ok(!covers(blocks, 'hget', ['x']));
  });

  test('by its client, of one connection or of all from its address', () => {
    const at = (value: string, peer: string) =>
      covers(new RequestBlocks([{ kind: 'client', value }]), 'get', ['x'], peer);
    assert.ok(at('10.0.0.1', '10.0.0.1:4711') && at('10.0.0.1:4711', '10.0.0.1:4711'));
    assert.ok(at('::1', '[::1]:4711') && at('[::1]:4711', '[::1]:4711') && at('10.0.0.1', '[::ffff:10.0.0.1]:4711'));
    assert.ok(!at('10.0.0.1', '10.0.0.11:4711') && !at('10.0.0.1:471', '10.0.0.1:4711') && !at('::1', '[::11]:1'));
    assert.ok(!at('10.0.0.1', 'a unix socket'));
  });
});

test('who the client is is asked only where clients are blocked', () => {
  assert.equal(new RequestBlocks([{ kind: 'key', value: 'x' }]).needsPeer, false);
  assert.equal(new RequestBlocks([{ kind: 'client', value: '::1' }]).needsPeer, true);
});
