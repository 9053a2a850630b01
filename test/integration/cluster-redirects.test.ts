import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { slotOf, startClusterPool } from '../support/cluster-pool.ts';
import { type FakeCluster, type FakeNode, startFakeCluster } from '../support/fake-cluster.ts';
import type { Daemon } from '../support/pool-daemon.ts';
import { RespError } from '../support/resp-reader.ts';
import { waitFor } from '../support/wait-for.ts';

const SLOT = slotOf('k');
const OK = '+OK\r\n';

interface UnderTest {
  readonly cluster: FakeCluster;
  readonly a: FakeNode;
  readonly b: FakeNode;
  readonly daemon: Daemon;
}

async function start(t: TestContext, settings: readonly string[] = [], maxRedirects = 5): Promise<UnderTest> {
  const cluster = await startFakeCluster(2);
  t.after(() => cluster.stop());
  const [a, b] = cluster.nodes as [FakeNode, FakeNode];
  const daemon = await startClusterPool(t, [a.port], { settings, cluster: [`max_redirects: ${maxRedirects}`] });
  return { cluster, a, b, daemon };
}

const command = (...words: string[]) => `*${words.length}\r\n${words.map(w => `$${w.length}\r\n${w}\r\n`).join('')}`;
const moved = (node: FakeNode, slot = SLOT) => `-MOVED ${slot} 127.0.0.1:${node.port}\r\n`;
const ask = (node: FakeNode) => `-ASK ${SLOT} 127.0.0.1:${node.port}\r\n`;

test('a later request of the client does not overtake one that is still to be redirected', async t => {
  const { a, b, daemon } = await start(t);
  const second = Promise.withResolvers<string>();
  a.answer = ([, , value]) => (value === '1' ? moved(b) : second.promise);
  const client = await daemon.client('orders');
  client.send(command('SET', 'k', '1') + command('SET', 'k', '2'));
  await waitFor(() => b.asked.length === 1, { what: 'the first to be sent on' });
  client.send(command('SET', 'k', '3'));
  // Another client's is not held up.
  const other = await daemon.client('orders');
  assert.equal(await other.command('SET', 'k', 'other'), 'OK');
  assert.deepEqual(b.asked, ['SET k 1', 'SET k other']);
  second.resolve(moved(b));
  for (const reply of await client.readReplies(3)) assert.equal(reply.toString(), OK);
  assert.deepEqual(b.asked, ['SET k 1', 'SET k other', 'SET k 2', 'SET k 3']);
  assert.deepEqual(a.asked, ['SET k 1', 'SET k 2']);
});

test('ASK is followed with ASKING directly before the request, and the slot stays where it is', async t => {
  const { a, b, daemon } = await start(t);
  a.answer = ([name]) => (name === 'SET' ? ask(b) : '$1\r\nx\r\n');
  const client = await daemon.client('orders');
  client.send(command('SET', 'k', '1') + command('SET', 'k', '2') + command('GET', 'k'));
  assert.deepEqual((await client.readReplies(3)).map(String), [OK, OK, '$1\r\nx\r\n']);
  assert.deepEqual(b.asked, ['ASKING', 'SET k 1', 'ASKING', 'SET k 2']);
});

test('two nodes that name each other are left after max_redirects', async t => {
  const { a, b, daemon } = await start(t);
  a.answer = () => moved(b);
  b.answer = () => moved(a);
  const client = await daemon.client('orders');
  const reply = await client.command('GET', 'k');
  assert.deepEqual(reply, new RespError('CLUSTERDOWN The request was sent on too often from node to node'));
  assert.equal(a.asked.length + b.asked.length, 6);
});

/** As in a fail-over: for 100 ms after the first question each says that the other has the slot, then `b` has it. */
function disagree({ a, b }: UnderTest, answer: (name: string) => string): void {
  let firstAtMs: number | null = null;
  a.answer = ([name = '']) => {
    firstAtMs ??= performance.now();
    return name === 'MULTI' ? OK : name === 'EXEC' ? '-EXECABORT Transaction discarded\r\n' : moved(b);
  };
  b.answer = ([name = '']) => {
    if (performance.now() - (firstAtMs ?? 0) >= 100) return answer(name);
    return name === 'MULTI' ? OK : name === 'EXEC' ? '-EXECABORT Transaction discarded\r\n' : moved(a);
  };
}

test('two nodes that name each other for a while cost nobody an error', async t => {
  // What the topology says meanwhile may send them back once more.
  const both = await start(t, [], 8);
  const client = await both.daemon.client('orders');
  disagree(both, name => (name === 'SET' ? OK : '$1\r\nx\r\n'));
  client.send(command('SET', 'k', '1') + command('SET', 'k', '2') + command('GET', 'k'));
  assert.deepEqual((await client.readReplies(3)).map(String), [OK, OK, '$1\r\nx\r\n']);
  // They wait before they are sent back.
  const questions = both.a.asked.length + both.b.asked.length;
  assert.ok(questions < 30, `${questions} questions`);
  // What was done was done in the client's order.
  const done = both.b.asked.filter((each, i, all) => all.lastIndexOf(each) === i);
  assert.deepEqual(done, ['SET k 1', 'SET k 2', 'GET k']);
});

