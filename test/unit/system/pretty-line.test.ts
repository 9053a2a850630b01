import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prettyLine } from '../../../src/system/pretty-line.ts';

const line = (more: object) =>
  `${JSON.stringify({ level: 40, time: 1_700_000_000_113, pid: 7, role: 'worker 1', ...more })}\n`;

test('the time, the level, who, the words, and what else is known', () => {
  const pretty = prettyLine(line({ pool: 'red', count: 3, of: { a: 1 }, msg: 'server ejected' }), false);
  assert.match(pretty, /^\d\d:\d\d:\d\d\.113 WARN {2}worker 1 {2}server ejected {2}pool=red count=3 of=\{"a":1\}\n$/);
  assert.match(prettyLine(line({ level: 30, msg: 'ready' }), false), /^\S+ INFO {2}worker 1 {2}ready\n$/);
});

test('an error has its stack below', () => {
  const err = { type: 'Error', message: 'oh', stack: 'Error: oh\n    at f (x.ts:1:2)' };
  assert.match(prettyLine(line({ err, msg: 'failed' }), false), /failed\n {4}Error: oh\n {8}at f \(x\.ts:1:2\)\n$/);
});

test('nothing that a client says reaches the terminal as a command', () => {
  const pretty = prettyLine(line({ client: '\u001b[2J\u0007\n\u202e', msg: 'a\u001bb' }), true);
  assert.ok(pretty.includes('client=?[2J???'));
  assert.ok(pretty.includes('a?b'));
  // The colours are ours.
  const esc = String.fromCharCode(27);
  assert.deepEqual(
    pretty
      .split(esc)
      .slice(1)
      .filter(part => !/^\[\d+m/.test(part)),
    [],
  );
});
