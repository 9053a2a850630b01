// Servers that die, refuse, keep silent or answer errors of their own: nutcracker and Ringmaster say the same to the
// client, but for the differences listed here, each of which stands in docs/from-twemproxy.md.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { temporaryDirectory } from '../support/child.ts';
import {
  answering,
  cutAfter,
  type Delivery,
  type FakeBackend,
  inOnePiece,
  never,
  replacedBy,
  resetAfter,
  startFakeBackend,
} from '../support/fake-backend.ts';
import { freePorts } from '../support/free-port.ts';
import { type Nutcracker, startNutcracker } from '../support/nutcracker.ts';
import { RawClient, type ReadEnd } from '../support/raw-client.ts';
import { memcachedRequest, redisRequest, redisWords } from '../support/request-splitter.ts';
import { encodeCommand, replyEnd } from '../support/resp-reader.ts';
import { type Ringmaster, startRingmaster } from '../support/ringmaster.ts';
import { assertInGuide } from '../support/switching-guide.ts';

/** What a pool's server is: a fake that delivers its replies so, or an address where there is none. */
type Server = { readonly delivery: Delivery } | { readonly address: (closedPort: number) => string };

interface Case {
  readonly name: string;
  readonly protocol: 'redis' | 'memcached';
  readonly servers: readonly Server[];
  readonly settings: readonly string[];
  /** Each on a connection of its own, one after the other. */
  readonly requests: readonly string[];
}

/** What a client reads, and whether it is served further on the same connection. */
interface Answer {
  /** Empty: the connection was closed without a reply. */
  readonly text: string;
  readonly isOpenAfter: boolean;
}

/** A way in which the answers may differ. */
interface Difference {
  /** Words of docs/from-twemproxy.md, under `SECTION`. */
  readonly says: string;
  applies(theirs: Answer, ours: Answer, request: string): boolean;
  /** What nutcracker does depends on how the server's segments arrive, so it is not seen in every run. */
  readonly isRace?: true;
}

const SECTION = 'When a server fails';
const INVALID = /^(-ERR|SERVER_ERROR) Invalid argument\r\n$/;
const isSplit = (request: string) => request.split(' ').length > 3;

const DIFFERENCES: readonly Difference[] = [
  {
    says: 'A split command that fails',
    applies: (theirs, ours, request) => isSplit(request) && ours.isOpenAfter && isError(ours) && !theirs.isOpenAfter,
  },
  {
    says: 'The server ends the connection instead of answering',
    applies: (theirs, ours) => / unknown\r\n$/.test(theirs.text) && / Connection reset by peer\r\n$/.test(ours.text),
  },
  {
    says: 'The server ends the connection inside its answer',
    // Bytes and FIN that arrive together are an ordinary end to nutcracker.
    isRace: true,
    applies: (theirs, ours) => / timed out\r\n$/.test(theirs.text) && / Connection reset by peer\r\n$/.test(ours.text),
  },
  {
    says: 'The server’s unix socket is not there',
    applies: (theirs, ours) => / No such file/.test(theirs.text) && / Connection refused\r\n$/.test(ours.text),
  },
  {
    says: '`-LOADING`, `-BUSY`, `-BUSYKEY`, `-OOM` and such',
    applies: (theirs, ours, request) => !isSplit(request) && INVALID.test(theirs.text) && PASSED_ON.includes(ours.text),
  },
  {
    says: 'A server’s error to one part of a split command',
    applies: (theirs, ours, request) => isSplit(request) && INVALID.test(theirs.text) && PASSED_ON.includes(ours.text),
  },
  {
    says: 'A server that talks something else',
    applies: (theirs, ours) => INVALID.test(theirs.text) && / server answered something that is not/.test(ours.text),
  },
];

function isError({ text }: Answer): boolean {
  return /^(-ERR|SERVER_ERROR) /.test(text) || PASSED_ON.includes(text);
}

const REDIS_ERRORS = [
  '-LOADING Redis is loading the dataset in memory',
  '-BUSY Redis is busy running a script.',
  '-BUSYKEY Target key name already exists.',
  "-OOM command not allowed when used memory > 'maxmemory'.",
  "-READONLY You can't write against a read only replica.",
  '-MASTERDOWN Link with MASTER is down',
  '-MISCONF Errors writing to the AOF file',
  '-NOAUTH Authentication required.',
  '-MOVED 3999 127.0.0.1:6381',
  '-ERR something else',
];
const MEMCACHED_ERRORS = [
  'SERVER_ERROR out of memory storing object',
  'CLIENT_ERROR bad data chunk',
  'ERROR',
  'ERROR Too many open connections',
];
/** What a server said. */
const PASSED_ON = [...REDIS_ERRORS, ...MEMCACHED_ERRORS].map(line => `${line}\r\n`);

