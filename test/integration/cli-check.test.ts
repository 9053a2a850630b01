import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/child.ts';
import { runRingmaster, writeConfigFile } from '../support/ringmaster.ts';

const GOOD = `
sessions:
  listen: 127.0.0.1:22121
  redis: true
  hash: murmur
  servers:
    - 127.0.0.1:6379:1 one
    - 127.0.0.1:6380:1 two
`;

test('a good file: its servers and their shares, exit code 0', async () => {
  const file = writeConfigFile(GOOD);
  const { code, stdout, stderr } = await runRingmaster(['check', file]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.equal(
    stdout.replace(/^open files: each of \d+ workers? needs 69, and .*$/m, 'open files: …'),
    `sessions: redis on 127.0.0.1:22121, ketama, murmur
  server  address         weight  share of keys
  one     127.0.0.1:6379       1        49.66 %
  two     127.0.0.1:6380       1        50.34 %

open files: …
${file}: syntax is ok, 1 pool, 2 servers, 0 warnings
`,
  );
});

const ODD = `
crc:
  listen: 127.0.0.1:80
  hash: crc32
  servers:
    - 10.0.0.1:11211:1 a
    - 10.0.0.1:11211:1 b
lone:
  listen: 127.0.0.1:22122
  servers:
    - 10.0.0.1:11211:1
tiny:
  listen: 127.0.0.1:22123
  hash: murmur
  servers:
    - 10.0.0.1:11211:1
    - 10.0.0.2:11211:1000
`;

const ODD_WARNINGS = [
  /^3:11: crc\.listen: port 80 is privileged/,
  /^4:9: crc\.hash: crc32 has only 15 bits/,
  /^7:7: crc\.servers\[1\]: the same address as "a"/,
  /^10:3: lone\.servers: one server/,
  /^16:7: tiny\.servers\[0\]: "10\.0\.0\.1" gets no keys: its weight of 1 in 1001/,
];

test('what is odd is said with its line, and is no error', async () => {
  const file = writeConfigFile(ODD);
  const { code, stdout } = await runRingmaster(['check', file]);
  assert.equal(code, 0);
  const lines = stdout.split('\n').filter(line => line.includes('warning: '));
  assert.equal(lines.length, ODD_WARNINGS.length, stdout);
  for (const [i, warning] of ODD_WARNINGS.entries()) {
    assert.ok(lines[i]!.startsWith(`${file}:`));
    assert.match(lines[i]!.slice(file.length + 1).replace('warning: ', ''), warning);
  }
  assert.match(stdout, /syntax is ok, 3 pools, 5 servers, 5 warnings\n$/);
});

test('--strict makes what is odd an error, and leaves a good file good', async () => {
  assert.equal((await runRingmaster(['check', '--strict', writeConfigFile(ODD)])).code, 1);
  assert.equal((await runRingmaster(['check', '--strict', writeConfigFile(GOOD)])).code, 0);
});

test('--json has the same, for programs', async () => {
  const file = writeConfigFile(ODD);
  const { code, stdout } = await runRingmaster(['check', '--json', file]);
  assert.equal(code, 0);
  const { warnings, pools, openFiles, ...rest } = JSON.parse(stdout);
  assert.deepEqual(rest, { file, isValid: true, form: 'twemproxy', problems: [] });
  assert.deepEqual(openFiles.perWorker, { servers: 72, clients: null });
  for (const [i, { line, column, path, message }] of warnings.entries()) {
    assert.match(`${line}:${column}: ${path}: ${message}`, ODD_WARNINGS[i]!);
  }
  assert.deepEqual(pools[0].servers, [
    { name: 'a', address: '10.0.0.1:11211', weight: 1, share: pools[0].servers[0].share },
    { name: 'b', address: '10.0.0.1:11211', weight: 1, share: 1 - pools[0].servers[0].share },
  ]);
});

test("a hash that keeps running numbers together is odd, as twemproxy's default does", async () => {
  const { stdout } = await runRingmaster(['check', writeConfigFile(GOOD.replace('  hash: murmur\n', ''))]);
  assert.match(
    stdout,
    /:2:1: warning: sessions\.hash: fnv1a_64 keeps running numbers together: [\d.]+ % of session:1 … /,
  );
});

test('a bad file: every problem with its place, exit code 1', async () => {
  const file = writeConfigFile('p:\n  listen: 127.0.0.1:1\n  hash: fnv\n  servers:\n    - 127.0.0.1:2:0\n');
  const { code, stdout } = await runRingmaster(['check', file]);
  assert.equal(code, 1);
  const lines = stdout.split('\n');
  assert.match(lines[0]!, /ringmaster\.yml:3:9: p\.hash: unknown hash "fnv"/);
  assert.match(lines[1]!, /ringmaster\.yml:5:7: p\.servers\[0\]: "0" is no weight/);
  assert.equal(lines[2], `${file}: syntax is invalid, 2 problems`);
  const json = JSON.parse((await runRingmaster(['check', '--json', file])).stdout);
  assert.deepEqual([json.isValid, json.form, json.problems.length, json.pools], [false, null, 2, []]);
});

test('a limit on open files that cannot suffice is seen', async () => {
  const file = writeConfigFile(`${GOOD}  client_connections: 1000\n`);
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const command = `ulimit -n 200 && exec "$0" "$@"`;
  const { code, stdout } = await run('/bin/sh', ['-c', command, process.execPath, main, 'check', '--json', file]);
  assert.equal(code, 0);
  const { warnings, openFiles } = JSON.parse(stdout);
  assert.equal(openFiles.limit, 200);
  assert.deepEqual(openFiles.perWorker, { servers: 69, clients: Math.ceil(1000 / openFiles.workers) });
  assert.equal(warnings.length, 1);
  assert.equal(`${warnings[0].line}: ${warnings[0].path}`, '9: sessions.client_connections');
  assert.match(warnings[0].message, /1,000 clients over \d+ workers? and 4 .* a worker may have 200/);
});

test('of a pool without a port of its own it says which ports lead to it', async () => {
  const file = fileURLToPath(new URL('../../conf/one-port.yml', import.meta.url));
  const { stdout } = await runRingmaster(['check', file]);
  assert.match(stdout, /^sessions: redis by the port of front and by-number, ketama, murmur$/m);
});
