import type { ParserOptions } from '../protocol.ts';
import { REDIS_VERSION } from './command-data.ts';
import type { RequestArgs } from './request-args.ts';
import { encodeReply, VerbatimText } from './resp.ts';
import type { RedisSession } from './session.ts';

type Field = readonly [string, string | number];

/** INFO's sections, with the fields that clients look at before they send anything. */
function sectionsOf(options: ParserOptions): readonly { readonly name: string; readonly fields: readonly Field[] }[] {
  const uptime = Math.floor(process.uptime());
  return [
    {
      name: 'Server',
      fields: [
        ['redis_version', REDIS_VERSION],
        ['redis_mode', 'standalone'],
        ['ringmaster_version', options.version],
        ['ringmaster_pool', options.poolName],
        ['process_id', process.pid],
        ['uptime_in_seconds', uptime],
        ['uptime_in_days', Math.floor(uptime / 86400)],
      ],
    },
    { name: 'Persistence', fields: [['loading', 0]] },
    {
      name: 'Replication',
      fields: [
        ['role', 'master'],
        ['connected_slaves', 0],
      ],
    },
    { name: 'Cluster', fields: [['cluster_enabled', 0]] },
  ];
}

/** INFO [section …]: of the proxy, not of its servers. An unknown section has nothing in it. */
export function infoReply(args: RequestArgs, session: RedisSession, options: ParserOptions): Buffer {
  const texts: string[] = [];
  for (const { name, fields } of sectionsOf(options)) {
    if (!isAsked(args, name.toLowerCase())) continue;
    texts.push(`# ${name}\r\n${fields.map(([key, value]) => `${key}:${value}\r\n`).join('')}`);
  }
  return encodeReply(new VerbatimText(texts.join('\r\n')), session.respVersion);
}

function isAsked(args: RequestArgs, section: string): boolean {
  if (args.count === 1) return true;
  for (let i = 1; i < args.count; i++) {
    if (args.isWord(i, section) || ALL.some(word => args.isWord(i, word))) return true;
  }
  return false;
}

const ALL = ['all', 'default', 'everything'];
