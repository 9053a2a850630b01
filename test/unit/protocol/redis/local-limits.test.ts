import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../../../src/protocol/redis/commands/command-table.ts';
import { redisProtocol } from '../../../../src/protocol/redis/redis.ts';
import type { RedisSession } from '../../../../src/protocol/redis/session.ts';
import { ROUTE_ANY, ROUTE_LOCAL } from '../../../../src/protocol/routes.ts';
import { encodeCommand } from '../../../support/resp-reader.ts';

const options = { poolName: 'p', version: '1', maxRequestBytes: 1 << 30, password: null };

function ask(words: readonly (string | Buffer)[], session = redisProtocol.createSession(1) as RedisSession) {
  const parser = redisProtocol.createParser(options);
  const wire = encodeCommand(...words);
  assert.equal(parser.parse(session, wire, 0, wire.length), wire.length);
  return { route: parser.route, reply: parser.reply.toString('latin1') };
}

/** Commands that Ringmaster answers and that take as many arguments as one likes. */
const OPEN_ENDED = COMMANDS.filter(
  ({ route, refusal, arity, subcommands, name }) =>
    route === ROUTE_LOCAL && refusal === null && arity < 0 && (subcommands === null || name === 'command'),
);

test('whatever Ringmaster answers itself has no more than 1,024 arguments and 64 KiB', () => {
  for (const { name, isAnsweredAlike } of OPEN_ENDED) {
    // An argument of COMMAND is a subcommand.
    if (name === 'command') continue;
    const words = name.split('|');
    for (const args of [Array<string>(1024).fill('x'), ['x', 'x'.repeat(64 * 1024)]]) {
      const { route, reply } = ask([...words, ...args]);
      if (isAnsweredAlike) assert.equal(route, ROUTE_ANY, name);
      else {
        assert.equal(route, ROUTE_LOCAL, name);
        assert.match(reply, /^-ERR '[a-z|-]+' cannot have more than 1024 arguments or 65536 bytes, /, name);
      }
    }
  }
});

test('commands of one argument have the same limit', () => {
  const large = 'x'.repeat(64 * 1024);
  for (const words of [
    ['CLIENT', 'SETNAME'],
    ['CLIENT', 'SETINFO', 'LIB-NAME'],
    ['AUTH'],
    ['SELECT'],
    ['CLIENT', 'REPLY'],
  ]) {
    assert.match(ask([...words, large]).reply, /^-ERR '[a-z|-]+' cannot have more than /, words.join(' '));
  }
  assert.equal(ask(['ECHO', large]).route, ROUTE_ANY);
  assert.equal(ask(['PING', large]).route, ROUTE_ANY);
  assert.equal(ask(['ECHO', 'x'.repeat(64 * 1024 - 100)]).route, ROUTE_LOCAL);
});

test('a name longer than 1 KiB is refused, and the one before it stays', () => {
  const session = redisProtocol.createSession(1) as RedisSession;
  const longest = 'n'.repeat(1024);
  assert.equal(ask(['CLIENT', 'SETNAME', longest], session).reply, '+OK\r\n');
  const tooLong = '-ERR Client names cannot be longer than 1024 bytes.\r\n';
  assert.equal(ask(['CLIENT', 'SETNAME', `${longest}n`], session).reply, tooLong);
  assert.equal(ask(['HELLO', '2', 'SETNAME', `${longest}n`], session).reply, tooLong);
  assert.equal(session.name, longest);
  for (const [option, field] of [
    ['LIB-NAME', 'lib-name'],
    ['LIB-VER', 'lib-ver'],
  ] as const) {
    assert.equal(ask(['CLIENT', 'SETINFO', option, longest], session).reply, '+OK\r\n');
    const { reply } = ask(['CLIENT', 'SETINFO', option, `${longest}n`], session);
    assert.equal(reply, `-ERR ${field} cannot be longer than 1024 bytes.\r\n`);
  }
  assert.equal(session.keptBytes, 3 * 1024);
});

test('a pattern longer than 256 bytes is refused', () => {
  const tooLong = '-ERR Patterns cannot be longer than 256 bytes.\r\n';
  assert.equal(ask(['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', `*[${'a'.repeat(255)}`]).reply, tooLong);
});
