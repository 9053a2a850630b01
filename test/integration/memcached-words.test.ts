// Whether the memcached protocol answers and swallows as memcached does. The same bytes go to one memcached directly
// and, request by request as our parser reads them, to another one; what a client would read must be the same.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { memcachedProtocol } from '../../src/protocol/memcached/memcached.ts';
import { INCOMPLETE, MALFORMED } from '../../src/protocol/protocol.ts';
import { ROUTE_LOCAL } from '../../src/protocol/routes.ts';
import { META_CONVERSATIONS } from '../support/memcached-meta-conversations.ts';
import { type MemcachedServer, startMemcached } from '../support/memcached-server.ts';
import { RawClient } from '../support/raw-client.ts';
import { RequestFeed, OPTIONS as UNIT_OPTIONS } from '../unit/protocol/memcached/request-feed.ts';
import { transformed } from '../unit/protocol/memcached/transformed.ts';

/** More than the servers' item size, so that they are asked. */
const OPTIONS = { ...UNIT_OPTIONS, maxRequestBytes: 4 << 20 };

let direct: MemcachedServer;
let behind: MemcachedServer;

before(async () => {
  [direct, behind] = await Promise.all([startMemcached(), startMemcached()]);
});
after(() => Promise.all([direct.stop(), behind.stop()]));

/** A conversation's last request; its reply is nowhere else. */
const LAST = 'set last 0 0 9\r\nthis\0last\r\nget last\r\n';
const LAST_REPLY = 'STORED\r\nVALUE last 0 9\r\nthis\0last\r\nEND\r\n';
/** Enough for the data block that a bad header may have left open; each line is an ERROR where it is a request. */
const PADDING = '\r\n'.repeat(40);

/** What memcached answers to `sent`, up to the last reply or until it closes. */
async function askDirectly(sent: string, server = direct): Promise<string> {
  const client = await RawClient.connect(server.port);
  try {
    client.send(sent);
    const text = await client
      .readUntil(arrived => (arrived.includes(LAST_REPLY, 0, 'latin1') ? arrived.length : -1))
      .catch(() => client.unread());
    return text.toString('latin1');
  } finally {
    client.destroy();
  }
}

/** What a client of a proxy with one server reads after `sent`. */
async function askThroughParser(sent: string, cuts: readonly number[] = [], options = OPTIONS): Promise<string> {
  const feed = new RequestFeed(options);
  const bytes = Buffer.from(sent, 'latin1');
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    feed.push(bytes.subarray(from, to));
    from = to;
  }
  const remote = feed.requests.filter(request => request.route !== ROUTE_LOCAL);
  const client = await RawClient.connect(behind.port);
  try {
    client.send(remote.map(request => request.forwarded).join(''));
    const scanner = memcachedProtocol.createReplyScanner();
    let text = '';
    for (const request of feed.requests) {
      if (request.route === ROUTE_LOCAL) {
        text += request.reply;
        continue;
      }
      scanner.begin(request.replyKind);
      let seen = 0;
      const reply = await client.readUntil(arrived => {
        const end = scanner.scan(arrived, seen, arrived.length);
        assert.notEqual(end, MALFORMED, `${JSON.stringify(arrived.toString('latin1'))} to ${request.forwarded}`);
        seen = arrived.length;
        return end === INCOMPLETE ? -1 : end;
      });
      if (request.transform !== null) text += transformed(request.transform, reply, [Math.min(1, reply.length)]);
      else if (!request.isNoreply) text += reply.toString('latin1');
    }
    assert.equal(client.unread().toString('latin1'), '', 'the server sent more replies than there were requests');
    return text;
  } finally {
    client.destroy();
  }
}

const K250 = 'k'.repeat(250);
const K251 = 'k'.repeat(251);

