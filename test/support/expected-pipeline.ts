// Random pipelines with the reply that each request must get: a model of what the servers hold for one client's keys.
// Values name their key and their client, so that a reply that went astray shows.
import { encodeCommand } from './resp-reader.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface Exchange {
  readonly request: Buffer;
  /** Empty: no reply. */
  readonly reply: Buffer;
}

export interface PipelineOptions {
  /** Names this client's keys, which nobody else touches. */
  readonly client: string;
  readonly requests: number;
  /** Length of the values that are big, and their share. */
  readonly bigBytes: number;
  readonly bigShare: number;
}

/** Keys that all clients read and nobody changes, and their values. */
export const SHARED_KEYS: readonly string[] = Array.from({ length: 60 }, (_, i) => `shared:${i}`);

/** The value of a key at its `version`th change; it names both. */
export function versionedValue(key: string, version: number, bytes = 0): string {
  const value = `<${key} v${version}>`;
  return bytes <= value.length ? value : value.repeat(Math.ceil(bytes / value.length)).slice(0, bytes);
}

const OWN_KEYS = 40;
const COUNTERS = 5;

/** What both protocols' pipelines are made of: the client's keys and what they hold by now. */
class Holdings {
  readonly counters: string[];
  readonly values = new Map<string, string>();
  private readonly keys: string[];
  private readonly random: SeededRandom;
  private readonly options: PipelineOptions;
  private version = 0;

  constructor(random: SeededRandom, options: PipelineOptions) {
    this.random = random;
    this.options = options;
    this.keys = Array.from({ length: OWN_KEYS }, (_, i) => `${options.client}:${i}`);
    this.counters = Array.from({ length: COUNTERS }, (_, i) => `${options.client}:counter:${i}`);
  }

  key(): string {
    return this.random.pick(this.keys);
  }

  /** Own and shared keys, some of them twice. */
  someKeys(most: number): string[] {
    const { random } = this;
    return Array.from({ length: random.between(2, most) }, () =>
      random.chance(0.3) ? random.pick(SHARED_KEYS) : this.key(),
    );
  }

  ownKeys(most: number): string[] {
    return Array.from({ length: this.random.between(2, most) }, () => this.key());
  }

  newValue(key: string): string {
    const { bigBytes, bigShare } = this.options;
    const { random } = this;
    const bytes = random.chance(bigShare) ? bigBytes : random.chance(0.1) ? random.between(1, 20_000) : 0;
    return versionedValue(key, this.version++, bytes);
  }

  get(key: string): string | undefined {
    return key.startsWith('shared:') ? versionedValue(key, 0) : this.values.get(key);
  }
}

const bytes = (text: string) => Buffer.from(text, 'latin1');
const bulk = (value: string | undefined) => (value === undefined ? '$-1\r\n' : `$${value.length}\r\n${value}\r\n`);

/** Over a single pool of Redis servers. */
export function redisPipeline(random: SeededRandom, options: PipelineOptions): Exchange[] {
  const held = new Holdings(random, options);
  const { values } = held;
  const send = (words: readonly string[], reply: string): Exchange => ({
    request: encodeCommand(...words),
    reply: bytes(reply),
  });
  const makers: readonly [share: number, make: () => Exchange][] = [
    [20, () => get(held.key())],
    [5, () => get(random.pick(SHARED_KEYS))],
    [
      20,
      () => {
        const key = held.key();
        const value = held.newValue(key);
        values.set(key, value);
        return send(['SET', key, value], '+OK\r\n');
      },
    ],
    [
      12,
      () => {
        const keys = held.someKeys(random.chance(0.1) ? 60 : 8);
        return send(['MGET', ...keys], `*${keys.length}\r\n${keys.map(key => bulk(held.get(key))).join('')}`);
      },
    ],
    [
      6,
      () => {
        const pairs = held.ownKeys(6).map(key => [key, held.newValue(key)] as const);
        for (const [key, value] of pairs) values.set(key, value);
        return send(['MSET', ...pairs.flat()], '+OK\r\n');
      },
    ],
    [
      6,
      () => {
        const keys = held.ownKeys(5);
        let count = 0;
        for (const key of keys) if (values.delete(key)) count++;
        return send([random.pick(['DEL', 'UNLINK']), ...keys], `:${count}\r\n`);
      },
    ],
    [
      5,
      () => {
        const keys = held.someKeys(6);
        const count = keys.filter(key => held.get(key) !== undefined).length;
        return send([random.pick(['EXISTS', 'TOUCH']), ...keys], `:${count}\r\n`);
      },
    ],
    [
      8,
      () => {
        const key = random.pick(held.counters);
        const count = Number(values.get(key) ?? 0) + 1;
        values.set(key, String(count));
        return send(['INCR', key], `:${count}\r\n`);
      },
    ],
    [5, () => send(['ECHO', `${options.client} echo`], bulk(`${options.client} echo`))],
    [3, () => send(['PING'], '+PONG\r\n')],
    [2, () => send(['SELECT', '0'], '+OK\r\n')],
    [2, () => send(['CLIENT', 'SETNAME', 'x'], '+OK\r\n')],
    // Inline commands, one to a server and one not.
    [2, () => ({ request: bytes('PING inline\r\n'), reply: bytes(bulk('inline')) })],
    [
      2,
      () => {
        const key = held.key();
        return { request: bytes(`get ${key}\r\n`), reply: bytes(bulk(held.get(key))) };
      },
    ],
    // Errors: of a server, of Ringmaster, of the proxying.
    [2, () => send(['INCR', random.pick(SHARED_KEYS)], '-ERR value is not an integer or out of range\r\n')],
    [
      2,
      () =>
        send(
          ['LPUSH', random.pick(SHARED_KEYS), 'x'],
          '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n',
        ),
    ],
    [2, () => send(['GET'], "-ERR wrong number of arguments for 'get' command\r\n")],
    [2, () => send(['NOSUCH'], "-ERR unknown command 'NOSUCH', with args beginning with: \r\n")],
  ];
  function get(key: string): Exchange {
    return send(['GET', key], bulk(held.get(key)));
  }
  return draw(random, makers, options.requests);
}