test('they cost no error either on a connection of the client’s own, nor in a transaction', async t => {
  const both = await start(t, [], 8);
  const client = await both.daemon.client('orders');
  disagree(both, () => '*2\r\n$1\r\nk\r\n$1\r\nv\r\n');
  assert.deepEqual(await client.command('BLPOP', 'k', 0), [Buffer.from('k'), Buffer.from('v')]);
  const questions = [...both.a.asked, ...both.b.asked].filter(asked => asked === 'BLPOP k 0').length;
  assert.ok(questions < 9, `${questions} questions`);
  disagree(both, name => (name === 'MULTI' ? OK : name === 'EXEC' ? '*1\r\n:1\r\n' : '+QUEUED\r\n'));
  client.send(command('MULTI') + command('INCR', 'k') + command('EXEC'));
  assert.deepEqual((await client.readReplies(3)).map(String), [OK, '+QUEUED\r\n', '*1\r\n:1\r\n']);
});

test('however often they may name each other, the request is overdue at last', async t => {
  const { a, b, daemon } = await start(t, ['timeout: 150ms'], 100);
  a.answer = () => moved(b);
  b.answer = () => moved(a);
  const client = await daemon.client('orders');
  assert.deepEqual(await client.command('GET', 'k'), new RespError('ERR Connection timed out'));
  assert.ok(a.asked.length + b.asked.length < 10, `${a.asked.length} and ${b.asked.length} questions`);
});

test('ASK to a node that does not answer is overdue, and no loop', async t => {
  const { a, b, daemon } = await start(t, ['timeout: 1s']);
  a.answer = () => ask(b);
  b.answer = () => new Promise(() => {});
  const client = await daemon.client('orders');
  assert.deepEqual(await client.command('GET', 'k'), new RespError('ERR Connection timed out'));
  assert.deepEqual(b.asked, ['ASKING', 'GET k']);
});

test('a redirect to a node that the cluster has not told of waits for the topology', async t => {
  const { cluster, a, daemon } = await start(t, ['timeout: 1s']);
  a.answer = () => `-MOVED ${SLOT} 127.0.0.1:1\r\n`;
  const client = await daemon.client('orders');
  const [before, startedAtMs] = [cluster.topologyQuestions, performance.now()];
  assert.deepEqual(await client.command('GET', 'k'), new RespError('ERR Connection timed out'));
  assert.ok(a.asked.length > 1);
  assertFewQuestions(cluster, before, startedAtMs);
});

test('a script that answers as a node does sends nobody anywhere', async t => {
  const { a, b, daemon } = await start(t);
  a.answer = () => moved(b, (SLOT + 1) % 16_384);
  const client = await daemon.client('orders');
  const reply = (await client.command('EVAL', 'return', 1, 'k')) as RespError;
  assert.match(reply.text, /^MOVED /);
  assert.deepEqual(b.asked, []);
});

test('TRYAGAIN is waited out', async t => {
  const { a, daemon } = await start(t);
  let calls = 0;
  a.answer = ([name]) => (name === 'MGET' && calls++ < 3 ? '-TRYAGAIN Multiple keys\r\n' : '*0\r\n');
  const client = await daemon.client('orders');
  assert.deepEqual(await client.command('MGET', 'k', 'k'), []);
  assert.equal(calls, 4);
  // A slot that moves is asked one by one, so the two don't meet there.
  client.send(command('MGET', 'k', 'k') + command('SET', 'k', '1'));
  assert.deepEqual((await client.readReplies(2)).map(String), ['*0\r\n', '*0\r\n']);
});

test('TRYAGAIN is told where the next request of the client is at the node already', async t => {
  const { a, daemon } = await start(t);
  a.answer = ([name]) => (name === 'MGET' ? '-TRYAGAIN Multiple keys\r\n' : OK);
  const client = await daemon.client('orders');
  client.send(command('MGET', 'k', 'k') + command('SET', 'k', '1'));
  assert.deepEqual((await client.readReplies(2)).map(String), ['-TRYAGAIN Multiple keys\r\n', OK]);
  assert.deepEqual(a.asked, ['MGET k k', 'SET k 1']);
});