/** Sent one after the other, each over a connection of its own; state carries over in both servers alike. */
const CONVERSATIONS: readonly string[] = [
  '\r\n',
  '\n',
  '   \r\n',
  '\r\r\n',
  'a\r\n',
  'bogus\r\n',
  'version\r\n',
  'version\n',
  'version\r\r\n',
  ' version \r\n',
  'version x y\r\n',
  'VERSION\r\n',
  '\tversion\r\n',
  'versions\r\n',
  'quit\r\n',
  'quit x\r\n',
  'version\r\nquit\r\nversion\r\n',
  'shutdown\r\n',
  'shutdown x\r\n',
  'auth\r\n',
  'mx\r\n',
  'x\x80\r\n',
  `version\r\n\x80\r\n\x80${'\0'.repeat(23)}\r\n`,
  'get\r\n',
  'get \r\n',
  'get a\r\n',
  'Get a\r\n',
  `get ${K250}\r\n`,
  `get ${K251}\r\n`,
  `get a ${K251}\r\n`,
  'gets a b\r\n',
  `get ${Array.from({ length: 60 }, (_, i) => `k${i}`).join(' ')} ${K251} a\r\n`,
  'get\ta\r\n',
  `get ${Array.from({ length: 5000 }, (_, i) => `k${i}`).join(' ')}\r\n`,
  'gat\r\n',
  'gat 0\r\n',
  'gat x\r\n',
  'gat 0 a\r\n',
  'gat x a\r\n',
  'gat -1 a b\r\n',
  'gat 99999999999 a\r\n',
  'gat  a\r\n',
  `gat 0 ${K251}\r\n`,
  `gat x ${K251}\r\n`,
  'gats 0 a\r\n',
  'gatq 0 a\r\n',

  'set k 0 0 1\r\na\r\nget k\r\n',
  'set k 0 0 1 noreply\r\nb\r\nget k\r\n',
  'set k 0 0 1 foo\r\nc\r\nget k\r\n',
  'set k 0 0 1 foo noreply\r\nversion\r\n',
  'set k 0 0\r\nversion\r\n',
  'set k 0 0 noreply\r\nversion\r\n',
  'set\r\n',
  'set k\r\n',
  'set k x 0 1\r\nversion\r\n',
  'set k x 0 1 noreply\r\nversion\r\n',
  'set k 0 x 1\r\nversion\r\n',
  'set k 0 0 x\r\nversion\r\n',
  'set k 0 0 -1\r\nversion\r\n',
  'set k 0 0 -1 noreply\r\nversion\r\n',
  'set k 0 0 2147483646\r\nversion\r\n',
  'set k 0 0 2147483647\r\nversion\r\n',
  'set k 0 0 9223372036854775808\r\nversion\r\n',
  'set k 0 0 1a\r\nversion\r\n',
  'set k 0 9223372036854775808 1\r\nversion\r\n',
  'set k 0 -5 1\r\na\r\nget k\r\n',
  'set k 0 99999999999 1\r\na\r\nget k\r\n',
  'set k 4294967295 0 1\r\na\r\nget k\r\n',
  'set k -1 0 1\r\nversion\r\n',
  'set k 00 00 01\r\na\r\nget k\r\n',
  `set ${K250} 0 0 1\r\na\r\nget ${K250}\r\n`,
  `set ${K251} 0 0 1\r\nversion\r\n`,
  `set ${K251} 0 0 1 noreply\r\nversion\r\n`,
  'set k 0 0 1\r\nabc\r\n',
  'set k 0 0 1\r\nabcdef\r\n',
  'set k 0 0 5\r\na\r\nversion\r\n',
  'set k 0 0 1 noreply\r\nabc\r\n',
  'set k 0 0 1\na\r\n',
  'set k 0 0 1\na\n\n',
  'set k 0 0 0\r\n\r\nget k\r\n',
  'set k 0 0 2\r\n\r\n\r\nget k\r\n',
  'set  k  0  0  1 \r\na\r\n',
  ' set k 0 0 1\r\na\r\n',
  'set k 0 0 1 noreply \r\na\r\n',
  'set k 0 0 1 noreply\r\r\na\r\n',
  'set\tk 0 0 1\r\na\r\n',
  'set a\tb\x01\x7f\xff 3 0 1\r\nx\r\nget a\tb\x01\x7f\xff\r\n',
  'set a\rb 3 0 1\r\nx\r\nget a\rb\r\n',
  'set noreply 0 0 1\r\na\r\nget noreply\r\ndelete noreply noreply\r\nget noreply\r\n',
  `set k 0 0 1048576\r\n${'z'.repeat(1048576)}\r\n`,
  `set k 0 0 1048577 noreply\r\n${'z'.repeat(1048577)}\r\n`,
  `set k 0 0 1000000\r\n${'z'.repeat(1000000)}\r\n`,
  'cas k 0 0 1 99\r\na\r\n',
  'cas k 0 0 1 99 noreply\r\na\r\n',
  'cas k 0 0 1 noreply\r\nversion\r\n',
  'cas k 0 0 1\r\nversion\r\n',
  'cas k 0 0 1 x\r\nversion\r\n',
  'cas k 0 0 1 -1\r\nversion\r\n',
  'cas k 0 0 1 18446744073709551615\r\na\r\n',
  'cas k 0 0 1 18446744073709551616\r\nversion\r\n',
  'cas nope 0 0 1 1\r\na\r\n',
  'cas k 0 0 1 1 2\r\na\r\n',
  'cas k 0 0 1 1 2 3\r\nversion\r\n',
  'set k 0 0 1\r\n5\r\nadd k 0 0 1\r\na\r\nreplace nope 0 0 1\r\na\r\nappend nope 0 0 1\r\na\r\nprepend k 0 0 1\r\nb\r\nget k\r\n',
  'append k x x 1\r\nversion\r\n',
  'prepend k 0 0 1 noreply\r\nc\r\nget k\r\n',
  'add new 0 0 1 noreply\r\nc\r\nget new\r\n',

  'delete\r\n',
  'delete k\r\n',
  'delete k 0\r\n',
  'delete k 1\r\n',
  'delete k noreply\r\n',
  'delete k 0 noreply\r\n',
  'delete k 1 noreply\r\n',
  'delete k noreply 0\r\n',
  'delete k noreply noreply\r\n',
  'delete k 0 0\r\n',
  'delete k 0 0 noreply\r\n',
  `delete ${K251}\r\n`,
  `delete ${K251} noreply\r\n`,
  'delete noreply\r\n',
  'delete k x\r\n',
  'delete k 00\r\n',
  'incr k\r\n',
  'incr k 1\r\n',
  'incr k x\r\n',
  'incr k 1 noreply\r\n',
  'incr k noreply\r\n',
  'incr k noreply noreply\r\n',
  'incr k 1 x\r\n',
  'incr k 1 2 3\r\n',
  'incr k -1\r\n',
  `incr ${K251} 1\r\n`,
  `incr ${K251} 1 noreply\r\n`,
  'incr k 18446744073709551616\r\n',
  'decr k 1\r\n',
  'decr k noreply 1\r\n',
  'set n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 9\r\nget n\r\nincr n 18446744073709551615\r\n',
  'set n 0 0 1\r\nx\r\nincr n 1\r\n',
  'touch k\r\n',
  'touch k 0\r\n',
  'touch k 0 noreply\r\n',
  'touch k noreply\r\n',
  'touch k noreply noreply\r\n',
  'touch k x\r\n',
  'touch k x noreply\r\n',
  'touch k 0 1\r\n',
  'touch k 0 1 2\r\n',
  `touch ${K251} 0\r\n`,
  `touch ${K251} 0 noreply\r\n`,
  'touch n 100\r\n',
  'touch2\r\n',
  'verbosity\r\n',
  'verbosity 0\r\n',
  'verbosity x\r\n',
  'verbosity noreply\r\n',
  'verbosity 0 noreply\r\n',
  'verbosity x noreply\r\n',
  'verbosity 0 x\r\n',
  'verbosity 1 2 3\r\n',
  'verbosity 1 2 noreply\r\n',
  'verbosity -1\r\n',
  'verbosity 0 NOREPLY\r\n',
  'verbosity noreply 1\r\n',
  'flush_all\r\n',
  'flush_all 0\r\n',
  'flush_all noreply\r\n',
  'flush_all 0 noreply\r\n',
  'flush_all x\r\n',
  'flush_all x noreply\r\n',
  'flush_all -1\r\n',
  'flush_all -10 noreply\r\n',
  'flush_all 0 0\r\n',
  'flush_all 0 x noreply\r\n',
  'flush_all 1 2 3\r\n',
  'flush_all noreply noreply\r\n',
  'flush_all noreply 0\r\n',
  'flush_all 1x\r\n',
  'stats x\r\n',
  'stats reset\r\n',
  'stats reset x\r\n',
  'stats detail\r\n',
  'stats detail on\r\n',
  'stats detail off\r\n',
  'stats detail x\r\n',
  'stats cachedump\r\n',
  'stats cachedump 1 x\r\n',
  'stats cachedump 99 1\r\n',
  'stats noreply\r\n',
  'stats sizes\r\n',
  'stats extstore\r\n',
  'stats proxy\r\n',
  'cache_memlimit x y z\r\n',
  'lru\r\n',
  'slabs\r\n',
  'watch x\r\n',
  'lru_crawler\r\n',
  'extstore\r\n',
  'misbehave\r\n',
  ...META_CONVERSATIONS,
  `${'x'.repeat(2040)}\r\n`,
  `version ${'x'.repeat(2000)}\r\n`,
];

