import { connectedHosts } from '../connected-hosts.ts';
import { KeyOwners } from '../key-owners.ts';
import type { KeySample } from '../key-sample.ts';
import type { BigKey, ConnectedHost, KeyFlow, SurveyedServer, SurveyJob, SurveyReport } from '../mover-job.ts';
import { probeKey } from '../probe-key.ts';
import { dumpedKeys, whyUnlisted } from './key-dump.ts';
import { MemcachedConnection } from './memcached-connection.ts';

const ANSWER_WITHIN_MS = 10_000;
const BIGGEST_LISTED = 10;
/** Moving them costs servers about so much, whatever the pace. */
const KEYS_PER_SECOND = 10_000;
/** memcached's meta commands in their final form. */
const FIRST_VERSION = [1, 6, 12] as const;
/** Of the whole ring. */
const GUESSED_KEYS = 20_000;
const PROBE_SECONDS = 60;

interface Facts {
  readonly version: string;
  /** null: it lists its keys. */
  readonly whyUnlisted: string | null;
  readonly keys: number;
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly itemBytes: number;
  /** Of its clients, one for each connection. */
  readonly hosts: readonly string[];
  /** Under which address it is asked. */
  readonly here: string;
}

/** What moves, by the first keys that each server's crawler finds, and what is in the way. Changes nothing that lasts. */
export async function surveyMemcached(job: SurveyJob): Promise<SurveyReport> {
  const owners = new KeyOwners(job.from, job.to);
  const obstacles: string[] = [];
  const warnings: string[] = [];
  const facts = await Promise.all(owners.servers.map((_, server) => factsOf(job, owners, server, obstacles)));
  const samples = await Promise.all(
    facts.map((each, server) => {
      if (each === null) return null;
      return each.whyUnlisted === null ? sampled(job, owners, server, each, obstacles) : guessed(owners, server, each);
    }),
  );
  const unlisted = owners.servers.flatMap(({ text }, server) => (facts[server]?.whyUnlisted ? [text] : []));
  for (const [server, each] of facts.entries()) {
    if (each?.whyUnlisted) judgeUnlisted(job, owners.servers[server]!, each.whyUnlisted, obstacles, warnings);
  }
  obstacles.push(...(await twins(job, owners, facts)));
  const flows: KeyFlow[] = [];
  const coming = new Map<number, number>();
  for (const [server, each] of samples.entries()) {
    for (const [target, { keys, bytes }] of each?.moving ?? []) {
      const scaled = { keys: Math.round(keys * each!.factor), bytes: Math.round(bytes * each!.factor) };
      flows.push({ from: owners.servers[server]!.text, to: owners.servers[target]!.text, ...scaled });
      coming.set(target, (coming.get(target) ?? 0) + scaled.bytes);
    }
  }
  flows.sort((a, b) => b.keys - a.keys);
  for (const [target, bytes] of coming) {
    const { maxBytes, usedBytes } = facts[target] ?? { maxBytes: bytes, usedBytes: 0 };
    const room = maxBytes - usedBytes;
    if (bytes > room)
      warnings.push(
        `${owners.servers[target]!.text} has room for ${room} bytes, and ${bytes} come: it would evict keys`,
      );
  }
  const sizes = new Set(facts.flatMap(each => (each === null ? [] : [each.itemBytes])));
  if (sizes.size > 1)
    warnings.push('the servers take items of different sizes (-I): larger ones are lost where they are too large');
  const movingBytes = flows.reduce((sum, flow) => sum + flow.bytes, 0);
  const movingKeys = flows.reduce((sum, flow) => sum + flow.keys, 0);
  const known = samples.filter(each => each !== null);
  return {
    servers: owners.servers.map(
      ({ text, isFrom, isTo }, server): SurveyedServer => ({
        ...{ address: text, isFrom, isTo },
        version: facts[server]?.version ?? null,
        keys: facts[server]?.keys ?? 0,
        usedBytes: facts[server]?.usedBytes ?? 0,
        maxBytes: facts[server]?.maxBytes ?? 0,
      }),
    ),
    sampledKeys: known.reduce((sum, { looked }) => sum + looked, 0),
    isWhole: known.length === samples.length && known.every(({ factor }) => factor === 1),
    keys: Math.round(known.reduce((sum, { looked, factor }) => sum + looked * factor, 0)),
    ...{ movingKeys, movingBytes, flows, obstacles, warnings, unlisted },
    // Servers do not wait for each other.
    isMutual: false,
    biggest: known
      .flatMap(({ biggest }) => biggest)
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, BIGGEST_LISTED),
    connected: connectedTo(owners, facts),
    // No step keeps a server.
    bigKeys: 0,
    orphans: samples.flatMap((each, server) =>
      each === null || each.orphans === 0
        ? []
        : [{ server: owners.servers[server]!.text, keys: Math.round(each.orphans * each.factor) }],
    ),
    seconds: Math.max(
      movingBytes / job.paceBytes,
      movingKeys / KEYS_PER_SECOND,
      unlisted.length === 0 ? 0 : (job.ttlMs ?? 0) / 1000,
    ),
  };
}

