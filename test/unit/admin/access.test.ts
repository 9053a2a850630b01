import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isLoopback, mayChange, mayRead } from '../../../src/admin/access.ts';

const LOCAL = { host: '127.0.0.1:22223' };
const REMOTE = { host: 'proxy.example:22223' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('what changes something', () => {
  const cases = [
    { name: 'loopback, no token set', headers: LOCAL, isLocal: true, token: null, status: null },
    { name: 'elsewhere, no token set', headers: REMOTE, isLocal: false, token: null, status: 403 },
    {
      name: 'elsewhere, no token set, one given',
      headers: { ...REMOTE, ...bearer('x') },
      isLocal: false,
      token: null,
      status: 403,
    },
    {
      name: 'elsewhere, the token',
      headers: { ...REMOTE, ...bearer('s3cret') },
      isLocal: false,
      token: 's3cret',
      status: null,
    },
    { name: 'elsewhere, without the token', headers: REMOTE, isLocal: false, token: 's3cret', status: 401 },
    { name: 'loopback, without the token', headers: LOCAL, isLocal: true, token: 's3cret', status: 401 },
    {
      name: 'loopback, the token',
      headers: { ...LOCAL, ...bearer('s3cret') },
      isLocal: true,
      token: 's3cret',
      status: null,
    },
    { name: 'another token', headers: { ...LOCAL, ...bearer('s3creT') }, isLocal: true, token: 's3cret', status: 401 },
    {
      name: 'a part of the token',
      headers: { ...LOCAL, ...bearer('s3c') },
      isLocal: true,
      token: 's3cret',
      status: 401,
    },
    { name: 'an empty token', headers: { ...LOCAL, ...bearer('') }, isLocal: true, token: 's3cret', status: 401 },
    {
      name: 'the token in another scheme',
      headers: { ...LOCAL, authorization: 'Basic s3cret' },
      isLocal: true,
      token: 's3cret',
      status: 401,
    },
    {
      name: 'the scheme in small letters',
      headers: { ...LOCAL, authorization: 'bearer s3cret' },
      isLocal: true,
      token: 's3cret',
      status: null,
    },
    {
      name: 'a web page',
      headers: { ...LOCAL, origin: 'http://evil.example' },
      isLocal: true,
      token: null,
      status: 403,
    },
    {
      name: 'a web page with an opaque origin',
      headers: { ...LOCAL, origin: 'null' },
      isLocal: true,
      token: null,
      status: 403,
    },
    {
      name: 'our own page with the token',
      headers: { ...LOCAL, origin: 'http://127.0.0.1:22223', ...bearer('t') },
      isLocal: true,
      token: 't',
      status: null,
    },
    {
      name: 'our own page behind a proxy that speaks TLS, with the token',
      headers: { ...REMOTE, origin: 'https://proxy.example:22223', ...bearer('t') },
      isLocal: false,
      token: 't',
      status: null,
    },
    {
      name: 'our own page with another token',
      headers: { ...LOCAL, origin: 'http://127.0.0.1:22223', ...bearer('x') },
      isLocal: true,
      token: 't',
      status: 401,
    },
    {
      name: 'our own page where no token is set',
      headers: { ...LOCAL, origin: 'http://127.0.0.1:22223', ...bearer('t') },
      isLocal: true,
      token: null,
      status: 403,
    },
    {
      name: 'another web page with the token',
      headers: { ...LOCAL, origin: 'http://127.0.0.1:8080', ...bearer('t') },
      isLocal: true,
      token: 't',
      status: 403,
    },
    {
      name: 'an origin and no host',
      headers: { origin: 'http://undefined', ...bearer('t') },
      isLocal: false,
      token: 't',
      status: 403,
    },
    {
      name: 'a name made to point here',
      headers: { host: 'evil.example:22223' },
      isLocal: true,
      token: null,
      status: 403,
    },
    { name: 'no host', headers: {}, isLocal: true, token: null, status: 403 },
  ];
  for (const { name, headers, isLocal, token, status } of cases) {
    test(`${name}: ${status ?? 'allowed'}`, () => {
      assert.equal(mayChange(headers, isLocal, token)?.status ?? null, status);
    });
  }

  test('a refusal does not tell the token', () => {
    assert.doesNotMatch(mayChange(LOCAL, true, 's3cret')!.message, /s3cret/);
  });
});

describe('hosts on loopback', () => {
  for (const host of [
    '127.0.0.1',
    '127.0.0.1:1',
    'localhost',
    'LOCALHOST:22223',
    '[::1]',
    '[::1]:22223',
    '10.0.0.1:1',
  ]) {
    test(`${host} may read`, () => assert.equal(mayRead({ host }, true), null));
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::1',
    '::1:80',
    '',
    '[127.0.0.1]',
  ]) {
    test(`"${host}" may not`, () => assert.equal(mayRead({ host }, true)?.status, 403));
  }
  test('elsewhere any name may', () => assert.equal(mayRead(REMOTE, false), null));
});

describe('loopback', () => {
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) {
    test(`${address} is`, () => assert.ok(isLoopback(address)));
  }
  for (const address of ['0.0.0.0', '::', '10.127.0.0', '::ffff:10.0.0.1', '::11']) {
    test(`${address} is not`, () => assert.ok(!isLoopback(address)));
  }
});
