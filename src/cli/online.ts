import { askAbout } from '../admin/ask-about.ts';
import { askCluster } from '../admin/ask-cluster.ts';
import { probe } from '../admin/probe.ts';
import { addressText } from '../config/address.ts';
import { CertificateError, withTlsFiles } from '../config/certificates.ts';
import type { PoolConfig, ServerConfig } from '../config/config.ts';
import { serverCredentials } from '../config/server-credentials.ts';
import { type ClusterReading, readTopology } from '../master/topology/cluster-reading.ts';
import type { ServerTls } from '../system/server-tls.ts';
import { counted, grouped } from './text-table.ts';

/* What a configuration says of servers, against what is there. */

/** What one server says, or what is wrong with it; `server` is empty for what concerns the pool. */
export interface OnlineFinding {
  readonly pool: string;
  readonly server: string;
  readonly says: string;
  readonly problem: string | null;
}

const TIMEOUT_MS = 2000;
const SLOTS = 16_384;

/** Looks at all servers of these pools at once. */
export async function lookOnline(pools: readonly PoolConfig[]): Promise<OnlineFinding[]> {
  return (await Promise.all(pools.map(lookAtPool))).flat();
}

/** Who has which slots, by the seed that has seen most of its cluster; text: why nobody says. */
export async function clusterNow(pool: PoolConfig): Promise<ClusterReading | string> {
  const tls = serverTls(pool);
  if (typeof tls === 'string') return tls;
  const answers = (await askSeeds(pool, tls)).map(({ answer }) => answer);
  const readings = answers.filter(answer => typeof answer !== 'string');
  return readings.sort((a, b) => b.epoch - a.epoch)[0] ?? (answers[0] as string);
}

async function lookAtPool(pool: PoolConfig): Promise<OnlineFinding[]> {
  const tls = serverTls(pool);
  if (typeof tls === 'string') return [{ pool: pool.name, server: '', says: '', problem: tls }];
  if (pool.sentinel !== null) {
    return [{ pool: pool.name, server: '', says: 'not looked at: Sentinels say where its servers are', problem: null }];
  }
  if (pool.cluster !== null) return lookAtCluster(pool, tls);
  const found = await Promise.all(pool.servers.map(server => lookAt(pool, server, tls)));
  return [...found, ...versions(pool, found)];
}

async function lookAtCluster(pool: PoolConfig, tls: ServerTls | null): Promise<OnlineFinding[]> {
  const findings: OnlineFinding[] = [];
  const seeds = await askSeeds(pool, tls);
  for (const { seed, answer } of seeds) {
    if (typeof answer === 'string') findings.push({ pool: pool.name, server: seed, says: 'a seed', problem: answer });
  }
  const best = seeds
    .map(({ answer }) => answer)
    .filter(answer => typeof answer !== 'string')
    .sort((a, b) => b.epoch - a.epoch)[0];
  if (best === undefined) return findings;
  const { nodes, ranges } = best.topology;
  const slots = nodes.map(() => 0);
  for (let i = 0; i + 2 < ranges.length; i += 3) {
    slots[ranges[i + 2] as number]! += (ranges[i + 1] as number) - (ranges[i] as number) + 1;
  }
  const found = await Promise.all(nodes.map(node => lookAt(pool, { name: node.name, address: node, weight: 1 }, tls)));
  for (const [i, finding] of found.entries()) {
    const has = nodes[i]?.isReplica ? '' : counted(slots[i] as number, 'slot');
    findings.push({ ...finding, says: [finding.says, has].filter(part => part !== '').join(', ') });
  }
  const unserved = SLOTS - slots.reduce((sum, count) => sum + count, 0);
  const faults = [
    ...(unserved > 0 ? [`${grouped(unserved)} slots have no owner`] : []),
    ...(best.isOk ? [] : [`${best.from} says that the cluster is down`]),
  ];
  for (const problem of faults) findings.push({ pool: pool.name, server: '', says: '', problem });
  return [...findings, ...versions(pool, found)];
}

async function askSeeds(pool: PoolConfig, tls: ServerTls | null) {
  const { seeds = [], addressMap } = pool.cluster ?? { seeds: [], addressMap: null };
  const { signal } = new AbortController();
  return Promise.all(
    seeds.map(async ({ host, port }) => {
      const seed = addressText({ host, port });
      const target = { protocol: pool.protocol, host, port, credentials: serverCredentials(pool), tls };
      const answer = await askCluster(target, TIMEOUT_MS, signal);
      return { seed, answer: typeof answer === 'string' ? answer : readTopology(answer, seed, host, addressMap ?? []) };
    }),
  );
}

async function lookAt(
  pool: PoolConfig,
  configured: ServerConfig,
  tls: ServerTls | null,
): Promise<OnlineFinding & { readonly version?: string }> {
  const { name, protocol, serverProxyProtocol: proxyVersion } = pool;
  const { name: server, address } = configured;
  const credentials = serverCredentials(pool, configured);
  const unwell = await probe({ protocol, address, credentials, tls, proxyVersion }, TIMEOUT_MS);
  if (unwell !== null || 'master' in address) return { pool: name, server, says: '', problem: unwell };
  const about = await askAbout(protocol, address, credentials, tls, proxyVersion, TIMEOUT_MS);
  // It is there, and that is all that it has to be.
  if (about === null || typeof about === 'string') return { pool: name, server, says: protocol, problem: null };
  const { version, isOfCluster, isReplica } = about;
  let problem: string | null = null;
  if (pool.cluster === null && isOfCluster)
    problem = 'it is a node of a Redis Cluster: write cluster, with seeds, in place of servers';
  else if (pool.cluster === null && isReplica) problem = 'it is a replica, and takes no writes';
  const role = isReplica ? ', replica' : '';
  return { pool: name, server, says: `${protocol} ${version}${role}`, problem, version };
}

/** Servers of different versions answer differently; that is seldom meant. */
function versions(pool: PoolConfig, found: readonly { readonly version?: string }[]): OnlineFinding[] {
  const all = [...new Set(found.flatMap(({ version }) => (version === undefined ? [] : [version])))].sort();
  if (all.length < 2) return [];
  return [
    { pool: pool.name, server: '', says: `its servers are of different versions: ${all.join(', ')}`, problem: null },
  ];
}

function serverTls(pool: PoolConfig): ServerTls | null | string {
  try {
    return withTlsFiles(pool).tls?.servers ?? null;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return error.message;
  }
}
