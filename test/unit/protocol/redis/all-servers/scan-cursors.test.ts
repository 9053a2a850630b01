import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ScanCursors, ScanReply } from '../../../../../src/protocol/redis/all-servers/scan-cursors.ts';

const NAMES = ['alpha', 'beta', 'gamma'];

function stepOf(cursors: ScanCursors, text: string) {
  const step = cursors.read(text);
  assert.ok(!Buffer.isBuffer(step), String(step));
  return step;
}

/** What the client reads of a reply that comes in these pieces. */
function translated(pieces: readonly Buffer[], tag = 7, nextTag = 9): string {
  const reply = new ScanReply(tag, nextTag);
  const read: Buffer[] = [];
  const out = {
    append: (buf: Buffer, start: number, end: number) => void read.push(Buffer.from(buf.subarray(start, end))),
  };
  for (const [i, piece] of pieces.entries()) {
    const around = Buffer.concat([Buffer.from('xx'), piece, Buffer.from('yy')]);
    reply.piece(around, 2, 2 + piece.length, i === pieces.length - 1, out);
  }
  return Buffer.concat(read).toString('latin1');
}

function reply(cursor: string, ...keys: readonly string[]): string {
  const items = keys.map(key => `$${key.length}\r\n${key}\r\n`).join('');
  return `*2\r\n$${cursor.length}\r\n${cursor}\r\n*${keys.length}\r\n${items}`;
}

test('a scan goes from server to server, each asked from its cursor 0 on', () => {
  const cursors = new ScanCursors(NAMES);
  const first = stepOf(cursors, '0');
  const second = stepOf(cursors, String(first.nextTag));
  const third = stepOf(cursors, String(second.nextTag));
  assert.deepEqual([first.cursor, second.cursor, third.cursor], ['0', '0', '0']);
  assert.equal(third.nextTag, 0);
  assert.deepEqual([first.place, second.place, third.place].sort(), [0, 1, 2]);
  const later = stepOf(cursors, String((12_345n << 16n) | BigInt(second.tag)));
  assert.deepEqual([later.place, later.cursor], [second.place, '12345']);
});

test('a cursor stays good when servers are added, wherever they stand in the list', () => {
  const before = new ScanCursors(NAMES);
  const after = new ScanCursors(['delta', ...NAMES.toReversed(), 'epsilon']);
  const names = ['delta', ...NAMES.toReversed(), 'epsilon'];
  for (let tag = stepOf(before, '0').tag; tag !== 0; ) {
    const step = stepOf(before, String((99n << 16n) | BigInt(tag)));
    const same = stepOf(after, String((99n << 16n) | BigInt(tag)));
    assert.equal(names[same.place], NAMES[step.place]);
    assert.equal(same.cursor, '99');
    tag = step.nextTag;
  }
});

test('each server of many has a tag of its own', () => {
  const names = Array.from({ length: 2000 }, (_, i) => `server-${i}`);
  const cursors = new ScanCursors(names);
  const places = new Set<number>();
  for (let cursor = 0; ; ) {
    const step = stepOf(cursors, String(cursor));
    places.add(step.place);
    assert.ok(step.nextTag === 0 || step.nextTag > step.tag);
    if (step.nextTag === 0) break;
    cursor = step.nextTag;
  }
  assert.equal(places.size, names.length);
});

test('a cursor that is none, or of a server that is gone, is an error', () => {
  const cursors = new ScanCursors(NAMES);
  for (const text of ['', 'x', '-1', '+1', ' 1', '1 ', '18446744073709551616', '123456789012345678901']) {
    assert.equal(String(cursors.read(text)), '-ERR invalid cursor\r\n', text);
  }
  const gone = new ScanCursors(['delta']).read('0');
  assert.ok(!Buffer.isBuffer(gone));
  assert.match(String(cursors.read(String(gone.tag))), /^-ERR invalid cursor: its server is not in the pool any more/);
  assert.match(String(new ScanCursors([]).read('0')), /^-ERR Connection refused/);
});

test('the cursor of a reply names the server, or the next one, at every split', () => {
  const cases = [
    [reply('0'), reply('9')],
    [reply('0', 'a', 'b'), reply('9', 'a', 'b')],
    [reply('17', 'a'), reply(String(17 * 65_536 + 7), 'a')],
    [reply('281474976710655', 'key'), reply('18446744073709486087', 'key')],
    ['-ERR syntax error\r\n', '-ERR syntax error\r\n'],
    ['+QUEUED\r\n', '+QUEUED\r\n'],
    ['*2\r\n:1\r\n*0\r\n', '*2\r\n:1\r\n*0\r\n'],
  ] as const;
  for (const [theirs, ours] of cases) {
    const bytes = Buffer.from(theirs);
    assert.equal(translated([bytes]), ours);
    for (let i = 0; i <= bytes.length; i++) {
      assert.equal(translated([bytes.subarray(0, i), bytes.subarray(i)]), ours, `split at ${i}`);
    }
    assert.equal(translated([...bytes].map(byte => Buffer.of(byte))), ours);
  }
  assert.equal(translated([Buffer.from(reply('0', 'a'))], 7, 0), reply('0', 'a'));
});

test("a server's cursor that is too large to carry is an error, at every split", () => {
  const bytes = Buffer.from(reply('281474976710656', 'a'));
  for (let i = 0; i <= bytes.length; i++) {
    const read = translated([bytes.subarray(0, i), bytes.subarray(i)]);
    assert.equal(read, "-ERR the server's cursor is too large for SCAN through Ringmaster\r\n");
  }
});
