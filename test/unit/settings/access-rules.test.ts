import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessRule, ALL_ALLOWED, MAX_RULES_BYTES, parseAccessRules } from '../../../src/settings/access-rules.ts';
import { SettingError } from '../../../src/settings/setting-error.ts';
import { SeededRandom } from '../../support/seeded-random.ts';

const command = (name: string, isAllowed = true): AccessRule => ({ kind: 'command', isAllowed, name });
const category = (name: string, isAllowed = true): AccessRule => ({ kind: 'category', isAllowed, name });
const keys = (pattern: string, access = 'rw'): AccessRule => ({
  ...{ kind: 'keys', mayRead: access.includes('r'), mayWrite: access.includes('w') },
  pattern,
});
const channels = (pattern: string): AccessRule => ({ kind: 'channels', pattern });

const WORDS: readonly (readonly [string, AccessRule])[] = [
  ['+get', command('get')],
  ['-GET', command('get', false)],
  ['+Config|Get', command('config|get')],
  ['-config|set', command('config|set', false)],
  ['+select|0', command('select|0')],
  ['+a|b|c', command('a|b|c')],
  ['+json.get', command('json.get')],
  ['+@read', category('read')],
  ['-@DANGEROUS', category('dangerous', false)],
  ['+@all', category('all')],
  ['allcommands', category('all')],
  ['NoCommands', category('all', false)],
  ['~app:*', keys('app:*')],
  ['~App:*', keys('App:*')],
  ['~a~b', keys('a~b')],
  ['%R~r:*', keys('r:*', 'r')],
  ['%w~w:*', keys('w:*', 'w')],
  ['%RW~*', keys('*')],
  ['%wr~x', keys('x')],
  ['allkeys', keys('*')],
  ['resetkeys', { kind: 'resetkeys' }],
  ['&news.*', channels('news.*')],
  ['&&', channels('&')],
  ['allchannels', channels('*')],
  ['resetchannels', { kind: 'resetchannels' }],
];

for (const [word, rule] of WORDS) {
  test(`${word} is one rule`, () => {
    assert.deepEqual(parseAccessRules(word), { root: [rule], selectors: [] });
  });
}

test('words in any number, with any space between them, keep their order', () => {
  const random = new SeededRandom(7);
  // After a pattern for all keys or channels another is refused: those are tried below.
  const usable = WORDS.filter(([, rule]) => !('pattern' in rule) || rule.pattern !== '*');
  for (let round = 0; round < 500; round++) {
    const chosen = Array.from({ length: random.between(0, 12) }, () => usable[random.between(0, usable.length - 1)]!);
    const space = () => [' ', '  ', '\t', '\n', ' \r\n '][random.between(0, 4)]!;
    const text = chosen.map(([word]) => `${space()}${word}`).join('') + space();
    assert.deepEqual(
      parseAccessRules(text).root,
      chosen.map(([, rule]) => rule),
      JSON.stringify(text),
    );
  }
});

test('a selector is apart from the rest, and begins anew', () => {
  assert.deepEqual(parseAccessRules('+get ~a (+set ~*) -@all (~b) ()'), {
    root: [command('get'), keys('a'), category('all', false)],
    selectors: [[command('set'), keys('*')], [keys('b')], []],
  });
  // What is for all keys in one is not so in another.
  assert.equal(parseAccessRules('~* (~a) (~* +get)').selectors.length, 2);
});

test('nothing is nothing, and the default is everything', () => {
  for (const text of ['', ' ', '\n\t']) assert.deepEqual(parseAccessRules(text), { root: [], selectors: [] });
  assert.deepEqual(parseAccessRules(ALL_ALLOWED).root, [category('all'), keys('*'), channels('*')]);
});

const refusal = (text: string): string => {
  try {
    parseAccessRules(text);
  } catch (error) {
    if (error instanceof SettingError) return error.message;
    throw error;
  }
  return 'accepted';
};

test('what means something to ACL SETUSER and belongs elsewhere says where', () => {
  for (const [word, want] of [
    ['on', /users are on/],
    ['off', /take it out of the file/],
    ['NOPASS', /"nopass: true"/],
    ['resetpass', /"passwords"/],
    ['reset', /begin with nothing/],
    ['clearselectors', /begin with nothing/],
    ['sanitize-payload', /the servers/],
    ['skip-sanitize-payload', /the servers/],
  ] as const) {
    assert.match(refusal(`+get ${word}`), want, word);
  }
});

test('a password is refused without being named', () => {
  for (const word of ['>secret', '<secret', '#secret', '!secret']) {
    const message = refusal(`+get ${word} ~a`);
    assert.match(message, /passwords are in "passwords"/);
    assert.ok(!message.includes('secret'), message);
  }
});

test('a pattern behind one for all has no effect, as a server says; one that is taken back does', () => {
  for (const text of ['~* ~a', 'allkeys ~a', '%RW~* %R~a', '&* &a', 'allchannels &a', '(~* ~a)']) {
    assert.match(refusal(text), /has no effect after a pattern for all/, text);
  }
  for (const text of ['~* resetkeys ~a', '~* ~*', '&* resetchannels &a', '%R~* ~a', '%R~* %W~*', '~a ~*', '~* &a']) {
    assert.equal(refusal(text), 'accepted', text);
  }
});

test('what is no word is refused', () => {
  const no = [
    'get',
    '+',
    '-',
    '@read',
    '+@',
    '+@a@b',
    '~',
    '&',
    '%R',
    '%~a',
    '%RR',
    '%RWR~a',
    '%X~a',
    '+a||b',
    '+|a',
    '+a|',
  ];
  for (const word of [...no, '+a|b|c|d', '(+get', '((+get))', '*', 'all']) {
    assert.notEqual(refusal(word), 'accepted', word);
  }
  assert.match(refusal('~a\0b'), /no pattern/);
});

test('long rules and many selectors are refused', () => {
  assert.equal(refusal(`~${'a'.repeat(MAX_RULES_BYTES - 1)}`), 'accepted');
  assert.match(refusal(`~${'a'.repeat(MAX_RULES_BYTES)}`), /is longer than 65536 bytes/);
  assert.match(refusal(`~${'é'.repeat(MAX_RULES_BYTES / 2)}`), /is longer than/);
  assert.equal(refusal('(+get) '.repeat(100)), 'accepted');
  assert.match(refusal('(+get) '.repeat(101)), /more than 100 selectors/);
});

test('whatever is written, it is taken apart or refused in words, soon', () => {
  const random = new SeededRandom(11);
  const bits = ['+', '-', '@', '~', '&', '%R', '|', '(', ')', ' ', '*', 'get', 'all', '#', '>', 'é', '\n', '%'];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random.between(0, 14) }, () => bits[random.between(0, bits.length - 1)]).join('');
    assert.notEqual(refusal(text), '', text);
  }
});