const well: Server = { delivery: inOnePiece };
const refusing: Server = { address: port => `127.0.0.1:${port}` };
const silent: Server = { delivery: never };
const resetting: Server = { delivery: resetAfter() };
const EJECT = ['auto_eject_hosts: true', 'server_failure_limit: 1', 'server_retry_timeout: 3600000'];
/** No name may be so long, so that nobody need ask a name server, for which nutcracker would make all clients wait. */
const NO_SUCH_HOST = `${'x'.repeat(64)}.invalid`;
const TIMEOUT = ['timeout: 200'];
/** For a server that is well, also on a busy machine. */
const LONGER = ['timeout: 700'];
const REQUESTS = {
  redis: ['GET a', 'GET b', 'GET c', 'SET a b', 'MGET a b c d e', 'DEL a b c d e', 'MSET a 1 b 2 c 3', 'GET a'],
  memcached: ['get a', 'get b', 'get c', 'delete a', 'incr a 1', 'get a b c d e', 'gets a b c d', 'get a'],
};

function both(name: string, servers: readonly Server[], settings: readonly string[] = []): Case[] {
  return (['redis', 'memcached'] as const).map(protocol => ({
    ...{ name, servers, settings, protocol },
    requests: REQUESTS[protocol],
  }));
}

function saying(protocol: Case['protocol'], lines: readonly string[]): Case[] {
  return lines.map(line => ({
    name: `answers ${line}`,
    protocol,
    servers: [{ delivery: replacedBy(`${line}\r\n`) }],
    settings: [],
    requests: protocol === 'redis' ? ['GET a', 'MGET a b c'] : ['get a', 'delete a', 'get a b c'],
  }));
}

const CASES: readonly Case[] = [
  ...both('refuses connections', [refusing]),
  ...both('is a unix socket that is not there', [{ address: () => '/nonexistent/server.sock' }]),
  ...both('has a name that does not resolve', [{ address: port => `${NO_SUCH_HOST}:${port}` }]),
  ...both('ends the connection instead of an answer', [{ delivery: cutAfter(0) }]),
  ...both('ends the connection inside its answer', [{ delivery: cutAfter(1) }], TIMEOUT),
  ...both('resets the connection instead of an answer', [resetting]),
  ...both('says nothing within the timeout', [silent], TIMEOUT),
  ...both('talks something else', [{ delivery: replacedBy('hello there\r\n') }]),
  ...both('refuses connections and is ejected', [refusing], EJECT),
  ...both('says nothing and is ejected', [silent], [...TIMEOUT, ...EJECT]),
  ...both('resets connections and is ejected', [resetting], EJECT),
  ...both('is one of two and refuses', [well, refusing]),
  ...both('is one of two and says nothing', [well, silent], LONGER),
  ...both('is one of two and resets', [well, resetting]),
  ...both('is one of two, refuses and is ejected', [well, refusing], EJECT),
  ...both('is one of two, says nothing and is ejected', [well, silent], [...LONGER, ...EJECT]),
  ...saying('redis', REDIS_ERRORS),
  ...saying('memcached', MEMCACHED_ERRORS),
];

