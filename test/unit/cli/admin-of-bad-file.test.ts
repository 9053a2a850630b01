import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { adminOfBadFile } from '../../../src/cli/admin-of-bad-file.ts';
import { temporaryDirectory } from '../../support/child.ts';

function adminOf(text: string) {
  const directory = temporaryDirectory('bad');
  const file = path.join(directory, 'bad.yml');
  writeFileSync(file, text);
  writeFileSync(path.join(directory, 'token'), 'geheim\n');
  return adminOfBadFile(file);
}

test('what a bad file says of the admin server is found, also its TLS and a token that stands elsewhere', () => {
  const more = 'admin: 127.0.0.1:1\npools: { p: { hush: x } }\n';
  assert.deepEqual(adminOf(`admin_token: { file: token }\nadmin_tls: { cert: a.pem }\n${more}`), {
    admin: { host: '127.0.0.1', port: 1 },
    adminSocket: null,
    adminToken: 'geheim',
    adminTls: { cert: ['a.pem'] },
  });
  assert.deepEqual(adminOf(`admin_tls: { cert: [a.pem, b.pem], key: [] }\n${more}`)?.adminTls, {
    cert: ['a.pem', 'b.pem'],
  });
  assert.deepEqual(adminOf(`admin_token: geheim\n${more}`)?.adminToken, 'geheim');
  assert.equal(adminOf(more)?.adminTls, null);
});

test('what is no configuration file, or refers to nothing, says nothing', () => {
  assert.equal(adminOf('- a list\n'), null);
  assert.equal(adminOf('admin_token: { file: nowhere }\npools: {}\n'), null);
});
