import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FileEditError } from '../../../../src/config/changes/file-edit.ts';
import { withDefault, withSettings } from '../../../../src/config/changes/live-settings.ts';
import { savedText } from '../../../../src/config/changes/save.ts';
import { parseConfig } from '../../../../src/config/load.ts';

const FILE = `# Ours.
admin: 127.0.0.1:22223   # loopback

pools:
  # The first.
  red:
    listen: 127.0.0.1:1

    timeout:   1s    # short
    protocol: redis
    hash: murmur # chosen
    servers:
      - h:1:1 a # the old one
      - { address: "h:2", name: b.c, weight: 2 }
      - address: h:3
        name: c
  flow: { listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }
`;

const parse = (text: string) => parseConfig(text, 'f');

/** The lines of the file that differ, as `-old` and `+new`. */
function saved(settings: Readonly<Record<string, string>>, file = FILE): string[] {
  const wanted = Object.entries(settings).map(([path, text]) => ({ path, text }));
  const running = withSettings(parse(file), wanted);
  const text = savedText(file, running, wanted, parse);
  assert.deepEqual(parse(text), running);
  const [before, after] = [file.split('\n'), text.split('\n')];
  return [
    ...before.filter(line => !after.includes(line)).map(line => `-${line}`),
    ...after.filter(line => !before.includes(line)).map(line => `+${line}`),
  ];
}

describe('what was set while it ran is saved, and no other line changes', () => {
  const CASES: readonly [string, Record<string, string>, string[]][] = [
    [
      'a value in its place',
      { 'red.timeout': '300ms' },
      ['-    timeout:   1s    # short', '+    timeout:   300ms    # short'],
    ],
    ['a key that was not there', { 'red.backlog': '7' }, ['+    backlog: 7']],
    [
      'a key of a map on one line',
      { 'flow.timeout': 'none' },
      [
        '-  flow: { listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }',
        '+  flow: { timeout: none, listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }',
      ],
    ],
    ['a key of the daemon', { workers: '3', 'log.level': 'debug' }, ['+workers: 3', '+log: { level: debug }']],
    ['text that needs quotes', { 'red.hash_tag': '{}' }, ['+    hash_tag: "{}"']],
    [
      'a group',
      { 'red.health_check': '{}', 'red.health_check.interval': '2s' },
      ['+    health_check: { interval: 2s }'],
    ],
    [
      'a member of a group that was not there',
      { 'red.health_check.interval': '2s' },
      ['+    health_check: { interval: 2s }'],
    ],
    [
      'a server on one line',
      { 'red.servers.a.weight': '5' },
      ['-      - h:1:1 a # the old one', '+      - h:1:5 a # the old one'],
    ],
    [
      'a server in a map on one line',
      { 'red.servers.b.c.address': '[::1]:7' },
      ['-      - { address: "h:2", name: b.c, weight: 2 }', '+      - { address: "[::1]:7", name: b.c, weight: 2 }'],
    ],
    ['a server in a map over lines', { 'red.servers.c.weight': '4' }, ['+        weight: 4']],
    [
      'several at once',
      { 'red.timeout': '2s', 'red.servers.a.weight': '2', 'flow.max_pipeline': '9' },
      [
        '-    timeout:   1s    # short',
        '-      - h:1:1 a # the old one',
        '-  flow: { listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }',
        '+    timeout:   2s    # short',
        '+      - h:1:2 a # the old one',
        '+  flow: { max_pipeline: 9, listen: "127.0.0.1:2", protocol: memcached, servers: [h:1] }',
      ],
    ],
  ];
  for (const [what, settings, lines] of CASES) test(what, () => assert.deepEqual(saved(settings), lines));
});

test("what is its default again is written, or left out where it can't be", () => {
  const hash = withDefault(parse(FILE), 'red.hash').config;
  assert.match(savedText(FILE, hash, [{ path: 'red.hash', text: null }], parse), /hash: murmur # chosen/);
  const file = FILE.replace('hash: murmur # chosen', 'hash_tag: "{}" # two');
  const { config } = withDefault(parse(file), 'red.hash_tag');
  const text = savedText(file, config, [{ path: 'red.hash_tag', text: null }], parse);
  assert.equal(text, file.replace('    hash_tag: "{}" # two\n', ''));
});

test("a file in twemproxy's form gets its words", () => {
  const file = 'old:\n  listen: 127.0.0.1:1\n  timeout: 400\n  redis: true\n  servers:\n   - h:1:1 a\n';
  assert.deepEqual(saved({ 'old.timeout': '300ms', 'old.servers.a.weight': '2' }, file), [
    '-  timeout: 400',
    '-   - h:1:1 a',
    '+  timeout: 300',
    '+   - h:1:2 a',
  ]);
  assert.throws(() => saved({ 'old.max_pipeline': '7' }, file), /twemproxy's form of the file has no such key/);
});

test('nothing is written that would not be read as what runs', () => {
  const running = withSettings(parse(FILE), [{ path: 'red.timeout', text: '300ms' }]);
  const other = FILE.replace('127.0.0.1:1\n', '127.0.0.1:9\n');
  assert.throws(() => savedText(other, running, [{ path: 'red.timeout', text: null }], parse), FileEditError);
  const shared = FILE.replace('timeout:   1s ', 'timeout: &t 1s ').replace('h:1] }', 'h:1], timeout: *t }');
  assert.throws(() => {
    const both = withSettings(parse(shared), [{ path: 'red.timeout', text: '300ms' }]);
    savedText(shared, both, [{ path: 'red.timeout', text: null }], parse);
  }, FileEditError);
  assert.throws(
    () => savedText(FILE.replaceAll('\n', '\r\n'), running, [{ path: 'red.timeout', text: '300ms' }], parse),
    FileEditError,
  );
});
