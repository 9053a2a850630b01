import { connectedHosts } from '../connected-hosts.ts';
import { KeyOwners } from '../key-owners.ts';
import type { KeySample } from '../key-sample.ts';
import type { BigKey, ConnectedHost, KeyFlow, SurveyedServer, SurveyJob, SurveyReport } from '../mover-job.ts';
import { isMutual } from '../mutual-flows.ts';
import { type Probed, probed } from './probes.ts';
import { RedisConnection } from './redis-connection.ts';
import { databasesOf, keyText, scanned, sizesOf } from './redis-keys.ts';
import { factsOf, type ServerFacts } from './server-facts.ts';
import { FIRST_BYTES_PER_MS } from './step-size.ts';

const ANSWER_WITHIN_MS = 10_000;
const BIGGEST_LISTED = 10;
/** Moving them costs a server about so much, whatever the pace. */
const KEYS_PER_SECOND = 20_000;

interface Opened {
  readonly connection: RedisConnection;
  readonly facts: ServerFacts;
}

/** What moves, by a sample of each server's keys, and what is in the way, by trying. Changes nothing. */
export async function surveyRedis(job: SurveyJob): Promise<SurveyReport> {
  const owners = new KeyOwners(job.from, job.to);
  const obstacles: string[] = [];
  const warnings: string[] = [];
  const databases = databasesOf(job.from);
  const opened = await Promise.all(owners.servers.map((_, server) => open(job, owners, server, obstacles)));
  try {
    const samples = await Promise.all(
      opened.map((each, server) => (each === null ? null : sample(job, owners, server, each, databases))),
    );
    const total = addUp(owners, samples);
    const need = new Map<string, number>();
    for (const { to, bytes } of total.flows) need.set(to, (need.get(to) ?? 0) + bytes);
    for (const [server, each] of opened.entries()) {
      if (each !== null) judge(owners.servers[server]!, each.facts, need, obstacles, warnings);
    }
    obstacles.push(...twins(owners, opened));
    // In the last one, which a target may not have.
    const tried = await probed(job, owners, opened.map(probedOf), databases.at(-1)!, total.flows);
    obstacles.push(...tried.obstacles);
    warnings.push(...tried.warnings);
    const seconds = Math.max(total.movingBytes / job.paceBytes, total.movingKeys / KEYS_PER_SECOND);
    return {
      servers: owners.servers.map(
        ({ text, isFrom, isTo }, server): SurveyedServer => ({
          ...{ address: text, isFrom, isTo },
          version: opened[server]?.facts.version ?? null,
          keys: keysOf(opened[server]?.facts),
          usedBytes: opened[server]?.facts.usedBytes ?? 0,
          maxBytes: opened[server]?.facts.maxBytes ?? 0,
        }),
      ),
      ...total,
      connected: connectedTo(owners, opened),
      ...{ seconds, obstacles, warnings, unlisted: [], isMutual: isMutual(owners) },
    };
  } finally {
    for (const each of opened) each?.connection.close();
  }
}

async function open(job: SurveyJob, owners: KeyOwners, server: number, obstacles: string[]): Promise<Opened | null> {
  try {
    const connection = await RedisConnection.open(job.from, owners.servers[server]!, ANSWER_WITHIN_MS);
    return { connection, facts: await factsOf(connection, databasesOf(job.from)) };
  } catch (error) {
    obstacles.push((error as Error).message);
    return null;
  }
}

function connectedTo(owners: KeyOwners, opened: readonly (Opened | null)[]): ConnectedHost[] {
  const old = opened.filter((each, server) => each !== null && owners.servers[server]!.isFrom) as Opened[];
  const hosts = old.flatMap(({ facts }) => facts.hosts);
  return connectedHosts(hosts, new Set(old.map(({ connection }) => connection.here)));
}

interface Sample extends KeySample {
  /** Of those looked at: too big for a step. */
  readonly bigKeys: number;
}

