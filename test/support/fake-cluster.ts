// Servers that speak as nodes of a Redis Cluster, and answer what a test wants: for what real ones do seldom or never.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { encodeReply } from '../../src/protocol/redis/resp.ts';
import { parseReply, replyEnd } from './resp-reader.ts';

/** As RESP; of several pieces each leaves by itself. */
type FakeReply = string | readonly string[];

/** The reply; never: it is held back for good. */
export type FakeAnswer = (words: readonly string[], node: FakeNode) => FakeReply | Promise<FakeReply>;

export interface FakeNode {
  readonly port: number;
  /** All requests but those of the topology, as they came: `SET k 1`. */
  readonly asked: string[];
  answer: FakeAnswer;
}

export interface FakeEndpoint {
  readonly endpoint: string | null;
  readonly ip: string;
  readonly hostname?: string;
  readonly port: number;
}

export interface FakeCluster {
  readonly nodes: readonly FakeNode[];
  /** First slot, last slot, index of the node; what nodes tell. */
  slots: readonly (readonly [number, number, number])[];
  /** How often nodes were asked for them. */
  readonly topologyQuestions: number;
  /** Nodes know no CLUSTER SHARDS. */
  isOld: boolean;
  /** What a node tells of itself and others: endpoint, ip, hostname, port. */
  tell: (node: FakeNode) => FakeEndpoint;
  /** What every node answers first, to AUTH; without it there is no password. */
  password: string | null;
  stop(): Promise<void>;
}

const OK = '+OK\r\n';

/** Starts `count` nodes, of which the first has all slots. */
export async function startFakeCluster(count: number, host = '127.0.0.1'): Promise<FakeCluster> {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const nodes: FakeNode[] = [];
  let questions = 0;
  const cluster: FakeCluster = {
    nodes,
    slots: [[0, 16_383, 0]],
    get topologyQuestions() {
      return questions;
    },
    isOld: false,
    tell: ({ port }) => ({ endpoint: '127.0.0.1', ip: '127.0.0.1', port }),
    password: null,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map(server => once(server.close(), 'close')));
    },
  };
  const reply: FakeAnswer = (words, node) => {
    const [command, subcommand] = words.map(word => word.toUpperCase());
    if (command === 'AUTH') return words[1] === cluster.password ? OK : '-WRONGPASS invalid password\r\n';
    if (command === 'PING') return '+PONG\r\n';
    if (command === 'CLUSTER' && subcommand === 'INFO') return encodeReply('cluster_state:ok\r\n').toString();
    if (command === 'CLUSTER' && subcommand === 'SHARDS' && cluster.isOld) {
      return "-ERR Unknown subcommand or wrong number of arguments for 'SHARDS'.\r\n";
    }
    if (command === 'CLUSTER') {
      questions++;
      return (subcommand === 'SHARDS' ? shards(cluster) : slots(cluster)).toString();
    }
    node.asked.push(words.join(' '));
    return node.answer(words, node);
  };
  for (let i = 0; i < count; i++) {
    const server = createServer({ noDelay: true }, socket => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket)).on('error', () => {});
      serve(socket, words => reply(words, node));
    });
    await once(server.listen(0, host), 'listening');
    const node: FakeNode = { port: (server.address() as AddressInfo).port, asked: [], answer: () => OK };
    servers.push(server);
    nodes.push(node);
  }
  return cluster;
}

/** Replies leave in the order of the requests, however long one takes. */
function serve(socket: Socket, answer: (words: readonly string[]) => ReturnType<FakeAnswer>): void {
  let rest = Buffer.alloc(0);
  let last: Promise<unknown> = Promise.resolve();
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (let end = replyEnd(rest); end >= 0; end = rest.length === 0 ? -1 : replyEnd(rest)) {
      const words = (parseReply(rest.subarray(0, end)) as Buffer[]).map(String);
      rest = rest.subarray(end);
      const reply = answer(words);
      last = last.then(async () => write(socket, await reply));
    }
  });
}

async function write(socket: Socket, reply: FakeReply): Promise<void> {
  if (typeof reply === 'string') socket.write(reply, 'latin1');
  else for (const piece of reply) await setImmediate(socket.write(piece, 'latin1'));
}

function shards({ nodes, slots: ranges, tell }: FakeCluster): Buffer {
  const all = nodes.map((node, i) => {
    const { endpoint, ip, hostname, port } = tell(node);
    const named = hostname === undefined ? [] : ['hostname', hostname];
    const told = ['id', `node${i}`, 'port', port, 'ip', ip, 'endpoint', endpoint, ...named];
    const own = ranges.filter(([, , owner]) => owner === i).flat();
    return ['slots', own, 'nodes', [[...told, 'role', 'master', 'health', 'online']]];
  });
  return encodeReply(all);
}

function slots({ nodes, slots: ranges, tell }: FakeCluster): Buffer {
  return encodeReply(
    ranges.map(([first, last, owner]) => {
      const { endpoint, ip, hostname, port } = tell(nodes[owner] as FakeNode);
      const further = hostname === undefined ? ['ip', ip] : ['ip', ip, 'hostname', hostname];
      return [first, last, [endpoint, port, `node${owner}`, further]];
    }),
  );
}
