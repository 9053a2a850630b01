// Binary requests through the daemon, against the same bytes sent to a memcached directly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  countExtras,
  describeResponses,
  exptimeExtras,
  type OpcodeName,
  packet,
  responseLength,
  storeExtras,
} from '../support/binary-packets.ts';
import type { RawClient } from '../support/raw-client.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';
import { type MemcachedPair, memcachedBesidePool } from '../support/server-beside-pool.ts';

const LAST = packet('noop', { opaque: 0x1a571a57 });
const NO_CREATION = 0xffffffff;
const ODD_KEY = 'a b\r\nflush_all\r\n\0\x80';
const K250 = 'k'.repeat(250);

const get = (key: string, opcode: OpcodeName = 'get'): Buffer => packet(opcode, { key });
const set = (
  key: string,
  value: string | Buffer,
  flags = 0,
  exptime = 0,
  opcode: OpcodeName = 'set',
  cas = 0n,
): Buffer => packet(opcode, { key, value, extras: storeExtras(flags, exptime), cas });
const append = (key: string, value: string, opcode: OpcodeName = 'append', cas = 0n): Buffer =>
  packet(opcode, { key, value, cas });
const count = (opcode: OpcodeName, key: string, delta: bigint, initial = 0n, exptime = 0, cas = 0n): Buffer =>
  packet(opcode, { key, extras: countExtras(delta, initial, exptime), cas });
const gat = (opcode: OpcodeName, key: string, exptime = 0): Buffer =>
  packet(opcode, { key, extras: exptimeExtras(exptime) });

