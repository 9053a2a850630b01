import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { CertificateError, withTlsFiles } from '../../../src/config/certificates.ts';
import type { PoolConfig } from '../../../src/config/config.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { Authority, type CertificateFiles } from '../../support/certificates.ts';

let authority: Authority;
let one: CertificateFiles;
let two: CertificateFiles;

before(async () => {
  authority = await Authority.create();
  one = await authority.sign('one');
  two = await authority.sign('two');
});

function pool(settings: string): PoolConfig {
  const text = `pools:\n  p: { listen: 'h:1', protocol: redis, servers: ['h:2'], ${settings} }\n`;
  return parseConfig(text, 'f').pools[0] as PoolConfig;
}

const refused = (settings: string, message: RegExp) =>
  assert.throws(
    () => withTlsFiles(pool(settings)),
    (error: Error) => error instanceof CertificateError && message.test(error.message) && !/BEGIN/.test(error.message),
  );

test('a pool without TLS is the same', () => {
  const plain = pool('hash: murmur');
  assert.equal(withTlsFiles(plain), plain);
});

test('what the files say comes beside their paths; the ticket keys are new each time', () => {
  const read = () =>
    withTlsFiles(pool(`listen_tls: { cert: ${one.cert}, key: ${one.key} }, server_tls: { ca: ${authority.cert} }`)).tls;
  const tls = read();
  assert.match(tls?.listen?.certificates[0]?.cert ?? '', /^-----BEGIN CERTIFICATE-----/);
  assert.match(tls?.listen?.certificates[0]?.key ?? '', /^-----BEGIN (EC )?PRIVATE KEY-----/);
  assert.equal(tls?.servers?.ca, authority.pem());
  assert.equal(Buffer.from(tls?.listen?.ticketKeys ?? '', 'base64').length, 48);
  assert.notEqual(read()?.listen?.ticketKeys, tls?.listen?.ticketKeys);
});

test('files that are missing, are something else, or do not fit are refused by name', () => {
  const garbage = path.join(authority.dir, 'garbage.pem');
  writeFileSync(garbage, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const text = path.join(authority.dir, 'text.pem');
  writeFileSync(text, 'geheim');
  refused(
    `listen_tls: { cert: /nowhere.pem, key: ${one.key} }`,
    /^pool p: listen_tls: cannot read \/nowhere\.pem: ENOENT/,
  );
  refused(`listen_tls: { cert: ${text}, key: ${one.key} }`, /text\.pem is no PEM file$/);
  refused(`listen_tls: { cert: ${garbage}, key: ${one.key} }`, /OpenSSL can't use .*garbage\.pem, .*one\.key: /);
  refused(
    `listen_tls: { cert: ${one.cert}, key: ${two.key} }`,
    /^pool p: listen_tls: .*two\.key is not the key of .*one\.pem$/,
  );
  refused(`listen_tls: { cert: ${one.cert}, key: ${one.key}, ciphers: NONE-SUCH }`, /OpenSSL can't use .*cipher/);
  refused(
    `server_tls: { cert: ${one.cert}, key: ${two.key} }`,
    /^pool p: server_tls: .*two\.key is not the key of .*one\.pem$/,
  );
  refused(`server_tls: { ca: ${text} }`, /text\.pem is no PEM file$/);
});