async function factsOf(job: SurveyJob, owners: KeyOwners, server: number, obstacles: string[]): Promise<Facts | null> {
  const { text } = owners.servers[server]!;
  try {
    const connection = await MemcachedConnection.open(job.from, owners.servers[server]!, ANSWER_WITHIN_MS);
    try {
      const statistics = await connection.statistics();
      const settings = await connection.statistics('settings');
      const version = statistics.get('version') ?? '';
      if (!isYoungEnough(version))
        obstacles.push(`${text} is memcached ${version}; it must be ${FIRST_VERSION.join('.')} or newer`);
      if (settings.get('cas_enabled') === 'no') obstacles.push(`${text} has no CAS (-C)`);
      return {
        version,
        whyUnlisted: whyUnlisted(settings),
        keys: Number(statistics.get('curr_items') ?? 0),
        usedBytes: Number(statistics.get('bytes') ?? 0),
        maxBytes: Number(statistics.get('limit_maxbytes') ?? 0),
        itemBytes: Number(settings.get('item_size_max') ?? 0),
        hosts: hostsOf(await connection.statistics('conns')),
        here: connection.here,
      };
    } finally {
      connection.close();
    }
  } catch (error) {
    obstacles.push((error as Error).message);
    return null;
  }
}

/** `12:addr` is `tcp:HOST:PORT`, of listening sockets too, which have no `12:listen_addr`. */
function hostsOf(connections: ReadonlyMap<string, string>): string[] {
  return [...connections].flatMap(([name, value]) => {
    const id = /^(\d+):addr$/.exec(name)?.[1];
    const host = /^tcp6?:(.*):\d+$/.exec(value)?.[1];
    return id === undefined || host === undefined || !connections.has(`${id}:listen_addr`) ? [] : [host];
  });
}

function connectedTo(owners: KeyOwners, facts: readonly (Facts | null)[]): ConnectedHost[] {
  const old = facts.filter((each, server) => each !== null && owners.servers[server]!.isFrom) as Facts[];
  return connectedHosts(
    old.flatMap(({ hosts }) => hosts),
    new Set(old.map(({ here }) => here)),
  );
}

