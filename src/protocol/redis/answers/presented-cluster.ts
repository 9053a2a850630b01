// A pool as clients in cluster mode see it (`present_as: cluster`): a Redis Cluster of one node, Ringmaster, that has all slots.
// The forms of the replies are those of Redis 7.
import { createHash } from 'node:crypto';
import { keySlot, SLOTS } from '../../../hash/key-slot.ts';
import type { PresentedClusterOptions } from '../../parser-options.ts';
import type { RequestArgs } from '../request-args.ts';
import { encodeReply, errorReply, OK, ReplyMap, type ReplyValue, SimpleText, VerbatimText } from '../resp.ts';
import type { RedisSession } from '../session.ts';

type Answer = (args: RequestArgs, session: RedisSession) => Buffer;

const HELP = [
  'CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'COUNT-FAILURE-REPORTS <node-id>',
  '    Return number of failure reports for <node-id>.',
  'COUNTKEYSINSLOT <slot>',
  '    Return the number of keys in <slot>.',
  'GETKEYSINSLOT <slot> <count>',
  '    Return key names stored by current node in a slot.',
  'INFO',
  '    Return information about the cluster.',
  'KEYSLOT <key>',
  '    Return the hash slot for <key>.',
  'LINKS',
  '    Return information about all network links between this node and its peers.',
  'MYID',
  '    Return the node id.',
  'NODES',
  '    Return cluster configuration seen by node. Output format:',
  '    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...',
  'REPLICAS <node-id>',
  '    Return <node-id> replicas.',
  'SHARDS',
  '    Return information about slot range mappings and the nodes associated with them.',
  'SLOTS',
  '    Return information about slots range mappings. Each range is made of:',
  '    start, end, master and replicas IP addresses, ports and ids',
  'HELP',
  '    Prints this help.',
].map(line => new SimpleText(line));

const INFO = [
  'cluster_state:ok',
  `cluster_slots_assigned:${SLOTS}`,
  `cluster_slots_ok:${SLOTS}`,
  'cluster_slots_pfail:0',
  'cluster_slots_fail:0',
  'cluster_known_nodes:1',
  'cluster_size:1',
  'cluster_current_epoch:1',
  'cluster_my_epoch:1',
  'cluster_stats_messages_sent:0',
  'cluster_stats_messages_received:0',
  'total_cluster_links_buffer_limit_exceeded:0',
  '',
].join('\r\n');

const NO_PEERS: Answer = () => encodeReply([]);
const ACCEPTED: Answer = () => OK;

/** The answers of a pool that presents itself so, by `Command.name`. */
export function presentedCluster(options: PresentedClusterOptions, poolName: string): Readonly<Record<string, Answer>> {
  const id = idOf('node', options, poolName);
  const ofNode =
    (answer: Answer): Answer =>
    (args, session) =>
      args.text(2).toLowerCase() === id ? answer(args, session) : errorReply(`ERR Unknown node ${args.text(2)}`);
  return {
    asking: ACCEPTED,
    readonly: ACCEPTED,
    readwrite: ACCEPTED,
    'cluster|count-failure-reports': ofNode(() => encodeReply(0)),
    'cluster|help': () => encodeReply(HELP),
    'cluster|info': (_args, { respVersion }) => encodeReply(new VerbatimText(INFO), respVersion),
    'cluster|keyslot': ({ buf, starts, ends }) => encodeReply(keySlot(buf, starts[2] as number, ends[2] as number)),
    'cluster|links': NO_PEERS,
    'cluster|myid': () => encodeReply(id),
    'cluster|myshardid': () => encodeReply(idOf('shard', options, poolName)),
    'cluster|nodes': (_args, session) => nodes(id, options, session),
    'cluster|replicas': ofNode(NO_PEERS),
    'cluster|shards': (_args, session) => shards(id, options, session),
    'cluster|slaves': ofNode(NO_PEERS),
    'cluster|slots': (_args, session) => slots(id, options, session),
  };
}

/** All that present the same address are the same node, whatever process answers. */
function idOf(what: string, { advertise }: PresentedClusterOptions, poolName: string): string {
  const place = advertise === null ? poolName : `${advertise.host}:${advertise.port}`;
  return createHash('sha1').update(`ringmaster ${what} ${place}`).digest('hex');
}

/** Where clients reach us: as the configuration says, else where this one did. */
function addressFor({ advertise }: PresentedClusterOptions, { localAddress }: RedisSession) {
  if (advertise !== null) return advertise;
  const colon = localAddress.lastIndexOf(':');
  return { host: localAddress.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(localAddress.slice(colon + 1)) };
}

function slots(id: string, options: PresentedClusterOptions, session: RedisSession): Buffer {
  const { host, port } = addressFor(options, session);
  return encodeReply([[0, SLOTS - 1, [host, port, id, new ReplyMap([])]]], session.respVersion);
}

function shards(id: string, options: PresentedClusterOptions, session: RedisSession): Buffer {
  const { host, port } = addressFor(options, session);
  const node: ReplyValue[] = ['id', id, options.isTls ? 'tls-port' : 'port', port, 'ip', host, 'endpoint', host];
  const state: ReplyValue[] = ['role', 'master', 'replication-offset', 0, 'health', 'online'];
  const shard = new ReplyMap(['slots', [0, SLOTS - 1], 'nodes', [new ReplyMap([...node, ...state])]]);
  return encodeReply([shard], session.respVersion);
}

/** There is no cluster bus, hence port 0 of one. */
function nodes(id: string, options: PresentedClusterOptions, session: RedisSession): Buffer {
  const { host, port } = addressFor(options, session);
  const line = `${id} ${host}:${port}@0 myself,master - 0 0 1 connected 0-${SLOTS - 1}\n`;
  return encodeReply(new VerbatimText(line), session.respVersion);
}