for (const conversation of CONVERSATIONS) {
  test(`${shorten(conversation)} is answered as by memcached`, async () => {
    const sent = conversation + PADDING + LAST;
    const want = await askDirectly(sent);
    assert.equal(await askThroughParser(sent), want);
    // The end is reached, or memcached closed: neither swallowed what the other did not.
    assert.ok(want.endsWith(LAST_REPLY) || conversation.includes('quit'));
  });
}

for (const line of [
  'GET / HTTP/1.1',
  'POST / HTTP/1.0',
  'PUT /x HTTP/1.1 ',
  'DELETE / HTTP/1.1',
  'HEAD / HTTP/1.1',
  'HTTP/',
]) {
  test(`an HTTP request is answered by neither: ${line}`, async () => {
    const sent = `${line}\r\nHost: a\r\n\r\nset k 0 0 1\r\nx\r\n${LAST}`;
    const want = await askDirectly(sent);
    assert.equal(want, '');
    assert.equal(await askThroughParser(sent), want);
  });
}

const ERROR = 'ERROR\r\n';
const STORED = 'STORED\r\n';
const BAD_FORMAT = 'CLIENT_ERROR bad command line format\r\n';

/** Where we differ on purpose: what is sent, memcached's answer, ours, and why. */
const DIFFERENCES: readonly (readonly [sent: string, theirs: string, ours: string, why: string])[] = [
  ['bget a\r\n', 'END\r\n', ERROR, 'an undocumented get that is dropped in later versions'],
  ['cache_memlimit 64\r\n', 'OK\r\n', ERROR, 'server administration is not for clients of a pool'],
  ['slabs automove 1\r\n', 'OK\r\n', ERROR, 'server administration is not for clients of a pool'],
  ['stats sizes_disable\r\n', 'STAT sizes_status disabled\r\n', ERROR, 'its reply has no end mark'],
  ['get a\0b\r\n', 'END\r\n', BAD_FORMAT, 'a zero byte ends the line here and is part of the key in other versions'],
  ['version\0x\r\n', 'VERSION 1.6.18\r\n', ERROR, 'the same'],
  [
    'set k 0 0 1\0x\r\na\r\n',
    STORED,
    BAD_FORMAT + ERROR,
    'the same; a header that some server refuses is not forwarded',
  ],
  ['set a\0b 0 0 1\r\na\r\n', ERROR + ERROR, BAD_FORMAT + ERROR, 'the same'],
  ['set k +1 0 1\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'numbers are plain decimal: every server must read them alike'],
  ['set k -0 0 1\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'the same'],
  ['set k 0\t 0 1\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'the same'],
  ['set k 0 0 1\t\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'the same'],
  ['set k 0 0 1\r\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'the same: one of the returns belongs to the number'],
  ['set k 4294967296 0 1\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'flags have 32 bits; memcached cuts off the rest'],
  ['set k 0 0 4294967297\r\na\r\n', STORED, BAD_FORMAT + ERROR, 'lengths have 31 bits; memcached cuts off the rest'],
  [
    `set k 0 0 1048570\r\n${'z'.repeat(1048570)}XX`,
    'SERVER_ERROR object too large for cache\r\n',
    'CLIENT_ERROR bad data chunk\r\n',
    'bad data is not forwarded, so its size is not asked about',
  ],
  ['gat \t0 a\r\n', 'END\r\n', 'END\r\n', 'no difference: what has no data block is forwarded as it is'],
];

for (const [sent, theirs, ours, why] of DIFFERENCES) {
  test(`${shorten(sent)} is answered differently: ${why}`, async () => {
    assert.equal(await askDirectly(sent + LAST), theirs + LAST_REPLY);
    assert.equal(await askThroughParser(sent + LAST), ours + LAST_REPLY);
  });
}

test('a line that is too long is refused with words where memcached just closes', async () => {
  assert.equal(await askDirectly('x'.repeat(20_000)), '');
  assert.equal(await askThroughParser('x'.repeat(20_000)), 'CLIENT_ERROR line too long\r\n');
  assert.equal(await askDirectly(`gat 0 ${'k '.repeat(10_000)}`), '');
  assert.equal(await askThroughParser(`gat 0 ${'k '.repeat(10_000)}`), 'CLIENT_ERROR line too long\r\n');
});

test('binary requests are answered as memcached answers unknown ones, in other words', async () => {
  const request = (opcode: number, body: string): string => {
    const header = Buffer.alloc(24, '!');
    header[0] = 0x80;
    header[1] = opcode;
    header.fill(0, 2, 8);
    header.writeUInt32BE(body.length, 8);
    return header.toString('latin1') + body;
  };
  /** The length and the words of bodies made equal. */
  const withoutWords = (reply: string): string =>
    reply
      .replace(/\0\0\0.(?=!{4})/gs, 'size')
      .replace(/Unknown command|the binary protocol is [a-z: ]+ protocol/g, '?');
  // A client's quit tells where the replies end.
  const sent = request(0x50, '') + request(0xff, '\x80body\r\n') + request(0x51, 'x'.repeat(1000)) + request(0x07, '');
  const want = withoutWords(await askDirectly(sent));
  assert.equal(want.length, 4 * 24 + 3);
  assert.equal(withoutWords(await askThroughParser(sent)), want);
  const silent = request(0x50, '') + request(0x17, '');
  assert.equal(withoutWords(await askThroughParser(silent)), withoutWords(await askDirectly(silent)));
});

test('a value over the request limit gets the words of one over the item size, and is swallowed as far', async () => {
  const options = { ...OPTIONS, maxRequestBytes: 1 << 20 };
  const size = 1_100_000;
  for (const noreply of ['', ' noreply']) {
    const sent = `set k 0 0 ${size}${noreply}\r\n${'get k\r\n'.repeat(size).slice(0, size)}zz${LAST}`;
    const want = await askDirectly(sent);
    assert.equal(want, (noreply === '' ? 'SERVER_ERROR object too large for cache\r\n' : '') + LAST_REPLY);
    assert.equal(await askThroughParser(sent, [], options), want);
    assert.equal(await askThroughParser(sent, [5, 30, 31, 2000, 500_000, size], options), want);
  }
});

for (const command of ['stats', 'stats items', 'stats slabs', 'stats settings']) {
  test(`${command} through the parser has the lines of a memcached`, async () => {
    const names = (reply: string): string[] => Array.from(reply.matchAll(/^(STAT \S+|END)/gm), match => match[1]!);
    const sent = `set k 0 0 1\r\na\r\n${command}\r\n${LAST}`;
    const want = names(await askDirectly(sent));
    assert.ok(want.length > 10);
    assert.deepEqual(names(await askThroughParser(sent)), want);
  });
}

test('a get of a key that is too long loses no reply before it, as it does in memcached', async () => {
  const sent = `version\r\nget ${K251}\r\n${LAST}`;
  assert.equal(await askDirectly(sent), BAD_FORMAT + LAST_REPLY);
  assert.equal(await askThroughParser(sent), `VERSION 1.6.18\r\n${BAD_FORMAT}${LAST_REPLY}`);
});

test('random conversations, cut anywhere, are answered as by memcached', async () => {
  const seed = Number(process.env.SEED ?? 20261120);
  const random = generator(seed);
  for (let round = 0; round < 150; round++) {
    const conversation = Array.from({ length: 1 + random(25) }, () => randomRequest(random)).join('');
    // What was stored is part of the answer: much of it was stored without a reply.
    const sent = `${conversation}${PADDING}get a b c d\t 0 é noreply n ${K250}\r\n${LAST}`;
    const cuts = Array.from({ length: random(6) }, () => random(sent.length)).sort((a, b) => a - b);
    const want = withoutCas(await askDirectly(sent));
    const message = `SEED=${seed}, round ${round}: ${JSON.stringify(conversation)}, cuts ${cuts}`;
    assert.equal(withoutCas(await askThroughParser(sent, cuts)), want, message);
    assert.ok(want.endsWith(LAST_REPLY), message);
  }
});

/** The servers count their cas values on their own. */
function withoutCas(replies: string): string {
  return replies.replace(/^(VALUE [^ \n]+ \d+ \d+) \d+\r$/gm, '$1 cas\r');
}

type Random = (below: number) => number;

function generator(seed: number): Random {
  let state = seed >>> 0;
  return below => {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function randomRequest(random: Random): string {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)]!;
  const often = (usual: () => string, odd: readonly string[]): string => (random(12) > 0 ? usual() : pick(odd));
  const key = (): string =>
    often(() => pick(['a', 'b', 'c', 'd\t', '0', 'é', 'noreply']), [K250, K251, 'x'.repeat(900), '']);
  // No long ones: see the test of the reply that memcached loses.
  const getKey = (): string => often(() => pick(['a', 'b', 'c', 'd\t', '0', 'é', 'noreply']), [K250.slice(2), '']);
  const exptime = (): string =>
    often(() => pick(['0', '100000', '0']), ['-1', 'x', '-', '1e3', '99999999999', 'noreply', '']);
  const number = (): string =>
    often(() => pick(['1', '7', '300']), ['-1', 'x', '18446744073709551616', '1.5', 'noreply', '']);
  const end = (): string => often(() => '\r\n', ['\n', ' \r\n', '\r\r\n', ' x\r\n', ' noreply\r\n', ' noreply x\r\n']);
  const noreply = (): string => (random(4) === 0 ? ' noreply' : '');
  const words = (...list: string[]): string => list.join(random(10) > 0 ? ' ' : '  ');
  const lead = random(40) === 0 ? ' ' : '';

  const storage = (name: string, ...more: string[]): string => {
    const data = pick(['', '1', '10', 'data', '\r\n', 'END\r\n', '\0\xff', 'get a\r\n']);
    const flags = often(() => pick(['0', '5', '4294967295']), ['-1', 'x', '', 'noreply']);
    const length = often(() => String(data.length), ['x', '-1', '2147483646', String(data.length + 1), '0', '3', '']);
    const tail = often(() => '\r\n', ['', '\n', 'more\r\n']);
    return `${words(name, key(), flags, exptime(), length, ...more)}${noreply()}${end().replace('\r\r', '\r')}${data}${tail}`;
  };
  const command = random(14);
  const line = ((): string => {
    switch (command) {
      case 0:
      case 1:
        return storage('set');
      case 2:
        return storage(pick(['add', 'replace', 'append', 'prepend']));
      case 3:
        return storage('cas', pick(['1000000007', '1000000007', 'x', '-1', '18446744073709551616', 'noreply']));
      case 4:
      case 5:
        return words(pick(['get', 'gets']), ...Array.from({ length: random(6) }, getKey)) + end();
      case 6:
        return words(pick(['gat', 'gats']), exptime(), ...Array.from({ length: random(4) }, getKey)) + end();
      case 7:
        // Of a key whose value never gets shorter: memcached pads one with spaces that does, unless it is being sent.
        if (random(3) === 0) return `set n 0 0 2\r\n${10 + random(90)}\r\n`;
        return (
          words(
            'incr',
            often(() => 'n', ['none', K250, K251, '']),
            number(),
          ) +
          noreply() +
          end()
        );
      case 8:
        return words('touch', key(), exptime()) + noreply() + end();
      case 9:
        return words('delete', key(), pick(['', '', '0', '1', 'x'])) + noreply() + end();
      case 10:
        return words('verbosity', pick(['0', 'x', ''])) + noreply() + end();
      case 11:
        return words('flush_all', pick(['', '0', 'x'])) + noreply() + end();
      case 12:
        return (
          words(pick(['version', 'stats bogus', 'stats reset', 'mx', 'GET', 'sett', 'ge', 'deletee']), key()) + end()
        );
      default:
        return pick(['\r\n', '\n', ' ', 'a b c\r\n', '\x01\x02\r\n']);
    }
  })();
  return lead + line;
}

function shorten(text: string): string {
  return JSON.stringify(text.length > 70 ? `${text.slice(0, 50)}… (${text.length} bytes)` : text);
}
