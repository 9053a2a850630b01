// `ringmaster route` must name the server that gets the key: it is held against twemproxy's recorded answers.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { run } from '../support/child.ts';
import { runRingmaster, writeConfigFile } from '../support/ringmaster.ts';

interface Case {
  readonly name: string;
  readonly hash: string;
  readonly distribution: string;
  readonly hash_tag?: string;
  readonly servers: readonly string[];
  readonly keySet: string;
  readonly picks: readonly number[];
}

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

const { keys, cases } = JSON.parse(
  readFileSync(new URL('../golden/routing-vectors.json', import.meta.url), 'utf8'),
) as { keys: Record<string, string[]>; cases: Case[] };

function fileOf(chosen: readonly Case[]): string {
  return chosen
    .map(({ hash, distribution, hash_tag, servers }, i) => {
      const tag = hash_tag === undefined ? '' : `  hash_tag: "${hash_tag}"\n`;
      const list = servers.map(server => `    - '${server}'\n`).join('');
      return `p${i}:\n  listen: 127.0.0.1:${10_000 + i}\n  hash: ${hash}\n  distribution: ${distribution}\n${tag}  servers:\n${list}`;
    })
    .join('');
}

/** Pools asked about at once, so that the answer stays below what the tests keep of a child's output. */
const POOLS_AT_ONCE = 8;

for (const [keySet, setKeys] of Object.entries(keys)) {
  test(`route names the servers that twemproxy chose, for the keys "${keySet}" in base64 from standard input`, async () => {
    const all = cases.filter(each => each.keySet === keySet);
    for (let first = 0; first < all.length; first += POOLS_AT_ONCE) {
      const chosen = all.slice(first, first + POOLS_AT_ONCE);
      const args = ['route', '-c', writeConfigFile(fileOf(chosen)), '--json', '--base64', '-'];
      const { code, stdout, stderr } = await runRingmaster(args, { input: `${setKeys.join('\n')}\n` });
      assert.equal(code, 0, stderr);
      const routes = JSON.parse(stdout) as { pool: string; keyBase64: string; server: { address: string } }[];
      const want = chosen.flatMap(({ servers, picks }, i) =>
        picks.map((pick, j) => [`p${i}`, setKeys[j], servers[pick]!.replace(/:\d+( .*)?$/, '')]),
      );
      const got = routes.map(({ pool, keyBase64, server }) => [pool, keyBase64, server.address]);
      assert.deepEqual(got, want);
    }
  });
}

const FILE = writeConfigFile(`
ring:
  listen: 127.0.0.1:10001
  redis: true
  hash_tag: "{}"
  servers:
    - 10.0.0.1:6379:1 one
    - 10.0.0.2:6379:1 two
slots:
  listen: 127.0.0.1:10002
  distribution: modula
  hash: crc16
  servers:
    - 10.0.0.1:11211:1
    - 10.0.0.2:11211:2
anywhere:
  listen: 127.0.0.1:10003
  distribution: random
  servers:
    - 10.0.0.1:11211:1
    - 10.0.0.2:11211:1
single:
  listen: 127.0.0.1:10004
  servers:
    - 10.0.0.1:11211:1
`);

const route = async (...args: string[]) => {
  const result = await runRingmaster(['route', '-c', FILE, ...args]);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout;
};

test('for people: each pool in turn, with the reason', async () => {
  // The points were computed with another program, in Python; the hashes stand in the notes on twemproxy.
  assert.equal(
    await route('apple'),
    `pool      key    server    address         because
ring      apple  one       10.0.0.1:6379   fnv1a_64(apple) = 1488911807, ketama point 1494925065 (no. 107 of 320)
slots     apple  10.0.0.2  10.0.0.2:11211  crc16(apple) = 3662830516, modula slot 1 of 3
anywhere  apple  (any)                     distribution: random, any of 2 servers each time
single    apple  10.0.0.1  10.0.0.1:11211  the only server of the pool
`,
  );
});

test('for programs: the steps from the key to the point', async () => {
  const [entry, ...others] = JSON.parse(await route('--pool', 'ring', '--json', 'user:{apple}:x'));
  assert.deepEqual(others, []);
  assert.deepEqual(entry.steps.place.distribution, 'ketama');
  assert.ok(entry.steps.place.point >= 1488911807);
  entry.steps.place = null;
  assert.deepEqual(entry, {
    pool: 'ring',
    key: 'user:{apple}:x',
    keyBase64: Buffer.from('user:{apple}:x').toString('base64'),
    by: 'hash',
    server: { name: 'one', address: '10.0.0.1:6379', weight: 1 },
    steps: {
      isTagged: true,
      hashed: 'apple',
      hashedBase64: Buffer.from('apple').toString('base64'),
      hash: 'fnv1a_64',
      value: 1488911807,
      place: null,
    },
  });
});

