// What one dialect writes the others read: random conversations that mix text, meta and binary over the same keys, compared
// with a memcached that is spoken to directly in the same dialect; and all three while servers die.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  countExtras,
  describeResponses,
  exptimeExtras,
  packet,
  responseLength,
  storeExtras,
} from '../support/binary-packets.ts';
import { freePorts } from '../support/free-port.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { startDaemon } from '../support/pool-daemon.ts';
import { startMemcachedPool } from '../support/pool-under-test.ts';
import type { RawClient } from '../support/raw-client.ts';
import { SeededRandom, seedFrom } from '../support/seeded-random.ts';

const STEPS = 1500;
const LAST_OPAQUE = 0x1a571a57;
const KEYS = ['a', 'b', 'c', 'number', 'odd key\r\n', '\xe9'];
const VALUES = ['', '1', '42', 'value', 'a\r\nb', 'x'.repeat(3000), 'y'.repeat(100_000)];

type Dialect = 'text' | 'meta' | 'binary';
const DIALECTS: readonly Dialect[] = ['text', 'meta', 'binary'];

/** One client of each dialect. */
type Clients = Readonly<Record<Dialect, RawClient>>;

async function connect(open: () => Promise<RawClient>): Promise<Clients> {
  const [text, meta, binary] = await Promise.all([open(), open(), open()]);
  return { text: text!, meta: meta!, binary: binary! };
}

function closeAll(clients: Clients): void {
  for (const dialect of DIALECTS) clients[dialect].destroy();
}