/** Over a single pool of memcacheds. */
export function memcachedPipeline(random: SeededRandom, options: PipelineOptions): Exchange[] {
  const held = new Holdings(random, options);
  const { values } = held;
  const send = (request: string, reply: string): Exchange => ({ request: bytes(request), reply: bytes(reply) });
  const block = (key: string) => {
    const value = held.get(key);
    return value === undefined ? '' : `VALUE ${key} 7 ${value.length}\r\n${value}\r\n`;
  };
  const store = (name: string, key: string, value: string, reply: string): Exchange => {
    const isSilent = random.chance(0.2);
    const line = `${name} ${key} 7 0 ${value.length}${isSilent ? ' noreply' : ''}\r\n${value}\r\n`;
    return send(line, isSilent ? '' : reply);
  };
  const makers: readonly [share: number, make: () => Exchange][] = [
    [20, () => get([held.key()])],
    [5, () => get([random.pick(SHARED_KEYS)])],
    [12, () => get(held.someKeys(random.chance(0.1) ? 60 : 8))],
    [
      20,
      () => {
        const key = held.key();
        const value = held.newValue(key);
        values.set(key, value);
        return store('set', key, value, 'STORED\r\n');
      },
    ],
    [
      5,
      () => {
        const key = held.key();
        const value = held.newValue(key);
        if (values.has(key)) return store('add', key, value, 'NOT_STORED\r\n');
        values.set(key, value);
        return store('add', key, value, 'STORED\r\n');
      },
    ],
    [
      5,
      () => {
        const key = held.key();
        const old = values.get(key);
        if (old === undefined || old.length > 20_000) return store('append', `${key}:none`, '+', 'NOT_STORED\r\n');
        values.set(key, `${old}+`);
        return store('append', key, '+', 'STORED\r\n');
      },
    ],
    [
      8,
      () => {
        const key = held.key();
        const isSilent = random.chance(0.2);
        const reply = values.delete(key) ? 'DELETED\r\n' : 'NOT_FOUND\r\n';
        return send(`delete ${key}${isSilent ? ' noreply' : ''}\r\n`, isSilent ? '' : reply);
      },
    ],
    [
      8,
      () => {
        const key = random.pick(held.counters);
        const old = values.get(key);
        if (old === undefined) {
          values.set(key, '1');
          return send(`set ${key} 7 0 1\r\n1\r\n`, 'STORED\r\n');
        }
        values.set(key, String(Number(old) + 1));
        return send(`incr ${key} 1\r\n`, `${Number(old) + 1}\r\n`);
      },
    ],
    [3, () => send(`touch ${options.client}:none 0\r\n`, 'NOT_FOUND\r\n')],
    [2, () => send('verbosity 0\r\n', 'OK\r\n')],
    // Errors: of a server and of Ringmaster.
    [
      2,
      () =>
        send(
          `incr ${random.pick(SHARED_KEYS)} 1\r\n`,
          'CLIENT_ERROR cannot increment or decrement non-numeric value\r\n',
        ),
    ],
    [2, () => send('get\r\n', 'ERROR\r\n')],
    [2, () => send('nosuch command\r\n', 'ERROR\r\n')],
    [2, () => send(`get ${'k'.repeat(251)}\r\n`, 'CLIENT_ERROR bad command line format\r\n')],
  ];
  function get(keys: readonly string[]): Exchange {
    return send(`get ${keys.join(' ')}\r\n`, `${keys.map(block).join('')}END\r\n`);
  }
  return draw(random, makers, options.requests);
}

function draw(
  random: SeededRandom,
  makers: readonly [share: number, make: () => Exchange][],
  count: number,
): Exchange[] {
  const tickets = makers.flatMap(([share, make]) => Array<() => Exchange>(share).fill(make));
  return Array.from({ length: count }, () => random.pick(tickets)());
}
