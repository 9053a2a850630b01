import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REDIS_SETTINGS } from '../../../../src/protocol/redis/settings.ts';
import { configProblems } from '../../../support/config-problems.ts';

const pool = (line: string): string =>
  `pools:\n  p:\n    listen: 127.0.0.1:1\n    protocol: redis\n    servers: [h:1]\n    ${line}\n`;

test('lists of commands are written as they are read', () => {
  const { deniedCommands, declaredCommands } = REDIS_SETTINGS;
  assert.deepEqual(deniedCommands.kind.read('GET, config|set,script load'), ['get', 'config|set', 'script|load']);
  const declared = declaredCommands.kind.read('My.Set 1 1 1 write, my.mget 2 -1 2 READ');
  assert.equal(declaredCommands.kind.write(declared), 'my.set 1 1 1 write, my.mget 2 -1 2 read');
  assert.deepEqual(declaredCommands.kind.read(declaredCommands.kind.write(declared)), declared);
});

test("a list in any of YAML's forms is right", () => {
  const forms = ['get', 'get, set', '[get, "config|set"]', '\n      - get'];
  for (const form of forms) assert.deepEqual(configProblems(pool(`deny_commands: ${form}`)), [], form);
});

for (const [line, problem] of [
  ['deny_commands: [get x y]', 'is no name of a command: "get x y"'],
  ['deny_commands: []', 'is empty; write list of commands, or leave the key out'],
  ['deny_commands: [[get]]', 'must be a list of single values, not a list: list of commands'],
  ['deny_commands: { get: x }', 'must be a list of single values, not a map: list of commands'],
  ['deny_commands: get,', 'is no name of a command: ""'],
] as const) {
  test(`${line} is refused`, () => {
    assert.deepEqual(configProblems(pool(line)), [`6:20: pools.p.deny_commands: ${problem}`]);
  });
}

for (const [line, problem] of [
  ['my.set', 'must be such as "my.mset 1 -1 2 write", not "my.set"'],
  ['my.set 1 1 1 both', 'must be such as "my.mset 1 -1 2 write", not "my.set 1 1 1 both"'],
  ['my|set 1 1 1 read', 'must be such as "my.mset 1 -1 2 write", not "my|set 1 1 1 read"'],
  ['my.set 0 1 1 read', 'places of keys are 1 or more, the last not before the first: "my.set 0 1 1 read"'],
  ['my.set 2 1 1 read', 'places of keys are 1 or more, the last not before the first: "my.set 2 1 1 read"'],
  ['my.set 1 1 0 read', 'places of keys are 1 or more, the last not before the first: "my.set 1 1 0 read"'],
] as const) {
  test(`commands: [${line}] is refused`, () => {
    assert.deepEqual(configProblems(pool(`commands: [${line}]`)), [`6:15: pools.p.commands: ${problem}`]);
  });
}