/** By what they are about; data carries over. */
const CONVERSATIONS: Readonly<Record<string, readonly Buffer[]>> = {
  'gets that miss': [get('none'), get('none', 'getk'), get('none', 'getq'), get('none', 'getkq'), get(K250, 'getk')],
  'sets and gets': [
    set('a', 'value', 5),
    get('a'),
    get('a', 'getk'),
    get('a', 'getq'),
    get('a', 'getkq'),
    set('a', ''),
    get('a'),
  ],
  'quiet sets': [
    set('a', 'x', 7, 0, 'setq'),
    set('a', 'y', 0, 0, 'addq'),
    set('n1', 'y', 0, 0, 'addq'),
    set('n2', 'z', 0, 0, 'replaceq'),
    set('a', 'z', 1, 0, 'replaceq'),
    get('a'),
    get('n1'),
  ],
  'adds and replaces': [
    set('a', 'x', 0, 0, 'add'),
    set('n3', 'x', 0, 0, 'add'),
    set('n4', 'x', 0, 0, 'replace'),
    set('n3', 'y', 0, 0, 'replace'),
    get('n3'),
  ],
  'sets with cas': [
    set('a', 'x', 0, 0, 'set', 99999n),
    set('n5', 'x', 0, 0, 'set', 555_555n),
    set('a', 'x', 0, 0, 'setq', 99999n),
    set('n6', 'x', 0, 0, 'add', 555_555n),
    set('a', 'x', 0, 0, 'add', 555_555n),
    set('n7', 'x', 0, 0, 'replace', 555_555n),
    set('a', 'x', 0, 0, 'set', 2n ** 64n - 1n),
  ],
  appends: [
    set('p', 'b'),
    append('p', 'c'),
    append('p', 'a', 'prepend'),
    append('none', 'a'),
    append('none', 'a', 'prepend'),
    append('none', 'a', 'appendq'),
    append('p', 'd', 'appendq'),
    append('p', '0', 'prependq'),
    append('p', 'x', 'append', 77777n),
    get('p'),
  ],
  deletes: [
    packet('delete', { key: 'none' }),
    packet('deleteq', { key: 'none' }),
    set('d', 'x'),
    packet('delete', { key: 'd', cas: 99n }),
    packet('delete', { key: 'd' }),
    set('d', 'x'),
    packet('deleteq', { key: 'd' }),
    get('d'),
  ],
  counts: [
    count('increment', 'i', 1n, 10n, NO_CREATION),
    count('incrementq', 'i', 1n, 10n, NO_CREATION),
    count('increment', 'i', 1n, 10n),
    count('increment', 'i', 5n),
    count('decrement', 'i', 3n),
    count('decrement', 'i', 100n),
    count('incrementq', 'i', 7n),
    count('decrementq', 'i', 2n),
    get('i'),
    count('increment', 'i', 2n ** 64n - 1n),
    count('decrement', 'i', 2n ** 63n),
    count('increment', 'j', 0n, 2n ** 64n - 1n),
    count('increment', 'j', 2n),
    count('increment', 'k1', 1n, 3n, 0, 555_555n),
    count('increment', 'k1', 1n, 3n, 0, 555_555n),
  ],
  'counts of what is no number': [
    set('s', 'abc'),
    count('increment', 's', 1n),
    count('decrementq', 's', 1n),
    set('s', ''),
    count('increment', 's', 1n),
    set('s', '9'.repeat(21)),
    count('increment', 's', 1n),
    set('s', '10', 3),
    count('decrement', 's', 1n),
    get('s'),
  ],
  touches: [
    gat('touch', 'none'),
    set('t', 'v', 9),
    gat('touch', 't', 100),
    gat('gat', 't'),
    gat('gatk', 't'),
    gat('gatq', 't'),
    gat('gatkq', 't'),
    gat('gat', 'none'),
    gat('gatk', 'none'),
    gat('gatq', 'none'),
    gat('gatkq', 'none'),
    gat('touch', 't', 1_000_000_000),
    get('t'),
  ],
  'expiry times': [
    set('e', 'v', 0, NO_CREATION),
    get('e'),
    set('e', 'v', 0, 0x80000000),
    get('e'),
    set('e', 'v', 0, 0x7fffffff),
    get('e'),
    set('e', 'v', 0, 1_000_000_000),
    get('e'),
    set('e', 'v'),
    gat('gat', 'e', NO_CREATION),
    get('e'),
  ],
  'odd keys': [
    set(ODD_KEY, 'v', 3),
    get(ODD_KEY),
    get(ODD_KEY, 'getk'),
    get(ODD_KEY, 'getkq'),
    append(ODD_KEY, 'w'),
    gat('gat', ODD_KEY),
    gat('gatk', ODD_KEY),
    gat('touch', ODD_KEY),
    packet('delete', { key: ODD_KEY }),
    get(ODD_KEY),
    get(ODD_KEY, 'getk'),
    get(ODD_KEY, 'getq'),
    get('x\x7f', 'getk'),
    count('increment', 'a b', 1n, 1n),
    get('a b'),
    get('\xe9\xff', 'getk'),
  ],
  'values with line ends': [
    set('v', 'a\r\nb\r\nEND\r\nVALUE x 0 1\r\n'),
    get('v'),
    set('v', '\0\x80\r\n'),
    get('v', 'getk'),
  ],
  'large values': [
    set('l', 'x'.repeat(1_000_000), 4),
    get('l'),
    get('l', 'getkq'),
    set('l', 'y'.repeat(70_000)),
    get('l', 'getk'),
    get('l'),
    get('l'),
  ],
  'too large values': [set('l', 'x'.repeat(1_048_577)), set('l', 'x'.repeat(1_048_577), 0, 0, 'setq'), get('l')],
  'runs of gets': [
    set('r1', 'a', 1),
    set('r2', 'bb', 2),
    set('r3', ''),
    get('r1', 'getkq'),
    get('none', 'getkq'),
    get('r2', 'getq'),
    get('r3', 'getkq'),
    get('none', 'getk'),
    get('r1', 'getkq'),
    get('none'),
    get('r1'),
    get('r1', 'getkq'),
    get(ODD_KEY, 'getkq'),
    get('r2', 'getkq'),
  ],
  'runs of gats': [
    gat('gatkq', 'r1', 100),
    gat('gatkq', 'none', 100),
    gat('gatq', 'r2', 100),
    gat('gatkq', 'r3', 200),
    gat('gatk', 'none', 200),
    gat('gat', 'r1', 200),
  ],
  'flush, noop and version': [
    packet('noop'),
    packet('version'),
    set('f', 'x'),
    packet('flush'),
    get('f'),
    set('f', 'x'),
    packet('flush', { extras: exptimeExtras(0) }),
    get('f'),
    packet('flushq'),
    packet('flush', { extras: exptimeExtras(10_000) }),
  ],
  'statistics that are no list': [
    packet('stat', { key: 'bogus' }),
    packet('stat', { key: 'detail off' }),
    packet('stat', { key: 'reset' }),
  ],
  'unknown opcodes': [packet(0x60), packet(0x1f), packet(0xff)],
  'sasl without credentials': [packet('saslList'), packet('saslAuth', { key: 'PLAIN', value: '\0u\0p' })],
};

