// What is asked for, by whom, and what is large: found among real traffic over several workers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startRedis } from '../support/redis-server.ts';
import { encodeCommand } from '../support/resp-reader.ts';
import { runRingmaster } from '../support/ringmaster.ts';
import { untilEqual, waitFor } from '../support/wait-for.ts';

type Daemon = Awaited<ReturnType<typeof startDaemon>>;
interface Share {
  readonly item: string;
  readonly count: number;
  readonly share: number;
}

async function page<T>(daemon: Daemon, what: string, pool = 'p'): Promise<T> {
  const { status, body } = await daemon.page(`/api/v1/${what}?pool=${pool}&count=5`);
  assert.equal(status, 200, body);
  return JSON.parse(body).pools[0];
}

async function startPool(t: Parameters<typeof startDaemon>[0], settings: string[], workers = 2): Promise<Daemon> {
  const server = await startRedis();
  t.after(() => server.kill());
  return startDaemon(t, { p: { protocol: 'redis', servers: [server.port], settings } }, { workers });
}

test('a key with a third of the requests, and a client that floods, are first in their lists', async t => {
  const daemon = await startPool(t, ['sample_one_in: 5']);
  const [flooder, ...others] = await Promise.all(Array.from({ length: 5 }, () => daemon.client('p')));
  await flooder!.command('client', 'setname', 'flooder');
  const requests = (from: number, count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) =>
        encodeCommand('get', (from + i) % 3 === 0 ? 'the-hot-one' : `key:${from + i}`),
      ),
    );
  for (const [i, client] of others.entries()) client.send(requests(i * 1000, 300));
  flooder!.send(requests(100_000, 6000));
  await flooder!.readReplies(6000);
  for (const client of others) await client.readReplies(300);

  const counted = async () => {
    const { commands } = await page<{ commands: { command: string; requests: number }[] }>(daemon, 'commands');
    return commands.filter(({ command }) => command === 'get').map(({ requests }) => requests);
  };
  await untilEqual(counted, [7200], 'all requests');
  // A worker that does not answer in time is left out of an answer.
  const hotKeys = async () => {
    const { keys } = await page<{ keys: Share[] }>(daemon, 'hotkeys');
    // A sample of 1,440 requests tells a third to within 0.08 in all but one of a billion runs.
    const [first, second] = keys;
    return first?.item === 'the-hot-one' && Math.abs(first.share - 1 / 3) < 0.08 && second!.share < 0.05;
  };
  await waitFor(hotKeys, { what: 'the hot key, with a third of the requests' });
  const flood = async () => {
    const { byRequests, byBytes } = await page<{ byRequests: Share[]; byBytes: Share[] }>(daemon, 'busyclients');
    return [byRequests, byBytes].every(
      ([first]) => first !== undefined && /^127\.0\.0\.1:\d+ flooder$/.test(first.item) && first.share > 0.6,
    );
  };
  await waitFor(flood, { what: 'the client that floods, by requests and by bytes' });
});

test('the largest values read and written, and the widest request, are found though they are not sampled', async t => {
  const daemon = await startPool(t, ['sample_one_in: 1000000']);
  const client = await daemon.client('p');
  await client.command('set', 'large', 'x'.repeat(200_000));
  await client.command('set', 'small', 'x');
  await client.command('append', 'grown', 'y'.repeat(50_000));
  await client.command('get', 'large');
  await client.command('get', 'small');
  await client.command('mget', ...Array.from({ length: 40 }, (_, i) => `k${i}`));
  const large = async () => {
    const { largestReads, largestWrites, widest } = await page<Record<string, { item: string; size: number }[]>>(
      daemon,
      'bigkeys',
    );
    return [largestWrites!.map(({ item }) => item), largestReads, widest];
  };
  const readBytes = 200_000 + '$200000\r\n\r\n'.length;
  const expected = [
    ['large', 'grown'],
    [{ item: 'large', size: readBytes, command: 'get' }],
    [{ item: 'k0', size: 40, command: 'mget' }],
  ];
  await untilEqual(large, expected, 'what is large');
});

test('memcached pools have the same; hotkeys_hide shows no key, and 0 turns all of it off', async t => {
  const server = await startMemcached();
  t.after(() => server.kill());
  const pool = (...settings: string[]) => ({ protocol: 'memcached' as const, servers: [server.port], settings });
  const daemon = await startDaemon(t, {
    p: pool('sample_one_in: 1'),
    hidden: pool('sample_one_in: 1', 'hotkeys_hide: true'),
    off: pool('sample_one_in: 0'),
  });
  for (const name of ['p', 'hidden', 'off']) {
    const client = await daemon.client(name);
    client.send(`set mine 0 0 9000\r\n${'x'.repeat(9000)}\r\nget mine\r\nget mine other\r\nquit\r\n`);
    await client.readToEnd();
  }
  const seen = async (name: string) => {
    const { keys } = await page<{ keys: Share[] }>(daemon, 'hotkeys', name);
    const { largestReads, largestWrites, widest } = await page<Record<string, { item: string }[]>>(
      daemon,
      'bigkeys',
      name,
    );
    return [keys, largestWrites!, largestReads!, widest!].map(list => list.map(({ item }) => item));
  };
  await untilEqual(() => seen('p'), [['mine', 'other'], ['mine'], ['mine'], ['mine']], 'what was asked');
  assert.deepEqual(await seen('off'), [[], [], [], []]);
  const isHidden = (item: string) => (/^key#[0-9a-f]{16}$/.test(item) ? 'hidden' : item);
  const hidden = async () => (await seen('hidden')).map(list => list.map(isHidden));
  const once = ['hidden'];
  await untilEqual(hidden, [['hidden', 'hidden'], once, once, once], 'hashes of what was asked');
});

test('each is a command of the command line', async t => {
  const daemon = await startPool(t, ['sample_one_in: 1'], 1);
  const client = await daemon.client('p');
  await client.command('set', 'the-key', 'x'.repeat(5000));
  for (const [command, sign] of [
    ['hotkeys', /^p: the last \d+ s, one request in 1 looked at\n {2}key +share[^\n]*\n {2}the-key +100 % /],
    ['bigkeys', /key, largest writes[^\n]*\n {2}the-key +set +5,0\d\d\n/],
    ['busyclients', /client, by requests[^\n]*\n {2}127\.0\.0\.1:\d+ +100 % /],
    ['commands', /^p:\n {2}command[^\n]*\n {2}set +1 +1 /],
    // By then its ten seconds may be over.
    [
      'latency',
      /^p:\n[^\n]*\n {2}clients wait +10s .*\n {2}clients wait +15m +1 .*\n {2}server-0 +10s .*\n {2}server-0 +15m +1 /s,
    ],
  ] as const) {
    const isShown = async () => {
      const { code, stdout, stderr } = await runRingmaster([command, '--admin', `127.0.0.1:${daemon.adminPort}`]);
      assert.deepEqual([code, stderr], [0, ''], command);
      return sign.test(stdout);
    };
    await waitFor(isShown, { what: `${command} to show the request` });
  }
});

test('a page says what is wrong with a question', async t => {
  const daemon = await startPool(t, [], 1);
  for (const [path, status] of [
    ['hotkeys?count=0', 400],
    ['hotkeys?count=many', 400],
    ['hotkeys?offset=-1', 400],
    ['slowlog?count=1001', 400],
    ['clients?pool=x', 404],
    ['nothing', 404],
  ] as const) {
    assert.equal((await daemon.page(`/api/v1/${path}`)).status, status, path);
  }
});
