import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configProblems } from '../../../support/config-problems.ts';

const POOLS = `pools:
  red: { listen: "h:1", protocol: redis, hash: murmur, servers: ["h:2", "h:3"] }
  deep: { listen: "h:4", protocol: redis, databases: 4, servers: ["h:5"], commands: ["mine.get 1 1 1 read", "ours 1 1 1 write"] }
  mem: { listen: "h:6", protocol: memcached, hash: murmur, servers: ["h:7", "h:8"] }
`;
/** What is wrong with a file in which a user, called `app` unless told otherwise, has these keys; without the places. */
function problems(user: string, name = 'app', more = ''): string[] {
  const text = `${POOLS}users:\n  ${JSON.stringify(name)}: ${user}\n${more}`;
  return configProblems(text).map(problem => problem.replace(/^\d+:\d+: /, ''));
}
const withRules = (rules: string, pools = 'red') =>
  problems(`{ pools: [${pools}], passwords: [x], rules: ${JSON.stringify(rules)} }`);

test('a user that can sign in somehow, to a pool that is there, is good', () => {
  for (const way of [
    'passwords: [x]',
    'password_file: /f',
    'certificates: [c]',
    'passwords: [x, y], certificates: [c]',
  ]) {
    assert.deepEqual(problems(`{ pools: [red, mem], ${way} }`), [], way);
  }
  assert.deepEqual(problems('{ pools: [red], nopass: true }', 'default'), []);
});

test('one that could not is refused, once', () => {
  const [message, ...others] = problems('{ pools: [red] }');
  assert.match(message ?? '', /users\.app.*could not sign in: give passwords, password_file or certificates/);
  assert.deepEqual(others, []);
  // Another fault of the same key says enough.
  assert.equal(problems("{ pools: [red], passwords: [''] }").length, 1);
});

test('nopass is only of the user default', () => {
  assert.match(problems('{ pools: [red], nopass: true }').join(), /nopass: only of the user "default"/);
});

test('pools have to be there, each named once', () => {
  assert.match(problems('{ pools: [rad], passwords: [x] }').join(), /there is no pool "rad"; did you mean "red"\?/);
  assert.match(problems('{ pools: [red, red], passwords: [x] }').join(), /names "red" twice/);
  assert.match(problems('{ pools: [red, zzzzzz], passwords: [x] }').join(), /there is no pool "zzzzzz"/);
});

test('names are what can stand before a space, in a list and in a label', () => {
  const USER = '{ pools: [red], passwords: [x] }';
  for (const name of ['a', 'é', 'a.b-c_d@e', 'x'.repeat(128)]) assert.deepEqual(problems(USER, name), [], name);
  for (const name of ['', 'a b', 'a:b', 'a\tb', 'a\u0085b', 'x'.repeat(129), 'é'.repeat(65)]) {
    assert.match(problems(USER, name).join(), /the name of a user has no spaces, colons/, JSON.stringify(name));
  }
});

test('a certificate signs in as one user only', () => {
  const other = '  other: { pools: [red], certificates: [b, a] }\n';
  assert.match(problems('{ pools: [red], certificates: [a] }', 'app', other).join(), /"a" signs in as "app" already/);
  assert.match(problems('{ pools: [red], certificates: [a, a] }').join(), /"a" signs in as "app" already/);
});

test('databases are those of one of its pools', () => {
  const of = (pools: string, databases: string) =>
    problems(`{ pools: [${pools}], passwords: [x], databases: [${databases}] }`).join();
  assert.equal(of('deep', '0, 3'), '');
  assert.equal(of('red, deep', '3'), '');
  assert.match(of('deep', '3, 4'), /4 is in none of its pools: they have at most 4, from 0 on/);
  assert.match(of('red', '1'), /1 is in none of its pools: they have at most 1/);
});

test('every word of the rules means something in one of its pools at least', () => {
  for (const rules of ['+get -@dangerous', '+config|get', '+select|1', '+json.get', '+@all', '(+set ~a)']) {
    assert.deepEqual(withRules(rules), [], rules);
  }
  assert.match(withRules('+gett').join(), /there is no command "gett"; did you mean "get"\?/);
  assert.match(withRules('+@reed').join(), /there is no category "@reed"; did you mean "read"\?/);
  assert.match(withRules('+config|git').join(), /there is no command "config\|git"/);
  assert.match(withRules('+get (+gett)').join(), /there is no command "gett"/);
});

test('what one protocol has and another has not is good for a user of both, and not of the other', () => {
  assert.deepEqual(withRules('+gat +hget +@read', 'red, mem'), []);
  assert.deepEqual(withRules('+gat', 'mem'), []);
  assert.match(withRules('+gat', 'red').join(), /there is no command "gat"/);
  assert.match(withRules('+hget', 'mem').join(), /there is no command "hget"/);
  assert.match(withRules('+@hash', 'mem').join(), /there is no category "@hash"/);
  assert.deepEqual(withRules('+stats|settings', 'mem'), []);
});

test('first arguments are only allowed, and only where there are no subcommands', () => {
  assert.match(
    withRules('-select|0').join(),
    /"-select\|0" can't be: select has no subcommand 0, and arguments are only allowed/,
  );
  assert.deepEqual(withRules('+select|0'), []);
  // Redis: Allowing first-arg of a subcommand is not supported.
  for (const rules of ['+config|get|maxmemory', '-config|get|maxmemory']) {
    assert.match(withRules(rules).join(), /no subcommand "config\|get\|maxmemory", and arguments of a subcommand/);
  }
});

test('commands that the pool declares can be named, in the pool that does', () => {
  assert.deepEqual(withRules('+mine.get +ours', 'deep'), []);
  assert.match(withRules('+ours', 'red').join(), /there is no command "ours"/);
});

test('all that is wrong is said, each at its place', () => {
  const text = `${POOLS}users:
  app:
    pools: [nowhere, red]
    passwords: [x]
    databases: [7]
    rules: +gett
`;
  assert.deepEqual(
    configProblems(text).map(problem => /^(\d+):\d+: ([^:]+)/.exec(problem)?.slice(1)),
    [
      ['7', 'users.app.pools'],
      ['9', 'users.app.databases'],
      ['10', 'users.app.rules'],
    ],
  );
});