/** Each closes the connection. */
const LAST_REQUESTS: Readonly<Record<string, Buffer>> = {
  quit: packet('quit'),
  'quiet quit': packet('quitq'),
  'get without key': packet('get'),
  'set without key': packet('set', { extras: storeExtras(), value: 'v' }),
  'get with extras': packet('get', { key: 'a', extras: Buffer.alloc(4) }),
  'get with value': packet('get', { key: 'a', value: 'v' }),
  'set without extras': packet('set', { key: 'a', value: 'v' }),
  'set with short extras': packet('set', { key: 'a', extras: Buffer.alloc(4), value: 'v' }),
  'key too long': get('k'.repeat(251)),
  'set with key too long': set('k'.repeat(251), 'v'),
  'noop with key': packet('noop', { key: 'a' }),
  'version with key': packet('version', { key: 'a' }),
  'quit with key': packet('quit', { key: 'a' }),
  'delete with extras': packet('delete', { key: 'a', extras: Buffer.alloc(4) }),
  'delete with value': packet('delete', { key: 'a', value: 'v' }),
  'increment with short extras': packet('increment', { key: 'a', extras: Buffer.alloc(8) }),
  'increment with value': packet('increment', { key: 'a', extras: countExtras(1n), value: 'v' }),
  'append with extras': packet('append', { key: 'a', extras: Buffer.alloc(4), value: 'v' }),
  'touch without extras': packet('touch', { key: 'a' }),
  'gat without extras': packet('gat', { key: 'a' }),
  'flush with odd extras': packet('flush', { extras: Buffer.alloc(2) }),
  'flush with key': packet('flush', { key: 'a' }),
  'stat with extras': packet('stat', { extras: Buffer.alloc(4) }),
  'body shorter than key': packet('get', { key: 'abc', bodyBytes: 1 }),
};

/** Length of all responses up to that to LAST, or -1. */
function untilLast(bytes: Buffer): number {
  for (let at = 0; at < bytes.length; ) {
    const length = responseLength(bytes.subarray(at));
    if (length < 0) return -1;
    const isLast = bytes.readUInt32BE(at + 12) === 0x1a571a57;
    at += length;
    if (isLast) return at;
  }
  return -1;
}

/** What a new connection reads after `sent`, written in pieces of so many bytes. */
async function converse(client: RawClient, sent: Buffer, pieceBytes = sent.length): Promise<Buffer> {
  const bytes = Buffer.concat([sent, LAST]);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    client.send(bytes.subarray(at, at + pieceBytes));
    if (pieceBytes < sent.length) await new Promise(setImmediate);
  }
  const read = await client.readUntil(untilLast);
  client.destroy();
  return read;
}

/** A number that got shorter is padded with spaces in its place, or put into a new one, as the server has the item in use. */
function comparable(responses: Buffer, withCas: boolean): string[] {
  return describeResponses(responses, withCas).map(line => line.replace(/"(\d+) +"$/, '"$1"'));
}

async function assertAlike(
  { pool, direct }: MemcachedPair,
  sent: Buffer,
  how: string,
  pieceBytes?: number,
  withCas = true,
): Promise<void> {
  const [ours, theirs] = await Promise.all([
    converse(await pool.client(), sent, pieceBytes),
    converse(await direct.client(), sent),
  ]);
  assert.deepEqual(comparable(ours, withCas), comparable(theirs, withCas), how);
}

test('each request is answered as memcached answers it', async t => {
  const pair = await memcachedBesidePool(t);
  for (const [name, requests] of Object.entries(CONVERSATIONS)) {
    await t.test(name, () => assertAlike(pair, Buffer.concat(requests), name));
  }
});

