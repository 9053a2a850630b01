import { askCluster } from '../../admin/ask-cluster.ts';
import { addressText } from '../../config/address.ts';
import type { ClusterConfig, PoolConfig } from '../../config/config.ts';
import { serverCredentials } from '../../config/server-credentials.ts';
import type { ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { Log } from '../../system/log.ts';
import { type ClusterReading, readTopology } from './cluster-reading.ts';
import { type Finding, TopologyWatch, type TopologyWatchHost } from './topology-watch.ts';

/** One node has so long to answer, connecting included; then the next one is asked. */
const ASK_TIMEOUT_MS = 1000;

/**
 * Follows the topology of one cluster: node by node is asked until one knows. Who answered last is asked first; a node that
 * sees only a part of the cluster, or has seen fewer changes of it than another before, is believed only when no other answers.
 */
export class ClusterWatch extends TopologyWatch {
  private readonly log: Log;
  /** For tests: what asks a node. */
  private readonly askNode: typeof askCluster;
  private epoch = 0;
  /** The node that answered last. */
  private favourite: string | null = null;

  constructor(pool: PoolConfig, host: TopologyWatchHost, askNode = askCluster) {
    super(pool, host);
    this.log = host.log;
    this.askNode = askNode;
  }

  protected asked(pool: PoolConfig): unknown {
    return [pool.cluster, serverCredentials(pool), pool.tls?.servers];
  }

  protected get pauses(): ClusterConfig {
    return this.pool.cluster as ClusterConfig;
  }

  protected async ask(): Promise<Finding> {
    const reading = await this.askNodes();
    if (reading === null) return { topology: null, isSettled: false };
    this.favourite = reading.from;
    this.epoch = reading.epoch;
    return { topology: reading.topology, isSettled: reading.isOk };
  }

  protected sayChanged({ nodes }: ClusterTopology): void {
    const primaries = nodes.filter(node => !node.isReplica).length;
    const { name, why, favourite, epoch } = this;
    const event = { pool: name, why, from: favourite, nodes: nodes.length, primaries, epoch };
    this.log.info(event, 'cluster topology changed');
    const replicas = new Set((this.topology?.nodes ?? []).flatMap(node => (node.isReplica ? [node.name] : [])));
    for (const { name: server, isReplica } of nodes) {
      if (isReplica || !replicas.has(server)) continue;
      this.log.warn({ pool: name, server, why, epoch }, 'cluster: fail-over, a replica is a primary now');
    }
  }

  /** Asks one node after the other; the first answer of one that knows, else the best there was. */
  private async askNodes(): Promise<ClusterReading | null> {
    const { pool, log } = this;
    const { addressMap } = this.pauses;
    const tls = pool.tls?.servers ?? null;
    const reasons: Record<string, string> = {};
    let best: ClusterReading | null = null;
    for (const [name, { host: nodeHost, port }] of this.candidates()) {
      const target = { protocol: pool.protocol, host: nodeHost, port, credentials: serverCredentials(pool), tls };
      const answer = await this.askNode(target, ASK_TIMEOUT_MS, this.running.signal);
      if (this.running.signal.aborted) return null;
      if (typeof answer === 'string') {
        reasons[name] = answer;
        continue;
      }
      const reading = readTopology(answer, name, nodeHost, addressMap ?? []);
      if (reading.topology.ranges.length === 0) reasons[name] = 'it knows of no slots';
      else if (reading.isOk && reading.epoch >= this.epoch) return reading;
      else if (best === null || reading.epoch > best.epoch) best = reading;
    }
    if (best === null) log.warn({ pool: this.name, reasons }, 'cluster topology: no node answers');
    return best;
  }

  /** The one that answered last, the other nodes in any order, primaries first, and the seeds. */
  private candidates(): Map<string, { readonly host: string; readonly port: number }> {
    const nodes = (this.topology?.nodes ?? []).map(node => ({ node, order: Math.random() + (node.isReplica ? 1 : 0) }));
    nodes.sort((a, b) => a.order - b.order);
    const all = new Map(nodes.map(({ node }) => [node.name, { host: node.host, port: node.port }]));
    const favourite = this.favourite === null ? undefined : all.get(this.favourite);
    const seeds = this.pauses.seeds.map(seed => [addressText(seed), seed] as const);
    return new Map([...(favourite ? [[this.favourite!, favourite] as const] : []), ...all, ...seeds]);
  }
}
