import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { claimOf, isOwnName, isOwnNameIn, markOf, moveInParts } from '../../../../src/protocol/redis/parts-traits.ts';
import { ErrorReply, type Reply } from '../../../../src/protocol/redis/reply-traits.ts';

const KEY = Buffer.from('k');

/** What is asked, as `side COMMAND`, when servers answer so; the end is the last. */
function asked(answers: readonly (readonly Reply[])[], size = 1000): string[] {
  const steps = moveInParts({ key: KEY, bytes: size, id: '0123456789abcdef', isUrgent: true });
  const said: string[] = [];
  let next = steps.next([]);
  for (const answer of answers) {
    if (next.done) break;
    const step = next.value;
    said.push('waitMs' in step ? 'wait' : `${step.side} ${step.commands.map(([name]) => name).join(' ')}`);
    try {
      next = steps.next(answer);
    } catch (error) {
      return [...said, (error as Error).message];
    }
  }
  return next.done ? [...said, next.value] : said;
}

const bytes = (text: string) => Buffer.from(text);
const UNKNOWN = new ErrorReply("ERR unknown command 'HPTTL'");
const FIELDS: Reply = [bytes('0'), [bytes('f'), bytes('v'), bytes('g'), bytes('w')]];
const HASH: readonly (readonly Reply[])[] = [[bytes('hash')], [bytes('OURS')], [2], [FIELDS]];
const READ = ['source TYPE', 'target EVAL', 'source HLEN', 'source HSCAN', 'source HPTTL'];
const LOOK = 'source SET PEXPIRE HLEN PTTL';

describe('moving a key in parts', () => {
  for (const [name, lives] of [
    ['a server that knows of no fields that expire', UNKNOWN],
    ['fields that do not expire', [-1, -1]],
  ] as const) {
    test(`a hash: ${name}`, () => {
      const answers = [...HASH, [lives], [bytes('OURS')], [bytes('OK'), 1, 2, -1], [bytes('DONE')]];
      assert.deepEqual(asked(answers), [...READ, 'target EVAL', LOOK, 'target EVAL', 'there']);
    });
  }

  test('a hash with fields that expire goes as a whole, and leaves no claim', () => {
    assert.deepEqual(asked([...HASH, [[-1, 5000]], [bytes('OURS')]]), [...READ, 'target EVAL', 'whole']);
  });

  test('a few elements that are large themselves go as a whole', () => {
    const said = asked([...HASH.slice(0, 3), [bytes('OURS')]], 3 * 2 ** 20);
    assert.deepEqual(said, ['source TYPE', 'target EVAL', 'source HLEN', 'target EVAL', 'whole']);
  });

  test('a key that is gone in the end is not put there; the mark goes if it is the own one', () => {
    const until = [...HASH, [UNKNOWN], [bytes('OURS')]];
    const own = asked([...until, [bytes('OK'), 1, 0, -2], [bytes('OURS')], [1]]);
    assert.deepEqual(own.slice(-3), ['target EVAL', 'source UNLINK', 'gone']);
    const others = asked([...until, [null, 1, 0, -2], [bytes('OURS')]]);
    assert.deepEqual(others.slice(-2), ['target EVAL', 'gone']);
  });

  test('a claim that was lost in the middle: it begins again, and not for ever', () => {
    const round: readonly (readonly Reply[])[] = [...HASH, [UNKNOWN], [bytes('LOST')]];
    const said = asked([...round, ...round, ...round, ...round, ...round]);
    assert.equal(said.filter(each => each === 'source HSCAN').length, 5);
    assert.match(said.at(-1) ?? '', /does not come whole/);
  });

  test("another's claim is waited for", () => {
    const answers = [[bytes('hash')], [bytes('TAKEN')], [], [bytes('none')]];
    assert.deepEqual(asked(answers), ['source TYPE', 'target EVAL', 'wait', 'source TYPE', 'gone']);
  });

  test('what a server says against it ends it, and the claim', () => {
    const full = new ErrorReply("OOM command not allowed when used memory > 'maxmemory'");
    const said = asked([...HASH, [UNKNOWN], [full], [bytes('OURS')]]);
    assert.deepEqual(said.slice(-3), ['target EVAL', 'target EVAL', full.text]);
  });

  test('names of its own are told from others', () => {
    for (const own of [markOf(KEY), claimOf(KEY), bytes('k:ringmaster:parts:0123456789abcdef')])
      assert.ok(isOwnName(own));
    for (const other of [
      '',
      ':',
      'k',
      's:',
      'k:ringmaster',
      'k:ringmaster:moving:k',
      'k:ringmaster:parts:x',
      'ringmaster:claim',
    ])
      assert.ok(!isOwnName(bytes(other)));
    const inside = bytes('x:ringmaster:claim:ringmaster:claim');
    assert.ok(isOwnNameIn(inside, 1, 18));
    assert.ok(!isOwnNameIn(inside, 2, 18));
    assert.ok(!isOwnNameIn(inside, 1, 19));
  });
});