test('each request is answered alike when it is sent alone and when its bytes arrive one by one', async t => {
  const pair = await memcachedBesidePool(t);
  for (const [name, requests] of Object.entries(CONVERSATIONS)) {
    const sent = Buffer.concat(requests);
    if (sent.length > 10_000) continue;
    await t.test(name, () => assertAlike(pair, sent, name, 1));
  }
  // A flush lets go of what is stored in the same second, too, and the seconds of two servers begin apart.
  const fresh = await memcachedBesidePool(t);
  for (const [name, requests] of Object.entries(CONVERSATIONS)) {
    for (const request of requests) await assertAlike(fresh, request, name);
  }
});

test('several servers answer each request as one does', async t => {
  const pair = await memcachedBesidePool(t, 3);
  for (const [name, requests] of Object.entries(CONVERSATIONS)) {
    await t.test(name, () => assertAlike(pair, Buffer.concat(requests), name, undefined, false));
  }
});

test('a request that is not of its form is the last of its connection', async t => {
  const { pool, direct } = await memcachedBesidePool(t);
  for (const [name, request] of Object.entries(LAST_REQUESTS)) {
    await t.test(name, async () => {
      const answers: Buffer[] = [];
      for (const client of [await pool.client(), await direct.client()]) {
        client.send(Buffer.concat([set('q', 'v'), request, LAST]));
        answers.push(await client.readToEnd());
      }
      assert.deepEqual(describeResponses(answers[0]!), describeResponses(answers[1]!));
    });
  }
});

test('random requests are answered as memcached answers them', async t => {
  const pair = await memcachedBesidePool(t);
  const seed = seedFrom('MEMCACHED_SEED');
  t.diagnostic(`MEMCACHED_SEED=${seed} repeats this run`);
  const random = new SeededRandom(seed);
  for (let i = 0; i < 150; i++) {
    const requests = Array.from({ length: random.between(1, 40) }, (_, opaque) => randomRequest(random, opaque));
    await assertAlike(
      pair,
      Buffer.concat(requests),
      `batch ${i}`,
      random.chance(0.5) ? random.between(10, 500) : undefined,
    );
  }
});

function randomRequest(random: SeededRandom, opaque: number): Buffer {
  const key = random.pick(['a', 'b', 'c', 'number', 'odd key', '\r\n', 'none']);
  const value = random.pick(['', '1', '22', 'value', 'a\r\nEND\r\n', 'x'.repeat(random.pick([100, 5000, 70_000]))]);
  const cas = random.chance(0.9) ? 0n : BigInt(random.between(1, 300));
  const opcode = random.pick([
    'get',
    'getq',
    'getk',
    'getkq',
    'getkq',
    'set',
    'setq',
    'add',
    'addq',
    'replace',
    'replaceq',
    'append',
    'appendq',
    'prepend',
    'prependq',
    'delete',
    'deleteq',
    'increment',
    'incrementq',
    'decrement',
    'decrementq',
    'touch',
    'gat',
    'gatq',
    'gatk',
    'gatkq',
    'noop',
    'version',
  ] as const);
  if (opcode === 'noop' || opcode === 'version') return packet(opcode, { opaque });
  if (/^get|^delete/.test(opcode)) return packet(opcode, { key, opaque, cas });
  if (/^gat|^touch/.test(opcode))
    return packet(opcode, { key, opaque, cas, extras: exptimeExtras(random.pick([0, 100, 1000])) });
  if (/^set|^add|^replace/.test(opcode)) {
    return packet(opcode, {
      key,
      value,
      cas,
      opaque,
      extras: storeExtras(random.pick([0, 7, 0xffffffff]), random.pick([0, 100])),
    });
  }
  if (/^app|^prep/.test(opcode))
    return packet(opcode, { key: key === 'number' ? 'a' : key, value: value.slice(0, 100), cas, opaque });
  const exptime = random.pick([0, NO_CREATION, 100]);
  return packet(opcode, {
    key: 'number',
    cas,
    opaque,
    extras: countExtras(BigInt(random.pick([0, 1, 5])), 10n, exptime),
  });
}
