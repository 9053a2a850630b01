// Every input that fuzzing found a fault with, as small as it was made; npm run fuzz prints such entries.
import { test } from 'node:test';
import { targetNamed } from '../fuzz/targets.ts';

const FOUND: readonly (readonly [target: string, latin1: string])[] = [
  // An inline request over max_request_bytes was taken when it came in one piece.
  ['redis requests, small limit', `PING ${'v'.repeat(1100)}\n`],
  // A vertical tab or form feed ended a word (found with a real server).
  ['redis requests', '(\v\n'],
  // SCRIPT EXISTS passed on what was no array of bits.
  ['redis coalescers', 't0\n*1\r\n*-1\r\n'],
  // A sum beyond 2^53 was not exact.
  ['redis coalescers', 's0\n:9007199254740993\r\n'],
  ['redis coalescers', 's01\n:9007199254740991\r\n:7\r\n'],
  // The end of a null was looked for in the wrong place.
  ['redis coalescers', 'v00\n*2\r\n$-01\r\n$0\r\n\r\n'],
  // Cutting noreply took the CR off a key.
  ['memcached requests', 'delete k\r noreply\n'],
  ['memcached requests', 'incr 0 1\r -1\n'],
  ['memcached requests', 'flush_all 0\r a\n'],
  // Lines over max_request_bytes were taken when they came in one piece.
  ['memcached requests, small limit', `${' '.repeat(1100)}\n`],
  ['memcached requests, small limit', `set k 0 0 1${' '.repeat(1100)}\r\nx\r\n`],
  ['memcached requests, small limit', `gat 0 ${'k '.repeat(600)}\r\n`],
  // A block that was not asked for made those after it misses.
  ['memcached coalescers', 'v0a 0b\nVALUE b 7 0\r\n\r\nVALUE a 7 0\r\n\r\nEND\r\n'],
  // An error after statistics was left out.
  ['memcached coalescers', 's\nSTAT version 1\r\nERROR\r\nSTAT pid 0\r\nEND\r\n'],
  // A control character of the file was in a message.
  ['config', 'pools:\n  p:\n    listen: 127.0.0.1:1\n    protocol: redis\n    servers: ["127.0.0.1:1:1\\x02"]\n'],
  // A password inside another value was shown.
  ['config', 'workers: |\n redis_auth: hunter2hunter2'],
  // Problems were placed outside the file.
  ['config', 'pools:\n  "q"0unter2\n    servers: crc32\n'],
  ['config', 'pools:\n  p:\n   }listen: 127.0.0.1:22121\n    redis: true\n'],
];

for (const [name, latin1] of FOUND) {
  const shown = JSON.stringify(latin1.length > 60 ? `${latin1.slice(0, 60)}…` : latin1);
  test(`fuzz found, ${name}: ${shown}`, () => targetNamed(name).check(Buffer.from(latin1, 'latin1')));
}
