// What the control side asks a node of a Redis Cluster, and how its answer is read: CLUSTER SHARDS (Redis 7), or CLUSTER
// SLOTS where that is missing, then CLUSTER INFO, and PING to see the end. Sources: the cluster specification and the
// documentation of these commands. What a node says of others is not to be trusted in its form: what isn't understood is left out.

import type { ClusterAnswer, ClusterTraits, ToldNode } from '../traits.ts';

const END_OF_ANSWER = '+PONG\r\n';
const SLOTS = 16_384;
const MAX_DEPTH = 8;

type Value = string | number | null | Error | readonly Value[];

/** What to write to a node. `knowsShards`: it is Redis 7 or younger. */
function question(password: string | null, knowsShards: boolean): Buffer {
  const requests = [['CLUSTER', knowsShards ? 'SHARDS' : 'SLOTS'], ['CLUSTER', 'INFO'], ['PING']];
  if (password !== null) requests.unshift(['AUTH', password]);
  return Buffer.concat(requests.map(encode));
}

function encode(words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
}

/** Reads all that a node answered. Text: why it is of no use; null: it does not know CLUSTER SHARDS. */
function readAnswer(answer: Buffer, hasPassword: boolean, knowsShards: boolean): ClusterAnswer | string | null {
  const reader = new AnswerReader(answer);
  const values = Array.from({ length: hasPassword ? 4 : 3 }, () => reader.read(0));
  if (reader.isBad) return 'it answers something that is not its protocol';
  const [told, info] = values.slice(hasPassword ? 1 : 0);
  const refusal = values.find(value => value instanceof Error) as Error | undefined;
  if (told instanceof Error && knowsShards && /^ERR unknown (sub)?command/i.test(told.message)) return null;
  if (refusal !== undefined) return `it answers ${JSON.stringify(refusal.message)}`;
  if (!Array.isArray(told) || typeof info !== 'string')
    return 'it answers something that is no description of a cluster';
  const found = knowsShards ? readShards(told) : readSlots(told);
  const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(info)?.[1] ?? 0);
  return { ...found, isOk: /^cluster_state:ok/m.test(info), epoch };
}

function readShards(shards: readonly Value[]): Pick<ClusterAnswer, 'nodes' | 'ranges'> {
  const nodes: ToldNode[] = [];
  const ranges: number[] = [];
  for (const shard of shards) {
    const told = listOf(field(shard, 'nodes')).flatMap(node => shardNode(node) ?? []);
    const owner = told.find(node => !node.isReplica && !node.isDown) ?? told.find(node => !node.isReplica);
    const slots = listOf(field(shard, 'slots'));
    for (let i = 0; owner !== undefined && i + 1 < slots.length; i += 2) {
      addRange(ranges, Number(slots[i]), Number(slots[i + 1]), nodes.length + told.indexOf(owner));
    }
    nodes.push(...told);
  }
  return { nodes, ranges };
}

function shardNode(node: Value): ToldNode | null {
  const port = Number(field(node, 'port') ?? field(node, 'tls-port'));
  if (!isPort(port)) return null;
  const [endpoint, ip, hostname] = ['endpoint', 'ip', 'hostname'].map(name => field(node, name));
  return {
    ...hostsOf(endpoint, ip, hostname),
    port,
    isReplica: field(node, 'role') !== 'master',
    isDown: field(node, 'health') === 'fail',
  };
}

/** Each: first, last, owner, replicas; a node is host, port, id, further addresses. */
function readSlots(entries: readonly Value[]): Pick<ClusterAnswer, 'nodes' | 'ranges'> {
  const nodes: ToldNode[] = [];
  const ranges: number[] = [];
  const known = new Map<string, number>();
  for (const entry of entries) {
    const [first, last, ...told] = listOf(entry);
    for (const [i, node] of told.entries()) {
      const [host, port, , further] = listOf(node);
      if (!isPort(Number(port))) continue;
      const hosts = hostsOf(host, field(further, 'ip'), field(further, 'hostname'));
      const key = `${hosts.host} ${port}`;
      const index = known.get(key) ?? nodes.length;
      known.set(key, index);
      if (index === nodes.length) nodes.push({ ...hosts, port: Number(port), isReplica: i > 0, isDown: false });
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
function hostsOf(endpoint: Value | undefined, ip: Value | undefined, hostname: Value | undefined) {
  const [wanted, address, name] = [endpoint, ip, hostname].map(value => (typeof value === 'string' ? value : ''));
  const host = wanted === '?' ? address! : wanted!;
  return { host, others: [address!, name!].filter(other => other !== '' && other !== '?' && other !== host) };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535;
}

function field(pairs: Value | undefined, name: string): Value | undefined {
  const items = listOf(pairs);
  for (let i = 0; i + 1 < items.length; i += 2) if (items[i] === name) return items[i + 1];
  return undefined;
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? (value as readonly Value[]) : [];
}

/** Reads RESP2 values one after the other; `isBad` once something was none, or they ended too early. */
class AnswerReader {
  isBad = false;
  private readonly buf: Buffer;
  private at = 0;

  constructor(buf: Buffer) {
    this.buf = buf;
  }

  read(depth: number): Value {
    const { buf } = this;
    const lineEnd = buf.indexOf('\r\n', this.at);
    if (lineEnd < 0 || depth > MAX_DEPTH) return this.bad();
    const type = String.fromCharCode(buf[this.at]!);
    const text = buf.toString('utf8', this.at + 1, lineEnd);
    this.at = lineEnd + 2;
    if (type === '+') return text;
    if (type === '-') return new Error(text);
    if (!/^-?\d{1,15}$/.test(text)) return this.bad();
    const number = Number(text);
    if (type === ':') return number;
    if (type === '$') return this.readText(number);
    return type === '*' ? this.readList(number, depth) : this.bad();
  }

  private readText(length: number): Value {
    if (length < 0) return null;
    const start = this.at;
    if (start + length + 2 > this.buf.length) return this.bad();
    this.at = start + length + 2;
    return this.buf.toString('utf8', start, start + length);
  }

  private readList(count: number, depth: number): Value {
    if (count < 0) return null;
    // Each has three bytes at least.
    if (count > (this.buf.length - this.at) / 3) return this.bad();
    const items: Value[] = [];
    for (let i = 0; i < count && !this.isBad; i++) items.push(this.read(depth + 1));
    return items;
  }

  private bad(): null {
    this.isBad = true;
    return null;
  }
}

export const CLUSTER_TRAITS: ClusterTraits = { question, end: END_OF_ANSWER, read: readAnswer };
