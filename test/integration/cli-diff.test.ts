import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runRingmaster, writeConfigFile } from '../support/ringmaster.ts';

const OLD = `
sessions:
  listen: 127.0.0.1:22121
  redis: true
  redis_auth: old-secret
  distribution: modula
  servers:
    - 10.0.0.1:6379:1 one
    - 10.0.0.2:6379:1 two
pages:
  listen: 127.0.0.1:22122
  servers:
    - 10.0.0.1:11211:1
    - 10.0.0.2:11211:1
gone:
  listen: 127.0.0.1:22123
  servers:
    - 10.0.0.1:11211:1
`;

const NEW = `
workers: 3
admin: false
pools:
  sessions:
    listen: 127.0.0.1:22121
    protocol: redis
    hash: fnv1a_64
    redis_auth: new-secret
    distribution: modula
    timeout: 400ms
    tcpkeepalive: false
    servers:
      - 10.0.0.1:6379:1 one
      - 10.0.0.2:6379:1 two
      - 10.0.0.3:6379:2 three
  pages:
    listen: 127.0.0.1:22122
    protocol: memcached
    hash: fnv1a_64
    timeout: none
    tcpkeepalive: false
    servers:
      - 10.0.0.1:11211
      - 10.0.0.2:11211
  fresh:
    listen: 127.0.0.1:22124
    protocol: memcached
    hash: fnv1a_64
    servers: [10.0.0.1:11211]
`;

test('for people: settings, pools, servers, and the keys that move, between both forms of file', async () => {
  const [before, after] = [writeConfigFile(OLD), writeConfigFile(NEW)];
  const { code, stdout, stderr } = await runRingmaster(['diff', before, after]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const lines = stdout.split('\n');
  assert.match(lines[0]!, /^old: {2}.* {2}\(twemproxy's form\)$/);
  assert.match(lines[1]!, /^new: {2}.* {2}\(Ringmaster's own form\)$/);
  // Names in order of length: one, two, three, three. Of hashes modulo 4 → 0: one, 1: two, 2: one → three, 3: two → three.
  assert.equal(
    lines.slice(3).join('\n'),
    `
Outside the pools
  workers  auto  →  3

Pool fresh: added, 127.0.0.1:22124, 1 server

Pool gone: removed, 127.0.0.1:22123, 1 server

Pool sessions
  timeout     none        →  400ms
  redis_auth  <redacted>  →  <redacted> (another)
         server  address        weight  share of keys
  kept   one     10.0.0.1:6379  1       50.00 % → 25.00 %
  kept   two     10.0.0.2:6379  1       50.00 % → 25.00 %
  added  three   10.0.0.3:6379  2       – → 50.00 %
  keys: 50.00 % move (exact: 2,147,483,648 of 4,294,967,296 hash values)
    one (10.0.0.1:6379)  →  three (10.0.0.3:6379)  25.00 %
    two (10.0.0.2:6379)  →  three (10.0.0.3:6379)  25.00 %

Pool pages: no change
`,
  );
  assert.ok(!stdout.includes('-secret'));
});

test('for programs: the same, with the counts', async () => {
  const { code, stdout } = await runRingmaster(['diff', '--json', writeConfigFile(OLD), writeConfigFile(NEW)]);
  assert.equal(code, 0);
  assert.ok(!stdout.includes('-secret'));
  const diff = JSON.parse(stdout);
  assert.deepEqual([diff.old.form, diff.new.form, diff.isChanged], ['twemproxy', 'native', true]);
  assert.deepEqual(diff.settings, [{ key: 'workers', old: 'auto', new: '3', applies: 'live' }]);
  assert.deepEqual(diff.poolsAdded, [{ name: 'fresh', listen: '127.0.0.1:22124', servers: 1 }]);
  assert.deepEqual(diff.poolsRemoved, [{ name: 'gone', listen: '127.0.0.1:22123', servers: 1 }]);
  const [sessions, pages] = diff.pools;
  assert.deepEqual(sessions.servers[2], {
    change: 'added',
    old: null,
    new: { name: 'three', address: '10.0.0.3:6379', weight: 2, share: 0.5 },
  });
  assert.deepEqual(sessions.movements, [
    {
      keys: 'all',
      basis: 'exact',
      moved: 0.5,
      flows: [
        {
          from: { name: 'one', address: '10.0.0.1:6379' },
          to: { name: 'three', address: '10.0.0.3:6379' },
          share: 0.25,
          hashValues: 2 ** 30,
        },
        {
          from: { name: 'two', address: '10.0.0.2:6379' },
          to: { name: 'three', address: '10.0.0.3:6379' },
          share: 0.25,
          hashValues: 2 ** 30,
        },
      ],
    },
  ]);
  assert.equal(pages.isChanged, false);
  assert.deepEqual(pages.movements, [{ keys: 'all', basis: 'exact', moved: 0, flows: [] }]);
});

test('the share that diff foretells is the share that route shows', async () => {
  const before = writeConfigFile('p:\n  listen: h:1\n  servers:\n    - a:1:1\n    - b:1:1\n    - c:1:1\n    - d:1:1\n');
  const after = writeConfigFile('p:\n  listen: h:1\n  servers:\n    - a:1:1\n    - b:1:3\n    - c:1:1\n    - e:1:1\n');
  const diff = JSON.parse((await runRingmaster(['diff', '--json', before, after])).stdout);
  const { moved } = diff.pools[0].movements[0];
  const keys = Array.from({ length: 5000 }, (_, i) => `key:${i}:${(i * 7919) % 10_007}`);
  const addresses = async (file: string) => {
    const { stdout } = await runRingmaster(['route', '-c', file, '-'], { input: `${keys.join('\n')}\n` });
    return stdout
      .split('\n')
      .slice(1, -1)
      .map(line => line.split(/ +/)[2]);
  };
  const [old, now] = [await addresses(before), await addresses(after)];
  assert.equal(old.length, keys.length);
  const measured = old.filter((address, i) => address !== now[i]).length / keys.length;
  const deviation = Math.sqrt((moved * (1 - moved)) / keys.length);
  assert.ok(Math.abs(measured - moved) < 5 * deviation, `${moved} foretold, ${measured} seen`);
});

test('the same file changes nothing', async () => {
  const file = writeConfigFile(OLD);
  const { stdout } = await runRingmaster(['diff', file, file]);
  assert.match(stdout, /\n\nNothing changes\.\n$/);
  assert.equal(JSON.parse((await runRingmaster(['diff', '--json', file, file])).stdout).isChanged, false);
});

test('another hash: the share is said to be expected', async () => {
  const after = writeConfigFile(OLD.replace('distribution: modula', 'distribution: modula\n  hash: murmur'));
  const { stdout } = await runRingmaster(['diff', writeConfigFile(OLD), after]);
  assert.match(stdout, /\n {2}hash {2}fnv1a_64 {2}→ {2}murmur\n/);
  assert.match(stdout, /\n {2}keys: 50\.00 % move \(expected: each key is hashed anew/);
});

test('a file that cannot be used: its problems, exit code 1, whichever it is', async () => {
  const [good, bad] = [writeConfigFile(OLD), writeConfigFile('p:\n  listen: nowhere\n')];
  for (const files of [
    [good, bad],
    [bad, good],
  ]) {
    const { code, stdout, stderr } = await runRingmaster(['diff', ...files]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    for (const line of stderr.trimEnd().split('\n')) assert.ok(line.startsWith(`ringmaster: ${bad}:`), line);
  }
});