async function sample(
  { sampleKeys, maxStepMs }: SurveyJob,
  owners: KeyOwners,
  server: number,
  { connection, facts }: Opened,
  databases: readonly number[],
): Promise<Sample> {
  const moving = new Map<number, { keys: number; bytes: number }>();
  const biggest: BigKey[] = [];
  let [looked, orphans, bigKeys] = [0, 0, 0];
  for (const [i, database] of databases.entries()) {
    if (facts.keys[i] === 0) continue;
    // Each database its part.
    const limit = looked + Math.ceil((sampleKeys * facts.keys[i]!) / keysOf(facts));
    await connection.need('SELECT', database);
    for await (const keys of scanned(connection)) {
      looked += keys.length;
      orphans += keys.filter(key => owners.isOrphan(key, server)).length;
      const leaving = keys.filter(key => owners.from(key) === server && owners.to(key) !== server);
      const sizes = await sizesOf(connection, leaving);
      for (const [j, key] of leaving.entries()) {
        const bytes = sizes[j] ?? 0;
        const target = owners.to(key);
        const flow = moving.get(target) ?? { keys: 0, bytes: 0 };
        moving.set(target, { keys: flow.keys + 1, bytes: flow.bytes + bytes });
        const stepMs = bytes / FIRST_BYTES_PER_MS;
        if (stepMs > maxStepMs) bigKeys++;
        if (biggest.length < BIGGEST_LISTED || bytes > biggest.at(-1)!.bytes) {
          biggest.push({ key: keyText(key), server: connection.server, bytes, stepMs: Math.ceil(stepMs) });
          biggest.sort((a, b) => b.bytes - a.bytes);
          biggest.length = Math.min(biggest.length, BIGGEST_LISTED);
        }
      }
      if (looked >= limit) break;
    }
  }
  const factor = looked === 0 ? 1 : Math.max(1, keysOf(facts) / looked);
  return { looked, factor, orphans, moving, biggest, bigKeys };
}

function addUp(owners: KeyOwners, samples: readonly (Sample | null)[]) {
  const flows: KeyFlow[] = [];
  const orphans: { server: string; keys: number }[] = [];
  const biggest: BigKey[] = [];
  let [sampledKeys, keys, bigKeys] = [0, 0, 0];
  for (const [server, each] of samples.entries()) {
    if (each === null) continue;
    const { text } = owners.servers[server]!;
    sampledKeys += each.looked;
    keys += Math.round(each.looked * each.factor);
    bigKeys += each.bigKeys;
    biggest.push(...each.biggest);
    if (each.orphans > 0) orphans.push({ server: text, keys: Math.round(each.orphans * each.factor) });
    for (const [target, flow] of each.moving) {
      const scaled = { keys: Math.round(flow.keys * each.factor), bytes: Math.round(flow.bytes * each.factor) };
      flows.push({ from: text, to: owners.servers[target]!.text, ...scaled });
    }
  }
  flows.sort((a, b) => b.keys - a.keys);
  biggest.sort((a, b) => b.bytes - a.bytes);
  return {
    ...{ sampledKeys, keys, bigKeys, flows, orphans },
    isWhole: samples.every(each => each !== null && each.factor === 1),
    movingKeys: flows.reduce((sum, flow) => sum + flow.keys, 0),
    movingBytes: flows.reduce((sum, flow) => sum + flow.bytes, 0),
    biggest: biggest.slice(0, BIGGEST_LISTED),
  };
}

function judge(
  { text, isTo }: KeyOwners['servers'][number],
  facts: ServerFacts,
  need: ReadonlyMap<string, number>,
  obstacles: string[],
  warnings: string[],
): void {
  if (facts.isCluster) obstacles.push(`${text} is a node of a Redis Cluster, which places its keys itself`);
  if (facts.role !== 'master') obstacles.push(`${text} is a replica: it takes no writes`);
  if (facts.others > 0) warnings.push(`${text} has keys in databases that are not the pool's; they stay`);
  const coming = need.get(text) ?? 0;
  if (!isTo || coming === 0 || facts.maxBytes === 0) return;
  const room = facts.maxBytes - facts.usedBytes;
  if (coming > room) {
    const what = facts.policy === 'noeviction' ? 'moving would stop half-way' : `it would evict keys (${facts.policy})`;
    obstacles.push(`${text} has ${Math.max(0, room)} bytes left of its maxmemory, and ${coming} come: ${what}`);
  }
}

/** Moving a key to itself would stop a server until MIGRATE gives up. */
function twins(owners: KeyOwners, opened: readonly (Opened | null)[]): string[] {
  const seen = new Map<string, string>();
  return opened.flatMap((each, server) => {
    const { text } = owners.servers[server]!;
    const runId = each?.facts.runId ?? '';
    const twin = seen.get(runId);
    if (runId !== '') seen.set(runId, text);
    return twin === undefined ? [] : [`${twin} and ${text} are the same server: give it one address in both files`];
  });
}

const probedOf = (each: Opened | null): Probed | null =>
  each === null ? null : { connection: each.connection, runId: each.facts.runId };

const keysOf = (facts: ServerFacts | undefined): number => facts?.keys.reduce((sum, keys) => sum + keys, 0) ?? 0;