function isYoungEnough(version: string): boolean {
  const parts = version.split('.').map(Number);
  for (const [i, least] of FIRST_VERSION.entries()) {
    const part = parts[i] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

async function sampled(
  { from, sampleKeys }: SurveyJob,
  owners: KeyOwners,
  server: number,
  { keys: all }: Facts,
  obstacles: string[],
): Promise<KeySample | null> {
  const moving = new Map<number, { keys: number; bytes: number }>();
  const biggest: BigKey[] = [];
  const reached = owners.servers[server]!;
  const { text } = reached;
  let [looked, orphans] = [0, 0];
  let isCut = false;
  try {
    for await (const { key, bytes } of dumpedKeys(from, reached)) {
      looked++;
      if (owners.from(key) !== server) orphans += owners.isOrphan(key, server) ? 1 : 0;
      else if (owners.to(key) !== server) {
        const flow = moving.get(owners.to(key)) ?? { keys: 0, bytes: 0 };
        moving.set(owners.to(key), { keys: flow.keys + 1, bytes: flow.bytes + bytes });
        biggest.push({ key: key.toString('latin1'), server: text, bytes, stepMs: 0 });
        if (biggest.length > BIGGEST_LISTED * 2) {
          biggest.sort((a, b) => b.bytes - a.bytes);
          biggest.length = BIGGEST_LISTED;
        }
      }
      isCut = looked >= sampleKeys;
      if (isCut) break;
    }
  } catch (error) {
    obstacles.push((error as Error).message);
    return null;
  }
  return { looked, factor: isCut ? Math.max(1, all / looked) : 1, orphans, moving, biggest };
}

/** Of a server that lists no keys: what moves by its share of the ring. */
function guessed(owners: KeyOwners, server: number, { keys, usedBytes }: Facts): KeySample {
  const moving = new Map<number, { keys: number; bytes: number }>();
  const bytes = keys === 0 ? 0 : Math.round(usedBytes / keys);
  let looked = 0;
  for (let i = 0; i < GUESSED_KEYS; i++) {
    const key = Buffer.from(`any:${i}`);
    if (owners.from(key) !== server) continue;
    looked++;
    const target = owners.to(key);
    if (target === server) continue;
    const flow = moving.get(target) ?? { keys: 0, bytes: 0 };
    moving.set(target, { keys: flow.keys + 1, bytes: flow.bytes + bytes });
  }
  return { looked, factor: looked === 0 ? 0 : keys / looked, orphans: 0, moving, biggest: [] };
}

/** They move when they are asked for, until the operator's time is over. */
function judgeUnlisted(
  { ttlMs, from }: SurveyJob,
  { text, isFrom, isTo }: KeyOwners['servers'][number],
  why: string,
  obstacles: string[],
  warnings: string[],
): void {
  if (ttlMs === null) {
    obstacles.push(`${text} ${why}. Or give --ttl, after which all its keys have expired`);
    return;
  }
  warnings.push(
    `${text} lists no keys: those that move do so when they are asked for; what nobody has asked for when the time to live is over ` +
      'is a miss from then on, and one without expiry stays there and may be read in a later change of the ring',
  );
  if (isFrom && isTo && from.autoEjectHosts) {
    obstacles.push(
      `${text} lists no keys, and servers of the pool are ejected by themselves: keys of others that were left there so can't be ` +
        'found. Set auto_eject_hosts to false, and wait for the time to live',
    );
  }
}

/** Two addresses of one server: what is set at one is there at the other. */
async function twins(job: SurveyJob, owners: KeyOwners, facts: readonly (Facts | null)[]): Promise<string[]> {
  const found: string[] = [];
  const reachable = owners.servers.filter((_, server) => facts[server] !== null);
  const connections = await Promise.all(
    reachable.map(server => MemcachedConnection.open(job.from, server, ANSWER_WITHIN_MS).catch(() => null)),
  );
  for (const [i, one] of connections.entries()) {
    const key = probeKey();
    if ((await one?.line(`ms ${key} 1 T${PROBE_SECONDS}\r\nx\r\n`).catch(() => '')) !== 'HD') continue;
    for (const [j, other] of connections.entries()) {
      if (j <= i || other === null || (await other.line(`mg ${key}\r\n`).catch(() => '')) !== 'HD') continue;
      found.push(
        `${reachable[i]!.text} and ${reachable[j]!.text} are the same server: give it one address in both files`,
      );
    }
    await one!.line(`md ${key}\r\n`).catch(() => '');
  }
  for (const connection of connections) connection?.close();
  return found;
}
