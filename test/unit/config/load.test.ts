import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { ConfigError } from '../../../src/config/errors.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { configProblems } from '../../support/config-problems.ts';

const GOOD = `pools:
  p:
    listen: 127.0.0.1:22121
    protocol: redis
    servers: [127.0.0.1:6379]
`;

test('a configuration is plain data, and frozen throughout', () => {
  const config = parseConfig(GOOD, 'f');
  assert.deepEqual(JSON.parse(JSON.stringify(config)), config);
  const unfrozen: string[] = [];
  const visit = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Object.isFrozen(value)) unfrozen.push(at);
    for (const [key, inner] of Object.entries(value)) visit(inner, `${at}.${key}`);
  };
  visit(config, 'config');
  assert.deepEqual(unfrozen, []);
});

test('a file is read with its name in the messages', () => {
  const dir = temporaryDirectory('config');
  const file = path.join(dir, 'ringmaster.yml');
  writeFileSync(file, GOOD);
  assert.deepEqual(loadConfig(file), parseConfig(GOOD, file));
  writeFileSync(file, GOOD.replace('redis', 'radish'));
  assert.throws(
    () => loadConfig(file),
    (error: Error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(
        error.message,
        `${file}:4:15: pools.p.protocol: unknown protocol "radish"; one of: redis, memcached`,
      );
      const message = 'unknown protocol "radish"; one of: redis, memcached';
      assert.deepEqual(error.problems, [{ file, line: 4, column: 15, path: 'pools.p.protocol', message }]);
      return true;
    },
  );
});

test('a file that cannot be read is one clear line', () => {
  const dir = temporaryDirectory('config');
  const missing = path.join(dir, 'missing.yml');
  assert.throws(() => loadConfig(missing), {
    name: 'ConfigError',
    message: `${missing}: cannot read the file: no such file`,
  });
  assert.throws(() => loadConfig(dir), { message: `${dir}: cannot read the file: it is a directory` });
  const latin1 = path.join(dir, 'latin1.yml');
  writeFileSync(latin1, Buffer.from('# caf\xe9\n', 'latin1'));
  assert.throws(() => loadConfig(latin1), { message: `${latin1}: not UTF-8 text; save it as UTF-8` });
  const large = path.join(dir, 'large.yml');
  writeFileSync(large, Buffer.alloc(8 * 2 ** 20 + 1, '#'));
  assert.throws(() => loadConfig(large), { message: `${large}: larger than 8mb` });
  assert.throws(() => loadConfig('/dev/zero'), { message: '/dev/zero: larger than 8mb' });
  const below = path.join(latin1, 'x.yml');
  mkdirSync(path.join(dir, 'sub'));
  assert.throws(() => loadConfig(below), { name: 'ConfigError' });
});

const BROKEN: readonly [name: string, text: string, problems: string[]][] = [
  ['nothing', '', ['is empty; it needs at least "pools:" with one pool']],
  ['only a comment', '# hello\n', ['is empty; it needs at least "pools:" with one pool']],
  ['text', 'hello\n', ['1:1: must be a map of keys, such as "pools:", not a scalar']],
  ['a list', '- a\n', ['1:1: must be a map of keys, such as "pools:", not a list']],
  ['two documents', `${GOOD}---\n${GOOD}`, ['6:1: a second YAML document begins here; one file holds one']],
  ['an open quote', 'a: "b\n', ['2:1: not valid YAML: Missing closing "quote']],
  ['a tab as indentation', 'a:\n\tb: 1\n', ['2:1: not valid YAML: Tabs are not allowed as indentation']],
];
for (const [name, text, problems] of BROKEN) {
  test(`a file with ${name} is refused with its place`, () => {
    const found = configProblems(text);
    for (const problem of problems) assert.ok(found.includes(problem), `${problem}\nnot in\n${found.join('\n')}`);
  });
}

test('a control character is named', () => {
  assert.deepEqual(configProblems(`${GOOD}    redis_auth: "a\x01"\n`), [
    '6:19: a control character (U+0001); remove it, or write it as an escape in double quotes',
  ]);
});

test('positions are right whatever ends the lines, and with a byte order mark', () => {
  const bad = GOOD.replace('redis', 'radish');
  const want = ['4:15: pools.p.protocol: unknown protocol "radish"; one of: redis, memcached'];
  for (const end of ['\n', '\r\n', '\r']) assert.deepEqual(configProblems(bad.replaceAll('\n', end)), want);
  assert.deepEqual(configProblems(`\ufeff${bad}`), want);
});

test('a mistake is placed in its own line, also where YAML is past making sense', () => {
  const problems = configProblems('pools:\n  p:\n   }listen: 127.0.0.1:22121\n    redis: true\n');
  assert.deepEqual([...new Set(problems.map(each => each.split(':')[0]))], ['3', '4']);
});

test('control characters of the file do not get into messages', () => {
  const text = GOOD.replace('127.0.0.1:6379', '"127.0.0.1:6379:1\\e[2J"').replace('protocol', '"proto\\ncol"');
  const problems = configProblems(text);
  assert.ok(problems.length > 0);
  for (const problem of problems) assert.doesNotMatch(problem, /\p{Cc}/u);
  assert.match(problems.join(' '), /\\u001b\[2J/);
});

test('a password that a missing quote has put into another value is not shown', () => {
  const text = GOOD.replace('protocol: redis\n', 'hash_tag: "{}\n    redis_auth: hunter2\n    protocol: "redis"\n');
  for (const each of [
    text,
    `workers: |\n  redis_auth: hunter2\n${GOOD}`,
    `workers: "admin_token : hunter2"\n${GOOD}`,
  ]) {
    const problems = configProblems(each).join('\n');
    assert.notEqual(problems, '');
    assert.doesNotMatch(problems, /hunter2/);
  }
});
