// What the control side asks a node of a Redis Cluster, and how its answer is read: CLUSTER SHARDS (Redis 7), or CLUSTER
// SLOTS where that is missing, then CLUSTER INFO, and PING to see the end. Sources: the cluster specification and the
// documentation of these commands. What a node says of others is not to be trusted in its form: what isn't understood is left out.

import type { ClusterAnswer, ClusterTraits, ServerCredentials, ToldNode } from '../traits.ts';
import {
  type Answer,
  AnswerReader,
  authOf,
  field,
  isPort,
  listOf,
  NO_AUTH,
  PONG,
  requestBytes,
} from './answer-traits.ts';

const SLOTS = 16_384;

/** What to write to a node. `knowsShards`: it is Redis 7 or younger. */
function question(credentials: ServerCredentials | null, knowsShards: boolean): Buffer {
  const asked = [['CLUSTER', knowsShards ? 'SHARDS' : 'SLOTS'], ['CLUSTER', 'INFO'], ['PING']];
  return requestBytes([...authOf(credentials), ...asked]);
}

/** Reads all that a node answered. Text: why it is of no use; null: it does not know CLUSTER SHARDS. */
function readAnswer(
  answer: Buffer,
  isLetIn: boolean,
  knowsShards: boolean,
  isTls: boolean,
): ClusterAnswer | string | null {
  const reader = new AnswerReader(answer);
  const values = Array.from({ length: isLetIn ? 4 : 3 }, () => reader.read());
  const [told, info] = values.slice(isLetIn ? 1 : 0);
  const refusal = values.find(value => value instanceof Error) as Error | undefined;
  if (told instanceof Error && knowsShards && /^ERR unknown (sub)?command/i.test(told.message)) return null;
  if (refusal !== undefined) return `it answers ${JSON.stringify(refusal.message)}`;
  if (reader.isBad) return 'it answers something that is not its protocol';
  if (!Array.isArray(told) || typeof info !== 'string')
    return 'it answers something that is no description of a cluster';
  const found = knowsShards ? readShards(told, isTls) : readSlots(told);
  const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0);
  return { ...found, isOk: /^cluster_state:ok/m.test(info), epoch };
}

function readShards(shards: readonly Answer[], isTls: boolean): Pick<ClusterAnswer, 'nodes' | 'ranges'> {
  const nodes: ToldNode[] = [];
  const ranges: number[] = [];
  for (const shard of shards) {
    const told = listOf(field(shard, 'nodes')).flatMap(node => shardNode(node, isTls) ?? []);
    const owner = told.find(node => !node.isReplica && !node.isDown) ?? told.find(node => !node.isReplica);
    const slots = listOf(field(shard, 'slots'));
    for (let i = 0; owner !== undefined && i + 1 < slots.length; i += 2) {
      addRange(ranges, Number(slots[i]), Number(slots[i + 1]), nodes.length + told.indexOf(owner));
    }
    const primary = owner === undefined ? -1 : nodes.length + told.indexOf(owner);
    nodes.push(...told.map(node => (node.isReplica ? { ...node, primary } : node)));
  }
  return { nodes, ranges };
}

/** Nodes may be reached at a port with TLS and at one without. */
function shardNode(node: Answer, isTls: boolean): ToldNode | null {
  const [wanted, other] = isTls ? ['tls-port', 'port'] : ['port', 'tls-port'];
  const port = Number(field(node, wanted as string) ?? field(node, other as string));
  if (!isPort(port)) return null;
  const [endpoint, ip, hostname] = ['endpoint', 'ip', 'hostname'].map(name => field(node, name));
  return {
    ...hostsOf(endpoint, ip, hostname),
    port,
    isReplica: field(node, 'role') !== 'master',
    primary: -1,
    isDown: field(node, 'health') === 'fail',
  };
}

/** Each: first, last, owner, replicas; a node is host, port, id, further addresses. */
function readSlots(entries: readonly Answer[]): Pick<ClusterAnswer, 'nodes' | 'ranges'> {
  const nodes: ToldNode[] = [];
  const ranges: number[] = [];
  const known = new Map<string, number>();
  for (const entry of entries) {
    const [first, last, ...told] = listOf(entry);
    let owner = -1;
    for (const [i, node] of told.entries()) {
      const [host, port, , further] = listOf(node);
      if (!isPort(Number(port))) continue;
      const hosts = hostsOf(host, field(further, 'ip'), field(further, 'hostname'));
      const key = `${hosts.host} ${port}`;
      const index = known.get(key) ?? nodes.length;
      known.set(key, index);
      if (i === 0) owner = index;
      const primary = i > 0 ? owner : -1;
      if (index === nodes.length)
        nodes.push({ ...hosts, port: Number(port), isReplica: i > 0, primary, isDown: false });
      if (i === 0) addRange(ranges, Number(first), Number(last), index);
    }
  }
  return { nodes, ranges };
}

function addRange(ranges: number[], first: number, last: number, owner: number): void {
  if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last < first || last >= SLOTS) return;
  ranges.push(first, last, owner);
}

/** No endpoint: that of who was asked. `?`: one by name is wanted, and the node has none. */
function hostsOf(endpoint: Answer | undefined, ip: Answer | undefined, hostname: Answer | undefined) {
  const [wanted, address, name] = [endpoint, ip, hostname].map(value => (typeof value === 'string' ? value : ''));
  const host = wanted === '?' ? address! : wanted!;
  return { host, others: [address!, name!].filter(other => other !== '' && other !== '?' && other !== host) };
}

export const CLUSTER_TRAITS: ClusterTraits = { question, ends: [PONG, NO_AUTH], read: readAnswer };