describe('what clients read when a server', () => {
  const fakes: FakeBackend[] = [];
  let nutcracker: Nutcracker;
  let ringmaster: Ringmaster;
  const directory = temporaryDirectory('failures');
  const socketOf = (side: 'theirs' | 'ours', i: number) => path.join(directory, `${side}${i}.sock`);

  before(async () => {
    const fakesOf: (string | null)[][] = [];
    for (const each of CASES) fakesOf.push(await Promise.all(each.servers.map(server => start(each, server))));
    // Only now: what the fakes listen on is free no more.
    const [closed, stats] = (await freePorts(2)) as [number, number];
    const texts = { theirs: '', ours: '' };
    for (const [i, each] of CASES.entries()) {
      const addresses = each.servers.map(
        (server, s) => fakesOf[i]![s] ?? ('address' in server ? server.address(closed) : ''),
      );
      for (const side of ['theirs', 'ours'] as const) texts[side] += poolText(each, i, socketOf(side, i), addresses);
    }
    nutcracker = await startNutcracker(texts.theirs);
    ringmaster = await startRingmaster({
      config: texts.ours,
      workers: 1,
      args: ['-a', '127.0.0.1', '-s', String(stats)],
    });
  });

  async function start({ protocol }: Case, server: Server): Promise<string | null> {
    if ('address' in server) return null;
    const handler =
      protocol === 'redis'
        ? answering(redisRequest, redisAnswer, server.delivery)
        : answering(memcachedRequest, memcachedAnswer, server.delivery);
    const fake = await startFakeBackend(handler);
    fakes.push(fake);
    return `127.0.0.1:${fake.port}`;
  }

  after(async () => {
    await ringmaster?.kill();
    await nutcracker?.kill();
    await Promise.all(fakes.map(fake => fake.close()));
  });

  const found = new Set<Difference>();

  // The timeouts of all of them pass at once.
  describe('does wrong: it', { concurrency: CASES.length }, () => {
    for (const [i, each] of CASES.entries()) {
      test(`${each.name} (${each.protocol})`, async () => {
        const [theirs, ours] = await Promise.all([ask(socketOf('theirs', i), each), ask(socketOf('ours', i), each)]);
        const strange = each.requests.flatMap((request, n) => {
          if (isDeepStrictEqual(ours[n], theirs[n])) return [];
          const known = DIFFERENCES.filter(difference => difference.applies(theirs[n]!, ours[n]!, request));
          for (const difference of known) found.add(difference);
          return known.length > 0 ? [] : [{ request, nutcracker: theirs[n], ringmaster: ours[n] }];
        });
        assert.deepEqual(strange, []);
      });
    }
  });

  test('does wrong: every difference was found and is documented', () => {
    for (const difference of DIFFERENCES) {
      assertInGuide(SECTION, difference.says);
      assert.ok(difference.isRace || found.has(difference), `not found: ${difference.says}`);
    }
  });
});

function poolText({ protocol, settings }: Case, i: number, socket: string, addresses: readonly string[]): string {
  const lines = [`listen: ${socket}`, `redis: ${protocol === 'redis'}`, ...settings, 'servers:'];
  const servers = addresses.map((address, s) => `  - ${address}:1 server${s}`);
  return `pool${i}:\n${[...lines, ...servers].map(line => `  ${line}\n`).join('')}`;
}

async function ask(socket: string, { protocol, requests }: Case): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const request of requests) {
    const client = await RawClient.connect(socket);
    const text = await answerTo(client, protocol, request);
    const isOpenAfter = text !== '' && (await answerTo(client, protocol, REQUESTS[protocol][0]!)) !== '';
    answers.push({ text, isOpenAfter });
    client.destroy();
  }
  return answers;
}

/** The reply as text; empty when the connection closes instead. */
async function answerTo(client: RawClient, protocol: Case['protocol'], request: string): Promise<string> {
  const isRedis = protocol === 'redis';
  client.send(isRedis ? encodeCommand(...request.split(' ')) : `${request}\r\n`);
  try {
    const end: ReadEnd = isRedis ? arrived => replyEnd(arrived) : memcachedReplyEnd;
    return (await client.readUntil(end)).toString('latin1');
  } catch (error) {
    if (client.socket.readableEnded || client.socket.destroyed) return '';
    throw error;
  }
}

function redisAnswer(request: Buffer): string {
  const [word, ...args] = redisWords(request).map(String);
  const name = word!.toUpperCase();
  if (name === 'MGET') return `*${args.length}\r\n${'$1\r\nv\r\n'.repeat(args.length)}`;
  return name === 'GET' ? '$1\r\nv\r\n' : name === 'DEL' ? `:${args.length}\r\n` : '+OK\r\n';
}

function memcachedAnswer(request: Buffer): string {
  const [name, ...keys] = request.toString('latin1').trim().split(' ');
  if (name?.startsWith('get'))
    return `${keys.map(key => `VALUE ${key} 0 1${name === 'gets' ? ' 5' : ''}\r\nv\r\n`).join('')}END\r\n`;
  return name === 'delete' ? 'DELETED\r\n' : '7\r\n';
}

function memcachedReplyEnd(arrived: Buffer): number {
  const text = arrived.toString('latin1');
  if (!text.startsWith('VALUE ')) return text.indexOf('\r\n') < 0 ? -1 : text.indexOf('\r\n') + 2;
  const at = text.indexOf('\r\nEND\r\n');
  return at < 0 ? -1 : at + 7;
}
