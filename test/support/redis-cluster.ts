// Real redis-servers in cluster mode: primaries that share the slots, and replicas of them.
import { temporaryDirectory } from './child.ts';
import { freePorts } from './free-port.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import type { RespValue } from './resp-reader.ts';
import { waitFor } from './wait-for.ts';

export const SLOTS = 16_384;

export interface ClusterOptions {
  readonly primaries?: number;
  /** In all; replica i follows primary i. */
  readonly replicas?: number;
  /** After so much silence a node is taken for dead. */
  readonly nodeTimeoutMs?: number;
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
  /** Resolves when all living nodes say so of the slot. */
  untilOwner(slot: number, node: ClusterNode): Promise<void>;
  /** Moves a slot with all its keys, step by step; `between` runs while it is half-way. */
  moveSlot(slot: number, from: ClusterNode, to: ClusterNode, between?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { primaries = 3, replicas = 0, nodeTimeoutMs = 1500, args = [], tls, password } = options;
  const nodeArgs = [
    ...['--cluster-enabled', 'yes', '--cluster-node-timeout', String(nodeTimeoutMs)],
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
  await waitFor(async () => (await Promise.all(nodes.map(isReady))).every(each => each), {
    what: 'the cluster to be ready',
    timeoutMs: 30_000,
  });

  const living = async (): Promise<ClusterNode[]> => {
    const answers = await Promise.all(nodes.map(node => node.server.command('PING').catch(() => null)));
    return nodes.filter((_, i) => answers[i] !== null);
  };
  const cluster: RedisCluster = {
    nodes,
    async addNode() {
      const node = await start();
      nodes.push(node);
      await meet(node);
      await untilAllKnow(await living(), nodes.length);
      return node;
    },
    async revive(node) {
      const server = await run(node.server.port, node.busPort, node.tlsPort, node.dir);
      Object.assign(node, { server });
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
      await waitFor(async () => (await Promise.all(nodes.map(isReady))).every(each => each), {
        what: 'the cluster to be ready again',
        timeoutMs: 30_000,
      });
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

async function isReady({ server }: ClusterNode): Promise<boolean> {
  const info = String(await server.command('CLUSTER', 'INFO'));
  const replication = String(await server.command('INFO', 'replication'));
  return (
    /cluster_state:ok/.test(info) && (/role:master/.test(replication) || /master_link_status:up/.test(replication))
  );
}
