import { addressText } from '../address.ts';
import type { ConfigDraft, PoolDraft } from '../pool-draft.ts';
import type { Problems } from '../problems.ts';
import type { UserDraft } from '../users.ts';
import { joinPath } from '../yaml-tree.ts';

/** Whose names begin alike. */
interface Tenant {
  readonly prefix: string;
  readonly pool: PoolDraft;
  readonly isUser: boolean;
  readonly path: string;
  readonly offset: number;
}

/** Prefixes that would not keep apart what they are there to keep apart. */
export function checkKeyPrefixes({ pools, users }: ConfigDraft, problems: Problems): void {
  const tenants = [...pools.flatMap(tenantOfPool), ...users.flatMap(user => tenantsOfUser(user, pools))];
  for (const [i, tenant] of tenants.entries()) {
    const { prefix, pool, path, offset } = tenant;
    const { hashTag } = pool.fields;
    if (hashTag && prefix.includes(hashTag.charAt(0))) {
      const tag = JSON.stringify(hashTag);
      problems.add(
        offset,
        path,
        `has the first character of hash_tag ${tag}: all keys would have the same tag, or none`,
      );
    }
    const other = tenants.slice(0, i).find(each => overlaps(tenant, each));
    if (other === undefined) continue;
    const both = `${JSON.stringify(prefix)} and ${JSON.stringify(other.prefix)} of ${other.path}`;
    const message = `${both} begin alike, on ${serverOfBoth(pool, other.pool)}: one would see the other's keys; end prefixes with a character that is only there`;
    problems.add(offset, path, message);
  }
}

function tenantOfPool(pool: PoolDraft): Tenant[] {
  const { keyPrefix: prefix } = pool.fields;
  const offset = pool.offsets.get('key_prefix') ?? pool.keyOffset;
  return prefix ? [{ prefix, pool, isUser: false, path: joinPath(pool.path, 'key_prefix'), offset }] : [];
}

/** What it has in each of its pools. */
function tenantsOfUser({ fields, path, offsets, keyOffset }: UserDraft, pools: readonly PoolDraft[]): Tenant[] {
  const { keyPrefix } = fields;
  if (!keyPrefix) return [];
  const offset = offsets.get('key_prefix') ?? keyOffset;
  return pools.flatMap(pool => {
    if (!fields.pools?.includes(pool.name)) return [];
    const prefix = `${pool.fields.keyPrefix ?? ''}${keyPrefix}`;
    return [{ prefix, pool, isUser: true, path: joinPath(path, 'key_prefix'), offset }];
  });
}

/** Not of a pool and its users: theirs begin with its own. */
function overlaps(one: Tenant, other: Tenant): boolean {
  if (one.prefix === other.prefix || (one.pool === other.pool && one.isUser !== other.isUser)) return false;
  const beginAlike = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  return beginAlike && serverOfBoth(one.pool, other.pool) !== undefined;
}

function serverOfBoth(pool: PoolDraft, other: PoolDraft): string | undefined {
  const addresses = (of: PoolDraft) => [
    ...of.servers.map(({ server }) => addressText(server.address)),
    ...(of.fields.cluster?.seeds ?? []).map(addressText),
  ];
  const others = new Set(addresses(other));
  return addresses(pool).find(address => others.has(address));
}