test('--pool narrows, and drops the column; odd keys are shown in quotes', async () => {
  const text = await route('--pool', 'slots', 'a b', '');
  assert.deepEqual(
    text.split('\n').map(line => line.split('  ')[0]),
    ['key', '"a b"', '""', ''],
  );
  assert.match(text, /crc16\(""\) = 0, modula slot 0 of 3/);
});

test('keys come from standard input line by line, byte by byte', async () => {
  const { stdout } = await runRingmaster(['route', '-c', FILE, '--pool', 'ring', '--json', 'first', '-'], {
    input: 'second \r\n\nlast',
  });
  const got = JSON.parse(stdout).map((entry: { keyBase64: string }) =>
    Buffer.from(entry.keyBase64, 'base64').toString(),
  );
  assert.deepEqual(got, ['first', 'second \r', '', 'last']);
});

test('-c may stand before the command too', async () => {
  const { code, stdout } = await runRingmaster(['-c', FILE, 'route', '--pool', 'single', 'k']);
  assert.equal(code, 0);
  assert.match(stdout, /the only server of the pool/);
});

test('a pool that is not there, a key that is not base64, a bad file: one line and exit code 1', async () => {
  const bad = writeConfigFile('p: {}\n');
  for (const [args, message] of [
    [
      ['-c', FILE, '--pool', 'rong', 'k'],
      /^ringmaster: there is no pool "rong"; the file has: ring, slots, anywhere, single\n$/,
    ],
    [['-c', FILE, '--base64', 'a%'], /^ringmaster: "a%" is not base64\n$/],
    [['-c', '/nonexistent.yml', 'k'], /^ringmaster: \/nonexistent\.yml: cannot read the file: no such file\n$/],
    [['-c', bad, 'k'], /^ringmaster: .*ringmaster\.yml/],
  ] as const) {
    const { code, stdout, stderr } = await runRingmaster(['route', ...args]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
});

test('a long answer is written to the end, and nobody is blamed for not reading it', async () => {
  const input = Array.from({ length: 10_000 }, (_, i) => `key${i}\n`).join('');
  const args = ['route', '-c', FILE, '--pool', 'ring', '-'];
  const { code, stdout } = await runRingmaster(args, { input });
  assert.equal(code, 0);
  assert.equal(stdout.split('\n').length, 10_002);
  const headed = await run('/bin/sh', ['-c', '"$0" "$@" | head -n 1', process.execPath, MAIN, ...args], { input });
  assert.deepEqual([headed.stdout.split('\n').length, headed.stderr], [2, '']);
});

test('--spread counts the keys of a list for each server, and their bytes', async () => {
  const four = writeConfigFile(
    `p:\n  listen: h:1\n  servers:\n${[1, 2, 3, 4].map(i => `    - 10.0.0.${i}:6379:1\n`).join('')}`,
  );
  const list = Array.from({ length: 100 }, (_, i) => `session:${i + 1} ${i}`);
  const args = ['route', '-c', four, '--spread', '-', '--sizes', '--json'];
  const { code, stdout, stderr } = await runRingmaster(args, { input: `${list.join('\n')}\n` });
  assert.equal(code, 0, stderr);
  const [{ servers, keys, bytes, maxToFair, ...rest }] = JSON.parse(stdout);
  assert.deepEqual(rest, { pool: 'p', hash: 'fnv1a_64', distribution: 'ketama' });
  assert.deepEqual([keys, bytes], [100, 4950]);
  // twemproxy's default keeps keys in a row together.
  assert.deepEqual(
    servers.map((server: { keys: number }) => server.keys).sort((a: number, b: number) => b - a),
    [91, 9, 0, 0],
  );
  assert.equal(maxToFair.keys, 3.64);
  assert.equal(
    servers.reduce((sum: number, server: { bytes: number }) => sum + server.bytes, 0),
    4950,
  );
});

test('--spread says what it lacks', async () => {
  const failure = async (args: string[], input = '') =>
    (await runRingmaster(['route', '-c', FILE, ...args], { input })).stderr;
  assert.match(
    await failure(['--spread', '-', '--sizes'], 'key\n'),
    /line 1 of the keys: must end in a space and the bytes/,
  );
  assert.match(await failure(['--spread', '/no/such/file']), /cannot read the keys of \/no\/such\/file/);
  assert.match(await failure(['--spread', '-', 'key']), /give either keys or --spread FILE/);
  assert.match(await failure([]), /give either keys or --spread FILE/);
});
