// Real redis-servers in cluster mode: primaries that share the slots, and replicas of them.
import { temporaryDirectory } from './child.ts';
import { freePorts } from './free-port.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import type { RespValue } from './resp-reader.ts';
import { waitFor } from './wait-for.ts';

export const SLOTS = 16_384;

/**
 * After so much silence a node is taken for dead: short while nodes get to know each other, since they tell each other the more
 * often, and when a test has one dead; else so long that a busy machine is no reason, and costs no errors that no test asked for.
 */
const PATIENCE_MS = { short: 1500, long: 15_000 } as const;
export type Patience = keyof typeof PATIENCE_MS;

export interface ClusterOptions {
  readonly primaries?: number;
  /** In all; replica i follows primary i. None is promoted by itself; see cluster-fail-over.ts. */
  readonly replicas?: number;
  /** Further arguments of each redis-server. */
  readonly args?: readonly string[];
  /** That of the arguments; nodes are asked with it. */
  readonly password?: string;
  /** Nodes speak TLS, too, at a port of their own, with this certificate. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

export interface ClusterNode {
  readonly server: RedisServer;
  readonly id: string;
  readonly busPort: number;
  /** 0: it speaks no TLS. */
  readonly tlsPort: number;
  /** Has its nodes.conf. */
  readonly dir: string;
}

export interface RedisCluster {
  readonly nodes: ClusterNode[];
  /** Starts one more, an empty primary that all know. */
  addNode(): Promise<ClusterNode>;
  /** Starts a node again that was killed, on its port and with its id. */
  revive(node: ClusterNode): Promise<void>;
  /** Ends all nodes and starts them again on other ports, with all they had. */
  moveToNewPorts(): Promise<void>;
  /** The node that has the slot, as `asked` or the first that answers sees it. */
  ownerOf(slot: number): Promise<ClusterNode>;
  /** How long these wait before they take others for dead: `long`, unless a test has set it. */
  setPatience(nodes: readonly ClusterNode[], patience: Patience): Promise<void>;
  /** Resolves when all living nodes say so of the slot. */
  untilOwner(slot: number, node: ClusterNode): Promise<void>;
  /** Moves a slot with all its keys, step by step; `between` runs while it is half-way. */
  moveSlot(slot: number, from: ClusterNode, to: ClusterNode, between?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { primaries = 3, replicas = 0, args = [], tls, password } = options;
  const nodeArgs = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(PATIENCE_MS.short)],
    ...(replicas === 0 ? [] : ['--cluster-replica-no-failover', 'yes']),
    ...['--cluster-replica-validity-factor', '0', '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
    ...args,
  ];
  const run = (port: number, busPort: number, tlsPort: number, dir: string) => {
    const tlsArgs =
      tls === undefined
        ? []
        : [
            ...['--tls-port', String(tlsPort), '--tls-cert-file', tls.cert, '--tls-key-file', tls.key],
            ...['--tls-ca-cert-file', tls.ca, '--tls-auth-clients', 'no', '--tls-cluster', 'yes'],
          ];
    return startRedis({
      port,
      ...(password !== undefined && { requirepass: password }),
      args: [...nodeArgs, ...tlsArgs, '--cluster-port', String(busPort), '--dir', dir],
    });
  };
  const start = async (): Promise<ClusterNode> => {
    const [port, busPort, free] = (await freePorts(3)) as [number, number, number];
    const tlsPort = tls === undefined ? 0 : free;
    const dir = temporaryDirectory('cluster-node');
    const server = await run(port, busPort, tlsPort, dir);
    return { server, id: String(await server.command('CLUSTER', 'MYID')), busPort, tlsPort, dir };
  };
  const nodes = await Promise.all(Array.from({ length: primaries + replicas }, () => start()));
  const [first] = nodes as [ClusterNode];
  for (const [i, { server }] of nodes.entries()) {
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    if (i >= primaries) continue;
    const from = Math.round((i * SLOTS) / primaries);
    const to = Math.round(((i + 1) * SLOTS) / primaries) - 1;
    await server.command('CLUSTER', 'ADDSLOTSRANGE', from, to);
  }
  const meet = (node: ClusterNode) =>
    node.server.command('CLUSTER', 'MEET', '127.0.0.1', first.tlsPort || first.server.port, first.busPort);
  await Promise.all(nodes.slice(1).map(meet));
  await untilAllKnow(nodes, nodes.length);
  for (let i = 0; i < replicas; i++) {
    const replica = nodes[primaries + i] as ClusterNode;
    await replica.server.command('CLUSTER', 'REPLICATE', (nodes[i % primaries] as ClusterNode).id);
  }
  const untilReady = async () => {
    const areReady = async () => (await Promise.all(nodes.map(node => isReady(node, nodes)))).every(each => each);
    await waitFor(areReady, { what: 'the cluster to be ready', timeoutMs: 30_000 });
    await setPatience(nodes, 'long');
  };
  await untilReady();

