// What the configuration names to be read is relative to it, however it is named.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { withSetting } from '../../../src/config/changes/live-settings.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { withUsers } from '../../../src/config/pool-users.ts';
import { configWarnings } from '../../../src/config/warnings.ts';
import { temporaryDirectory } from '../../support/child.ts';
import { configProblems } from '../../support/config-problems.ts';

const POOL = (more: string) => `pools:\n  p:\n    listen: "h:2"\n    protocol: redis\n    servers: ["h:1"]\n${more}`;
const USERS = (keys: string) => POOL(`users:\n  app: { pools: [p], ${keys} }\n`);
const hex = (text: string) => createHash('sha256').update(text).digest('hex');

test('files of TLS and of passwords', () => {
  const text = `admin: "h:3"
admin_tls: { cert: tls/a.pem, key: /abs/a.key, ca: ../ca.pem }
${POOL(`    listen_tls: { cert: [one.pem, two.pem], key: one.key, crl: crl.pem }
    server_tls: { ca: ca.pem, cert: c.pem, key: c.key }
users:
  app: { pools: [p], password_file: secrets/app }
`)}`;
  const problems = configProblems(text, '/etc/ringmaster/main.yml').join();
  // Two certificates want two keys: nothing else is wrong.
  assert.match(problems, /key/);
  const { adminTls, pools, users } = parseConfig(
    text.replace('[one.pem, two.pem]', 'one.pem'),
    '/etc/ringmaster/main.yml',
  );
  assert.deepEqual(
    [adminTls?.cert, adminTls?.key, adminTls?.ca],
    [['/etc/ringmaster/tls/a.pem'], ['/abs/a.key'], '/etc/ca.pem'],
  );
  const { listenTls, serverTls } = pools[0]!;
  assert.deepEqual([listenTls?.cert, listenTls?.crl], [['/etc/ringmaster/one.pem'], '/etc/ringmaster/crl.pem']);
  const { ca, cert, key } = serverTls!;
  assert.deepEqual(
    [ca, cert, key],
    ['ca', 'c', 'c'].map((name, i) => `/etc/ringmaster/${name}.${i === 2 ? 'key' : 'pem'}`),
  );
  assert.equal(users[0]?.passwordFile, '/etc/ringmaster/secrets/app');
});

test('one that is set by hand', () => {
  const config = parseConfig(USERS('password_file: a'), '/etc/ringmaster/main.yml');
  const set = (value: string) => withSetting(config, 'users.app.password_file', value).config.users[0]?.passwordFile;
  assert.equal(set('b'), '/etc/ringmaster/b');
  assert.equal(set('/b'), '/b');
});

test('passwords of users by reference: each, or the only one; what is in a file is not in plain text here', () => {
  const directory = temporaryDirectory('user-secrets');
  const file = path.join(directory, 'main.yml');
  writeFileSync(path.join(directory, 'plain'), 'geheim\n', { mode: 0o600 });
  writeFileSync(path.join(directory, 'hashed'), `#${hex('other')}\n`, { mode: 0o600 });
  writeFileSync(path.join(directory, 'lines'), 'a\nb\n', { mode: 0o600 });
  process.env.RINGMASTER_TEST_PASSWORD = 'of, the environment';
  const digests = (passwords: string) => {
    const config = parseConfig(USERS(`passwords: ${passwords}`), file);
    assert.deepEqual(
      configWarnings(config).filter(({ message }) => /plain/.test(message)),
      [],
    );
    return withUsers(config)[0]?.users?.[0]?.digests;
  };
  assert.deepEqual(digests('{ file: plain }'), [hex('geheim')]);
  assert.deepEqual(digests('[{ file: hashed }]'), [hex('other')]);
  assert.deepEqual(digests('{ env: RINGMASTER_TEST_PASSWORD }'), [hex('of, the environment')]);
  assert.deepEqual(digests(`['#${hex('x')}', { file: plain }, { env: RINGMASTER_TEST_PASSWORD }]`), [
    hex('x'),
    hex('geheim'),
    hex('of, the environment'),
  ]);
  const wrong = (passwords: string) => configProblems(USERS(`passwords: ${passwords}`), file).join();
  assert.match(wrong('[{ file: nothing }]'), /users\.app\.passwords: cannot read .*nothing: ENOENT/);
  assert.match(wrong('[{ file: lines }]'), /more than one line; password_file takes several passwords/);
  assert.match(wrong('[{ path: plain }]'), /must be a text, \{ file: PATH \} or \{ env: NAME \}/);
  assert.match(wrong('[[x]]'), /must be a list of hashes/);
});