/** Sends a request and reads all that answers it. */
async function ask(client: RawClient, dialect: Dialect, request: Buffer, withCas: boolean): Promise<string> {
  if (dialect !== 'binary') {
    client.send(Buffer.concat([request, Buffer.from('mn\r\n')]));
    const reply = (await client.readUntil('MN\r\n')).toString('latin1');
    // A number that got shorter is padded in its place, or put into a new one, as the server has the item in use.
    const plain = reply
      .replace(/^(VALUE number \d+) \d+(.*\r\n\d+) *\r\n/m, '$1 #$2\r\n')
      .replace(/^(VA) \d+(.*\r\n\d+) *\r\n/m, '$1 #$2\r\n')
      .replace(/^(HD f\d+) s\d\r\n/m, '$1 s#\r\n');
    return withCas ? plain : plain.replace(/ c\d+/g, '').replace(/^(VALUE \S+ \d+ [\d#]+) \d+/gm, '$1');
  }
  client.send(Buffer.concat([request, packet('noop', { opaque: LAST_OPAQUE })]));
  const reply = await client.readUntil(bytes => {
    for (let at = 0; at < bytes.length; ) {
      const length = responseLength(bytes.subarray(at));
      if (length < 0) return -1;
      if (bytes.readUInt32BE(at + 12) === LAST_OPAQUE) return at + length;
      at += length;
    }
    return -1;
  });
  return describeResponses(reply, withCas)
    .map(line => line.replace(/"(\d+) +"$/, '"$1"'))
    .join('\n');
}

const base64 = (key: string): string => Buffer.from(key, 'latin1').toString('base64');
const isOdd = (key: string): boolean => /[\0- ]/.test(key);

function textRequest(random: SeededRandom, key: string, value: string): string {
  const exptime = random.pick([0, 0, 100]);
  const flags = random.pick([0, 7, 4294967295]);
  const noreply = random.chance(0.2) ? ' noreply' : '';
  const others = KEYS.filter(each => !isOdd(each));
  switch (random.between(0, 8)) {
    case 0:
    case 1:
      return `${random.pick(['get', 'gets'])} ${key}\r\n`;
    case 2:
      return `${random.pick(['get', 'gets', 'gat 100', 'gats 100'])} ${others.join(' ')}\r\n`;
    case 3:
    case 4:
      return `${random.pick(['set', 'set', 'add', 'replace'])} ${key} ${flags} ${exptime} ${value.length}${noreply}\r\n${value}\r\n`;
    case 5:
      return key === 'number' ? `incr ${key} 3${noreply}\r\n` : `append ${key} 0 0 1${noreply}\r\nz\r\n`;
    case 6:
      return `${random.pick(['incr', 'decr'])} number ${random.pick(['1', '5'])}${noreply}\r\n`;
    case 7:
      return random.chance(0.6) ? `touch ${key} 100${noreply}\r\n` : `delete ${key}${noreply}\r\n`;
    default:
      return `cas ${key} ${flags} 0 ${value.length} ${random.between(1, 500)}${noreply}\r\n${value}\r\n`;
  }
}

function metaRequest(random: SeededRandom, key: string, value: string): string {
  const isBase64 = isOdd(key) || random.chance(0.2);
  const word = isBase64 ? base64(key) : key;
  const flags = [isBase64 ? ' b' : '', random.chance(0.3) ? ' q' : '', random.chance(0.3) ? ' O77' : ''].join('');
  // A key that came in another form than the item's is given back in the item's.
  switch (random.between(0, 5)) {
    case 0:
    case 1:
      return `mg ${word}${flags}${random.pick([' v', ' v f c', ' f s', ' v T100', ' v N100', ''])}\r\n`;
    case 2:
    case 3: {
      const mode = random.pick(['', '', ' ME', ' MR', key === 'number' ? '' : ' MA', key === 'number' ? '' : ' MP']);
      return `ms ${word} ${value.length}${flags}${mode}${random.pick(['', ' F9', ' T100 c'])}\r\n${value}\r\n`;
    }
    case 4:
      return `ma ${random.chance(0.3) ? `${base64('number')} b` : 'number'} v D${random.pick(['1', '7'])}${random.pick(['', ' MD', ' N0 J5'])}\r\n`;
    default:
      return `md ${word}${flags}${random.chance(0.2) ? ` C${random.between(1, 500)}` : ''}\r\n`;
  }
}

function binaryRequest(random: SeededRandom, key: string, value: string): Buffer {
  const cas = random.chance(0.85) ? 0n : BigInt(random.between(1, 500));
  switch (random.between(0, 6)) {
    case 0:
    case 1:
      return packet(random.pick(['get', 'getk', 'getq', 'getkq']), { key });
    case 2:
      return Buffer.concat(KEYS.map((each, opaque) => packet('getkq', { key: each, opaque })));
    case 3:
      return packet(random.pick(['set', 'setq', 'add', 'addq', 'replace', 'replaceq']), {
        key,
        value,
        cas,
        extras: storeExtras(random.pick([0, 3, 0xffffffff]), random.pick([0, 100])),
      });
    case 4:
      return packet(random.pick(['increment', 'decrement', 'incrementq']), {
        key: 'number',
        extras: countExtras(2n, 10n, random.pick([0, 0xffffffff])),
      });
    case 5:
      return packet(random.pick(['gat', 'gatk', 'gatq', 'touch']), { key, extras: exptimeExtras(100) });
    default:
      return random.chance(0.6) || key === 'number'
        ? packet(random.pick(['delete', 'deleteq']), { key, cas })
        : packet(random.pick(['append', 'prependq']), { key, value: 'w', cas });
  }
}

function randomRequest(random: SeededRandom): { dialect: Dialect; request: Buffer } {
  const dialect = random.pick(DIALECTS);
  const key = random.pick(dialect === 'text' ? KEYS.filter(each => !isOdd(each)) : KEYS);
  const value = key === 'number' ? random.pick(['1', '42', '100']) : random.pick(VALUES);
  if (dialect === 'binary') return { dialect, request: binaryRequest(random, key, value) };
  const request = dialect === 'text' ? textRequest(random, key, value) : metaRequest(random, key, value);
  return { dialect, request: Buffer.from(request, 'latin1') };
}

const WAYS = [
  { servers: 1, prefix: '' },
  { servers: 3, prefix: '' },
  { servers: 1, prefix: 'app:' },
  { servers: 3, prefix: 'app:' },
];

for (const { servers, prefix } of WAYS) {
  const way = `${servers === 1 ? 'one server' : `${servers} servers`}${prefix === '' ? '' : ', under a key prefix,'}`;
  test(`dialects mixed at random over ${way} read what memcached would give them`, async (t: TestContext) => {
    const settings = prefix === '' ? [] : [`key_prefix: '${prefix}'`];
    const [pool, direct] = await Promise.all([startMemcachedPool(t, { servers, settings }), startMemcached()]);
    t.after(() => direct.kill());
    const seed = seedFrom('MEMCACHED_SEED');
    t.diagnostic(`MEMCACHED_SEED=${seed} repeats this run`);
    const random = new SeededRandom(seed);
    const [ours, theirs] = await Promise.all([connect(() => pool.client()), connect(() => direct.client())]);
    const said: string[] = [];
    for (let i = 0; i < STEPS; i++) {
      const { dialect, request } = randomRequest(random);
      // The cas of items depends on the server they are on.
      if (servers > 1 && /^cas | C\d/m.test(request.toString('latin1'))) continue;
      if (servers > 1 && dialect === 'binary' && request.readBigUInt64BE(16) !== 0n) continue;
      said.push(`${dialect} ${JSON.stringify(request.toString('latin1').slice(0, 120))}`);
      const [reply, want] = await Promise.all([
        ask(ours[dialect], dialect, request, servers === 1),
        ask(theirs[dialect], dialect, request, servers === 1),
      ]);
      assert.equal(reply.slice(0, 2000), want.slice(0, 2000), `step ${i}:\n${said.slice(-12).join('\n')}`);
      assert.equal(reply.length, want.length);
    }
    closeAll(ours);
    closeAll(theirs);
  });
}

const ROUNDS = 60;
const HAMMERED = Array.from({ length: 40 }, (_, i) => `key-${i}`);
const valueIn = (key: string, round: number): string => `${key} of ${round} ${'.'.repeat((round * 37) % 3000)}`;

test('text, meta and binary clients on the same keys while servers die: no reply is another’s', async t => {
  const ports = await freePorts(3);
  const servers: MemcachedServer[] = await Promise.all(ports.map(port => startMemcached({ port })));
  t.after(() => Promise.all(servers.map(server => server.kill())));
  const settings = ['server_retry_timeout: 50ms', 'auto_eject_hosts: false'];
  const daemon = await startDaemon(t, { pool: { protocol: 'memcached', servers: ports, settings } });
  const clients = await connect(() => daemon.client('pool'));
  let hits = 0;
  let failures = 0;
  const isRight = (key: string, value: string): void => {
    assert.ok(value.startsWith(`${key} of `), `${key} has the value ${value.slice(0, 40)}`);
    hits++;
  };

  const viaText = async (round: number): Promise<void> => {
    const requests = HAMMERED.flatMap(key => [
      `set ${key} 0 0 ${valueIn(key, round).length}\r\n${valueIn(key, round)}\r\n`,
      `get ${key}\r\n`,
    ]);
    clients.text.send(`${requests.join('')}mn\r\n`);
    const replies = (await clients.text.readUntil('\nMN\r\n')).toString('latin1');
    let at = 0;
    const line = (): string => {
      const end = replies.indexOf('\r\n', at);
      const text = replies.slice(at, end);
      at = end + 2;
      return text;
    };
    for (const key of HAMMERED) {
      const stored = line();
      assert.match(stored, /^(?:STORED|SERVER_ERROR .*)$/);
      const got = line();
      if (got.startsWith('VALUE ')) {
        assert.equal(got.split(' ')[1], key);
        const bytes = Number(got.split(' ')[3]);
        isRight(key, replies.slice(at, at + bytes));
        at += bytes + 2;
        assert.equal(line(), 'END');
      } else {
        assert.match(got, /^(?:END|SERVER_ERROR .*)$/);
        if (got !== 'END') failures++;
      }
    }
    assert.equal(line(), 'MN');
  };
  const viaMeta = async (): Promise<void> => {
    clients.meta.send(`${HAMMERED.map((key, i) => `mg ${base64(key)} b v q O${i}\r\n`).join('')}mn\r\n`);
    const replies = (await clients.meta.readUntil('\nMN\r\n')).toString('latin1');
    const values = [...replies.matchAll(/VA (\d+)(?: b)? O(\d+)\r\n/g)];
    let last = -1;
    for (const match of values) {
      const index = Number(match[2]);
      assert.ok(index > last, 'in the order asked');
      last = index;
      isRight(HAMMERED[index]!, replies.slice(match.index + match[0].length));
    }
  };
  const viaBinary = async (round: number): Promise<void> => {
    const sets = HAMMERED.map((key, i) =>
      packet('setq', { key, opaque: i, value: valueIn(key, round), extras: storeExtras() }),
    );
    const gets = HAMMERED.map((key, i) => packet('getkq', { key, opaque: 1000 + i }));
    clients.binary.send(Buffer.concat([...sets, ...gets, packet('noop', { opaque: LAST_OPAQUE })]));
    let last = -1;
    for (;;) {
      const response = await clients.binary.readUntil(responseLength);
      const opaque = response.readUInt32BE(12);
      if (opaque === LAST_OPAQUE) return;
      assert.ok(opaque > last, 'in the order asked');
      last = opaque;
      const keyEnd = 24 + response[4]! + response.readUInt16BE(2);
      const status = response.readUInt16BE(6);
      if (status !== 0) {
        assert.ok(status === 0x86 || status === 0x84, `status ${status}`);
        failures++;
        continue;
      }
      const key = HAMMERED[opaque - 1000]!;
      assert.equal(response.toString('latin1', 28, keyEnd), key);
      isRight(key, response.toString('latin1', keyEnd));
    }
  };

  for (let round = 0; round < ROUNDS; round++) {
    const victim = (round / 6) % 3;
    const work = [viaText(round), viaMeta(), viaBinary(round)];
    if (round % 12 === 6) await servers[Math.floor(victim) % 3]!.kill();
    if (round % 12 === 11) {
      const index = Math.floor((round - 5) / 6) % 3;
      servers[index] = await startMemcached({ port: ports[index]! });
    }
    await Promise.all(work);
  }
  closeAll(clients);
  assert.ok(hits > HAMMERED.length * ROUNDS, `${hits} hits`);
  assert.ok(failures > 0, 'servers were missed');
});