test('a redirect that arrives split at any byte is one', async t => {
  const { a, b, daemon } = await start(t);
  a.answer = () => moved(b);
  b.answer = () => moved(a);
  const client = await daemon.client('orders');
  b.answer = () => '$2\r\nhi\r\n';
  assert.deepEqual(await client.command('GET', 'k'), Buffer.from('hi'));
  // An error that only begins like one is the client's.
  b.answer = () => '-MOVEDX 1 here\r\n';
  assert.deepEqual(await client.command('GET', 'k'), new RespError('MOVEDX 1 here'));
  const long = `-ERR ${'x'.repeat(2000)}\r\n`;
  b.answer = () => long;
  assert.deepEqual(await client.command('GET', 'k'), new RespError(long.slice(1, -2)));
});

test('slots without owner are told, as Redis tells it', async t => {
  const cluster = await startFakeCluster(1);
  t.after(() => cluster.stop());
  cluster.slots = [[0, SLOT - 1, 0]];
  const daemon = await startClusterPool(t, [(cluster.nodes[0] as FakeNode).port]);
  const client = await daemon.client('orders');
  assert.deepEqual(await client.command('GET', 'k'), new RespError('CLUSTERDOWN Hash slot not served'));
});

test('16,384 ranges of one slot each, in the answer of an old node', async t => {
  const cluster = await startFakeCluster(3);
  t.after(() => cluster.stop());
  cluster.isOld = true;
  cluster.slots = Array.from({ length: 16_384 }, (_, slot) => [slot, slot, slot % 3] as const);
  const daemon = await startClusterPool(t, [(cluster.nodes[0] as FakeNode).port]);
  const client = await daemon.client('orders');
  for (let i = 0; i < 60; i++) {
    assert.equal(await client.command('SET', `key:${i}`, '1'), 'OK');
    assert.equal((cluster.nodes[slotOf(`key:${i}`) % 3] as FakeNode).asked.pop(), `SET key:${i} 1`);
  }
});

test('a storm of redirects is a question or two', async t => {
  const { cluster, a, b, daemon } = await start(t);
  a.answer = words => moved(b, slotOf(String(words[1])));
  const client = await daemon.client('orders');
  const [before, startedAtMs] = [cluster.topologyQuestions, performance.now()];
  const keys = Array.from({ length: 2000 }, (_, i) => `storm:${i}`);
  client.send(keys.map(key => command('SET', key, '1')).join(''));
  for (const reply of await client.readReplies(keys.length)) assert.equal(reply.toString(), OK);
  assert.deepEqual(b.asked.toSorted(), keys.map(key => `SET ${key} 1`).toSorted());
  assertFewQuestions(cluster, before, startedAtMs);
});

test('an answer of 6 MB', async t => {
  const cluster = await startFakeCluster(3);
  t.after(() => cluster.stop());
  cluster.isOld = true;
  cluster.slots = Array.from({ length: 16_384 }, (_, slot) => [slot, slot, slot % 3] as const);
  // A name of the greatest length, told for each slot.
  cluster.tell = ({ port }) => ({ endpoint: '127.0.0.1', ip: '127.0.0.1', hostname: 'h'.repeat(255), port });
  const daemon = await startClusterPool(t, [(cluster.nodes[0] as FakeNode).port], { settings: ['timeout: 10s'] });
  const client = await daemon.client('orders', { timeoutMs: 20_000 });
  assert.equal(await client.command('SET', 'k', '1'), 'OK');
  assert.deepEqual((cluster.nodes[SLOT % 3] as FakeNode).asked, ['SET k 1']);
});

test('ASK to a node that refuses connections is tried once more, and then told', async t => {
  const { cluster, a, b, daemon } = await startWithout(t);
  a.answer = () => `-ASK ${SLOT} 127.0.0.1:1\r\n`;
  const client = await daemon.client('orders');
  const [before, startedAtMs] = [cluster.topologyQuestions, performance.now()];
  const reply = (await client.command('SET', 'k', '1')) as RespError;
  assert.match(reply.text, /^ERR Connection refused/);
  assert.ok(a.asked.length <= 3, a.asked.join());
  assert.deepEqual(b.asked, []);
  a.answer = () => OK;
  assert.equal(await client.command('SET', 'k', '2'), 'OK');
  assertFewQuestions(cluster, before, startedAtMs);
});

/** The topology was asked for once or twice, and no more often than every `refresh_min`, which is a second. */
function assertFewQuestions(cluster: FakeCluster, before: number, sinceMs: number): void {
  const questions = cluster.topologyQuestions - before;
  assert.ok(questions <= 2 + (performance.now() - sinceMs) / 1000, `${questions} questions`);
}

/** The second of two nodes is told to be where nobody listens. */
async function startWithout(t: TestContext): Promise<UnderTest> {
  const cluster = await startFakeCluster(2);
  t.after(() => cluster.stop());
  const [a, b] = cluster.nodes as [FakeNode, FakeNode];
  cluster.tell = node => ({ endpoint: '127.0.0.1', ip: '127.0.0.1', port: node === b ? 1 : node.port });
  return { cluster, a, b, daemon: await startClusterPool(t, [a.port]) };
}
