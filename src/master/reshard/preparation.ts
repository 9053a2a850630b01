import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { addressText } from '../../config/address.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import { type RingSettings, ringOf, withRing } from '../../config/tables/ring-settings.ts';
import type { FromMover, MoverJob, SurveyReport } from '../../mover/mover-job.ts';
import type { ConfigFile } from '../configuration/config-file.ts';
import { RefusedError } from '../errors.ts';
import { MoverProcess } from './mover-process.ts';
import { digestOf, fileText } from './new-file.ts';
import { Peer } from './peer.ts';
import type { NewFile } from './reshard-record.ts';
import { type RingChange, ringChange } from './ring-change.ts';
import type { StartRequest } from './start-request.ts';

export interface PreparationHost {
  readonly file: ConfigFile;
  config(): Config;
  served(pool: string): PoolConfig | undefined;
  readonly instance: string;
}

/** What is asked for, read and compared with what runs. */
export interface Prepared {
  readonly change: RingChange;
  readonly file: NewFile | null;
  readonly from: PoolConfig;
  readonly to: PoolConfig;
  /** Of the other proxies. */
  readonly peers: readonly Peer[];
  /** Addresses of these. */
  readonly hosts: ReadonlySet<string>;
  /** What is against it, before any server was asked. */
  readonly obstacles: readonly string[];
}

/** By it proxies compare their rings. */
export const ringDigest = (ring: RingSettings): string =>
  createHash('sha256')
    .update(JSON.stringify(ringOf(ring)))
    .digest('hex');

/** Throws a ConfigError, SettingError or RefusedError. */
export async function prepared(host: PreparationHost, request: StartRequest): Promise<Prepared> {
  const text = fileText(host.file);
  const next = host.file.parse(request.file);
  const change = ringChange(host.file.parse(text), next, request.pool);
  const pool = host.served(change.pool);
  if (pool === undefined) throw new RefusedError(`there is no pool ${change.pool}`);
  const obstacles = sharedServers(host.config(), pool, change);
  const peers: Peer[] = [];
  for (const address of request.peers ?? host.config().peers ?? []) {
    const peer = new Peer(address, () => host.config());
    const why = await joins(host, peer, change);
    if (why === null) continue;
    peers.push(peer);
    if (why !== '') obstacles.push(`${address}: ${why}`);
  }
  return {
    change,
    file: change.isAll ? { oldDigest: digestOf(text), text: request.file } : null,
    from: pool,
    to: withRing(pool, change.to),
    peers,
    hosts: await addressesOf(peers),
    obstacles,
  };
}

async function addressesOf(peers: readonly Peer[]): Promise<Set<string>> {
  // One that has no address is in the way already.
  const found = await Promise.all(peers.map(({ host }) => lookup(host, { all: true }).catch(() => [])));
  return new Set(found.flat().map(({ address }) => address));
}

/** null: it is this proxy. Else what speaks against it, or ''. */
async function joins(host: PreparationHost, peer: Peer, change: RingChange): Promise<string | null> {
  const state = await peer.state();
  if (typeof state === 'string') return state;
  if (state.instance === host.instance) return null;
  if (state.isActive) return 'it takes part in another reshard';
  const digest = state.rings[change.pool];
  if (digest === undefined) return `it has no pool ${change.pool}`;
  return digest === ringDigest(change.from) ? '' : `its pool ${change.pool} has another ring`;
}

/** Keys of another pool would be taken for this one's. */
function sharedServers(config: Config, pool: PoolConfig, { to }: RingChange): string[] {
  const own = new Set([...pool.servers, ...to.servers].map(({ address }) => addressText(address)));
  return config.pools.flatMap(other => {
    if (other.name === pool.name) return [];
    const shared = other.servers.map(({ address }) => addressText(address)).filter(address => own.has(address));
    const isApart = pool.databases === 1 && other.databases === 1 && pool.redisDb !== other.redisDb;
    if (shared.length === 0 || isApart) return [];
    return [`${shared.join(', ')} is in pool ${other.name} too: whose keys are whose can't be told`];
  });
}

/** Rejects with a RefusedError. */
export async function survey({ from, to }: Prepared, request: StartRequest): Promise<SurveyReport> {
  const { sampleKeys, paceBytes, maxStepMs, ttlMs } = request;
  const last = await done({ type: 'survey', from, to, sampleKeys, paceBytes, maxStepMs, ttlMs });
  if (last.type === 'surveyed') return last.report;
  throw new RefusedError(`the servers could not be looked at: ${whyOf(last)}`);
}

/** Counts the orphans, or removes them. Rejects with a RefusedError when there are some that are not to be removed. */
export async function clearOrphans(
  { from, to }: Prepared,
  request: StartRequest,
  unlisted: readonly string[],
): Promise<number> {
  const isRemoving = request.orphans === 'remove';
  const last = await done({ type: 'orphans', from, to, isRemoving, unlisted });
  if (last.type !== 'orphans') throw new RefusedError(`the servers could not be looked through: ${whyOf(last)}`);
  const found = last.found.filter(({ keys }) => keys > 0);
  const count = found.reduce((sum, { keys }) => sum + keys, 0);
  if (count === 0 || isRemoving) return count;
  const where = found.map(({ server, keys }) => `${keys} on ${server}`).join(', ');
  throw new RefusedError(
    `there are keys on servers that they do not belong to (${where}): they would be read as if they were current. ` +
      'Give --orphans remove to have them removed',
  );
}

const done = (job: MoverJob): Promise<FromMover> => new MoverProcess(job).ended;
const whyOf = (last: FromMover): string => (last.type === 'failed' ? last.why : last.type);
