import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certificateNames } from '../../../src/system/certificate-names.ts';

/** As `getPeerCertificate` has them. */
function names(commonName: unknown, subjectaltname?: string): string[] {
  const subject = commonName === undefined ? {} : { CN: commonName };
  return certificateNames({ subject, subjectaltname } as unknown as Parameters<typeof certificateNames>[0]);
}

test('the common name, then DNS names, URIs and mail addresses in their order', () => {
  const alternatives = 'DNS:a.test, URI:spiffe://x/y, email:me@x.test, DNS:*.b.test';
  assert.deepEqual(names('cn', alternatives), ['cn', 'a.test', 'spiffe://x/y', 'me@x.test', '*.b.test']);
});

test('nothing else: addresses, other names, several common names', () => {
  assert.deepEqual(names(undefined, 'IP Address:127.0.0.1, DNS:a, othername:<unsupported>, Registered ID:1.2.3'), [
    'a',
  ]);
  assert.deepEqual(names(['one', 'two'], 'DNS:a'), ['a']);
  assert.deepEqual(names('', ''), []);
  assert.deepEqual(names(undefined), []);
});

test('a name with commas and quotes stays one name', () => {
  assert.deepEqual(names(undefined, 'URI:"http://x/, DNS:app", DNS:b'), ['http://x/, DNS:app', 'b']);
  assert.deepEqual(names(undefined, String.raw`URI:"http://x/\"\\, DNS:app"`), ['http://x/"\\, DNS:app']);
});

test('of a text that is not understood nothing is taken', () => {
  for (const odd of ['DNS:a, ', 'DNS:a, what', 'DNS:a,DNS:b', ', DNS:a', 'URI:"open, DNS:a', 'DNS:a"b, DNS:c']) {
    assert.deepEqual(names('cn', odd), ['cn'], odd);
  }
});
