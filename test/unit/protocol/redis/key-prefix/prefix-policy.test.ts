import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMMANDS } from '../../../../../src/protocol/redis/commands/command-table.ts';
import { findKeys, KEYS_FOUND } from '../../../../../src/protocol/redis/commands/key-finder.ts';
import { KeyRanges, RequestArgs } from '../../../../../src/protocol/redis/request-args.ts';
import { RedisRequestParser } from '../../../../../src/protocol/redis/request-parser.ts';
import { RedisSession } from '../../../../../src/protocol/redis/session.ts';
import { encodeCommand } from '../../../../support/resp-reader.ts';

const PREFIX = 'app:';
const parser = new RedisRequestParser({
  poolName: 'tested',
  version: '0',
  maxRequestBytes: 1024 * 1024,
  password: null,
  keyPrefix: PREFIX,
  rules: { hasOneServer: true, hasPrefixedScripts: true, serverNames: ['one'] },
});

/** Arguments of which those that are a number of keys are right; each begins with its place. */
function requestsOf(name: string, arity: number): string[][] {
  const words = name.split('|');
  const counts = Array.from({ length: 8 }, (_, i) => Math.max(0, Math.abs(arity) - words.length) + i);
  return counts.flatMap(count => {
    const args = Array.from({ length: count }, (_, i) => `k${i}`);
    const withNumber = args.map((_, at) => args.map((arg, i) => (i === at ? '1' : arg)));
    const streams = ['STREAMS', ...args, ...args];
    return [args, ...withNumber, streams, ['GROUP', 'g', 'c', ...streams], [...args, 'STORE', 'k9']].map(each => [
      ...words,
      ...each,
    ]);
  });
}

function argumentsOf(request: Buffer): string[] {
  const args = new RequestArgs();
  args.locate(request);
  return Array.from({ length: args.count }, (_, i) => args.text(i));
}

/** The keys of the request, by the places of its arguments. */
function keysOf(command: (typeof COMMANDS)[number], words: readonly string[]): number[] | null {
  const args = new RequestArgs();
  args.locate(encodeCommand(...words));
  const keys = new KeyRanges();
  if (findKeys(command, args, keys) !== KEYS_FOUND) return null;
  return Array.from({ length: keys.count }, (_, i) => args.starts.indexOf(keys.starts[i]!));
}

test('of each command that is served, each key gets the prefix', () => {
  for (const command of COMMANDS) {
    const { name, arity, prefixRule, subcommands } = command;
    if (subcommands !== null || prefixRule.names === 'none' || prefixRule.names === 'info') continue;
    let seen = 0;
    for (const words of requestsOf(name, arity)) {
      const keys = keysOf(command, words);
      if (keys === null || keys.length === 0) continue;
      const request = encodeCommand(...words);
      parser.parse(new RedisSession(1), request, 0, request.length);
      // Wrong in another way.
      if (parser.rewritten === null) continue;
      seen++;
      const sent = argumentsOf(parser.rewritten.subarray(0, parser.rewrittenEnd));
      for (const key of keys) assert.equal(sent[key], PREFIX + words[key]!, `${words.join(' ')} → ${sent.join(' ')}`);
    }
    const isOfKeys = command.keySpecs.length > 0;
    assert.ok(seen > 0 || !isOfKeys, `${name} was not looked at`);
  }
});

test('no command is served whose keys would go out as they are', () => {
  for (const { name, prefixRule, keySpecs, subcommands } of COMMANDS) {
    if (subcommands !== null || prefixRule.why !== null || prefixRule.names !== 'none') continue;
    // What has no keys has no key specifications.
    assert.deepEqual(keySpecs, [], name);
  }
});

test('a command that nobody has looked at is refused', () => {
  const request = encodeCommand('FT.SEARCH', 'index', '*');
  parser.parse(new RedisSession(1), request, 0, request.length);
  assert.match(
    String(parser.reply),
    /^-ERR 'ft\.search' cannot be used through Ringmaster: what it does to keys under a key_prefix is not known\r\n$/,
  );
});

test('each command that Redis 7.0 has and a pool serves was looked at', () => {
  const served = COMMANDS.filter(({ origin, refusal, subcommands }) => {
    return origin === 'base' && refusal === null && subcommands === null;
  });
  const unknown = served.filter(({ prefixRule }) => prefixRule.why?.includes('is not known') === true);
  assert.deepEqual(
    unknown.map(({ name }) => name),
    [],
  );
});
