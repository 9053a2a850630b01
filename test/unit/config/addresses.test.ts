import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListenAddress, parseServerLine, parseTwemproxyServer } from '../../../src/config/addresses.ts';
import { SettingError } from '../../../src/settings/setting-error.ts';

const LONGEST_PATH = `/${'x'.repeat(106)}`;

const LISTEN: readonly [string, object | null][] = [
  ['127.0.0.1:22121', { host: '127.0.0.1', port: 22121 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['localhost:1', { host: 'localhost', port: 1 }],
  ['[::1]:22121', { host: '::1', port: 22121 }],
  ['[fe80::1%eth0]:22121', { host: 'fe80::1%eth0', port: 22121 }],
  ['/run/r.sock', { path: '/run/r.sock', mode: null }],
  ['/run/r.sock 0660', { path: '/run/r.sock', mode: 0o660 }],
  ['/run/a b 777', { path: '/run/a b', mode: 0o777 }],
  [LONGEST_PATH, { path: LONGEST_PATH, mode: null }],
  [`${LONGEST_PATH}x`, null],
  ['::1:22121', null],
  ['[::1]', null],
  ['[::g]:1', null],
  ['127.0.0.1', null],
  ['127.0.0.1:', null],
  ['127.0.0.1:65536', null],
  ['127.0.0.1:1x', null],
  [':22121', null],
  ['*:22121', null],
  ['a b:22121', null],
  ['http://a:22121', null],
  ['/run/r.sock 0888', null],
  ['/run/r.sock 1777', null],
  ['/run/r.sock  0660', null],
  ['/run/', null],
  ['/run/\0', null],
  ['run/r.sock', null],
  ['', null],
];
for (const [text, address] of LISTEN) {
  test(`listen address ${JSON.stringify(text)} is ${address === null ? 'refused' : 'read'}`, () => {
    if (address === null) assert.throws(() => parseListenAddress(text, 0, 'bracketed-ipv6'), SettingError);
    else assert.deepEqual(parseListenAddress(text, 0, 'bracketed-ipv6'), address);
  });
}

const LINES: readonly [string, object | null][] = [
  ['10.0.0.1:6379', { address: { host: '10.0.0.1', port: 6379 }, portText: '6379', weight: 1, alias: null }],
  ['10.0.0.1:6379:3', { address: { host: '10.0.0.1', port: 6379 }, portText: '6379', weight: 3, alias: null }],
  ['10.0.0.1:6379 a', { address: { host: '10.0.0.1', port: 6379 }, portText: '6379', weight: 1, alias: 'a' }],
  ['10.0.0.1:06379:3  a:b', { address: { host: '10.0.0.1', port: 6379 }, portText: '06379', weight: 3, alias: 'a:b' }],
  ['[::1]:6379', { address: { host: '::1', port: 6379 }, portText: '6379', weight: 1, alias: null }],
  ['[::1]:6379:2 a', { address: { host: '::1', port: 6379 }, portText: '6379', weight: 2, alias: 'a' }],
  ['/s', { address: { path: '/s' }, portText: '', weight: 1, alias: null }],
  ['/s a', { address: { path: '/s' }, portText: '', weight: 1, alias: 'a' }],
  ['/s:2 a', { address: { path: '/s' }, portText: '', weight: 2, alias: 'a' }],
  ['10.0.0.1', null],
  ['::1:6379:1', null],
  ['[::1:6379', null],
  ['10.0.0.1:0', null],
  ['10.0.0.1:6379:0', null],
  ['10.0.0.1:6379:1.5', null],
  ['10.0.0.1:6379:2147483648', null],
  ['10.0.0.1:6379:1 two words', null],
  ['10.0.0.1:6379:1 ', null],
  ['10.0.0.1:6379:1 a\tb', null],
  ['/s:x', null],
  ['', null],
];
for (const [text, line] of LINES) {
  test(`server line ${JSON.stringify(text)} is ${line === null ? 'refused' : 'read'}`, () => {
    if (line === null) assert.throws(() => parseServerLine(text), SettingError);
    else assert.deepEqual(parseServerLine(text), line);
  });
}

test("twemproxy's server line is taken apart from its end", () => {
  assert.deepEqual(parseTwemproxyServer('::1:6379:2'), {
    address: { host: '::1', port: 6379 },
    portText: '6379',
    weight: 2,
    alias: null,
  });
  assert.deepEqual(parseTwemproxyServer('/a b:1 c'), {
    address: { path: '/a b' },
    portText: '',
    weight: 1,
    alias: 'c',
  });
  assert.throws(() => parseTwemproxyServer('10.0.0.1:6379'), /lacks its weight/);
  assert.throws(() => parseTwemproxyServer('10.0.0.1'), /lacks its port and weight/);
  assert.throws(() => parseTwemproxyServer('/a'), /lacks its weight/);
});