  const living = async (): Promise<ClusterNode[]> => {
    const answers = await Promise.all(nodes.map(node => node.server.command('PING').catch(() => null)));
    return nodes.filter((_, i) => answers[i] !== null);
  };
  const cluster: RedisCluster = {
    nodes,
    setPatience,
    async addNode() {
      const node = await start();
      nodes.push(node);
      const all = await living();
      await setPatience(all, 'short');
      await meet(node);
      await untilAllKnow(all, nodes.length);
      await setPatience(all, 'long');
      return node;
    },
    async revive(node) {
      const server = await run(node.server.port, node.busPort, node.tlsPort, node.dir);
      Object.assign(node, { server });
      await setPatience([node], 'long');
    },
    async moveToNewPorts() {
      await Promise.all(nodes.map(({ server }) => server.command('SAVE')));
      await Promise.all(nodes.map(({ server }) => server.kill()));
      const ports = await freePorts(nodes.length);
      for (const [i, node] of nodes.entries()) {
        // They find each other by the ports of the cluster bus, which stay.
        const server = await run(ports[i] as number, node.busPort, node.tlsPort, node.dir);
        Object.assign(node, { server });
      }
      await untilReady();
    },
    async ownerOf(slot) {
      for (const { server } of await living()) {
        const id = ownerIn(await server.command('CLUSTER', 'SLOTS'), slot);
        const owner = nodes.find(node => node.id === id);
        if (owner !== undefined) return owner;
      }
      throw new Error(`nobody has slot ${slot}`);
    },
    async untilOwner(slot, node) {
      const knows = async () => {
        const views = await Promise.all((await living()).map(({ server }) => server.command('CLUSTER', 'SLOTS')));
        return views.every(view => ownerIn(view, slot) === node.id);
      };
      await waitFor(knows, { what: `slot ${slot} to be at another node`, timeoutMs: 30_000 });
    },
    async moveSlot(slot, from, to, between) {
      await to.server.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
      await from.server.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
      await between?.();
      for (;;) {
        const keys = (await from.server.command('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as Buffer[];
        if (keys.length === 0) break;
        await from.server.command('MIGRATE', '127.0.0.1', to.tlsPort || to.server.port, '', 0, 5000, 'KEYS', ...keys);
      }
      await to.server.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
      for (const { server } of await living()) await server.command('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
    },
    stop: async () => void (await Promise.all(nodes.map(({ server }) => server.kill()))),
  };
  return cluster;
}

function ownerIn(view: RespValue, slot: number): string | null {
  for (const [first, last, owner] of view as [number, number, [Buffer, number, Buffer]][]) {
    if (slot >= first && slot <= last) return String(owner[2]);
  }
  return null;
}

async function untilAllKnow(nodes: readonly ClusterNode[], count: number): Promise<void> {
  const knows = async ({ server }: ClusterNode) => {
    const lines = String(await server.command('CLUSTER', 'NODES'))
      .trim()
      .split('\n');
    return lines.length === count && lines.every(line => !/handshake|noaddr/.test(line));
  };
  await waitFor(async () => (await Promise.all(nodes.map(knows))).every(each => each), {
    what: `${count} nodes to know each other`,
    timeoutMs: 30_000,
  });
}

async function setPatience(nodes: readonly ClusterNode[], patience: Patience): Promise<void> {
  await Promise.all(
    nodes.map(({ server }) => server.command('CONFIG', 'SET', 'cluster-node-timeout', PATIENCE_MS[patience])),
  );
}

/** It serves, follows its primary if it has one, and knows the role of each of them. */
async function isReady({ server }: ClusterNode, all: readonly ClusterNode[]): Promise<boolean> {
  const [info, replication, view] = (
    await Promise.all([
      server.command('CLUSTER', 'INFO'),
      server.command('INFO', 'replication'),
      server.command('CLUSTER', 'NODES'),
    ])
  ).map(String) as [string, string, string];
  const roles = await Promise.all(all.map(async node => [node.id, await isReplica(node)] as const));
  const isKnown = ([id, isSlave]: readonly [string, boolean]) =>
    new RegExp(`^${id} \\S+ (myself,)?${isSlave ? 'slave' : 'master'}[, ]`, 'm').test(view);
  const isUp = /role:master/.test(replication) || /master_link_status:up/.test(replication);
  return info.includes('cluster_state:ok') && isUp && roles.every(isKnown);
}

async function isReplica({ server }: ClusterNode): Promise<boolean> {
  return String(await server.command('INFO', 'replication')).includes('role:slave\r\n');
}
