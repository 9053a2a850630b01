import { ringName } from '../placement/server-name.ts';
import { addressText, type FixedAddress } from './address.ts';
import type { ClusterConfig, Config, PoolConfig, PoolSettings, ServerConfig } from './config.ts';
import type { Problems } from './problems.ts';
import type { UserDraft } from './users.ts';
import type { YamlNode } from './yaml-tree.ts';

/*
 * Both forms of the file are read into drafts, which know where things stand in the file and may lack what could not be
 * read. The checks between keys, servers and pools run over drafts, so that they report even beside other errors.
 */

export interface PoolDraft {
  readonly name: string;
  /** `pools.sessions` in our form, `sessions` in twemproxy's. */
  readonly path: string;
  readonly keyOffset: number;
  readonly fields: Partial<PoolSettings>;
  /** Where the values that are given stand, by key. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly servers: readonly ServerDraft[];
}

export interface ServerDraft {
  readonly path: string;
  readonly offset: number;
  readonly server: ServerConfig;
}

export interface ConfigDraft {
  /** What stands beside the pools; in twemproxy's form, the defaults. */
  readonly top: Partial<Omit<Config, 'pools' | 'users'>>;
  /** Where the values beside the pools stand that are given, by key. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly pools: readonly PoolDraft[];
  readonly users: readonly UserDraft[];
}

/** What stands in the list of servers at `path`; none, with the problem told, where it is no such list. */
export function serverItems(node: YamlNode | undefined, path: string, problems: Problems): readonly YamlNode[] {
  if (node === undefined) return [];
  if (node.kind === 'list' && node.items.length > 0) return node.items;
  problems.add(node.offset, path, 'must be a list with at least one server, each on a line that begins with "- "');
  return [];
}

/** The port's text is part of a ring name as written: twemproxy hashes `host:06379` with its zero. */
export function namedServer(
  address: FixedAddress,
  portText: string,
  weight: number,
  alias: string | null,
): ServerConfig {
  const isOddPort = 'port' in address && portText !== String(address.port) && address.port !== 11211;
  const name = alias === null && isOddPort ? `${address.host}:${portText}` : ringName(address, alias);
  return { name, address, weight };
}

/** Only for a draft without problems: every field is there. */
export function finishPool(draft: PoolDraft): PoolConfig {
  const fields = draft.fields as PoolSettings;
  return { name: draft.name, ...fields, servers: fields.cluster === null ? given(draft) : seedsOf(fields.cluster) };
}

function given(draft: PoolDraft): readonly ServerConfig[] {
  return draft.servers.map(({ server }) => server);
}

/** The nodes that are known without asking. */
function seedsOf({ seeds }: ClusterConfig): readonly ServerConfig[] {
  const byName = new Map(seeds.map(address => [addressText(address), address]));
  return [...byName].map(([name, address]) => ({ name, address, weight: 1 }));
}
