import { addressText } from './address.ts';
import type { ConfigDraft, PoolDraft } from './pool-draft.ts';
import type { Problems } from './problems.ts';
import { joinPath } from './yaml-tree.ts';

/** Prefixes that would not keep apart what they are there to keep apart. */
export function checkKeyPrefixes({ pools }: ConfigDraft, problems: Problems): void {
  const prefixed = pools.filter(({ fields }) => fields.keyPrefix);
  for (const [i, pool] of prefixed.entries()) {
    const prefix = pool.fields.keyPrefix as string;
    const report = (message: string) =>
      problems.add(pool.offsets.get('key_prefix') ?? pool.keyOffset, joinPath(pool.path, 'key_prefix'), message);
    const { hashTag } = pool.fields;
    if (hashTag && prefix.includes(hashTag.charAt(0))) {
      report(
        `has the first character of hash_tag ${JSON.stringify(hashTag)}, and so all keys would have the same tag, or none`,
      );
    }
    for (const other of prefixed.slice(0, i)) {
      const earlier = other.fields.keyPrefix as string;
      if (prefix === earlier || !(prefix.startsWith(earlier) || earlier.startsWith(prefix))) continue;
      const server = serverOfBoth(pool, other);
      if (server === undefined) continue;
      report(
        `${JSON.stringify(prefix)} and ${JSON.stringify(earlier)} of ${other.path} begin alike, and both pools have ${server}: one would ` +
          "see the other's keys; end prefixes with a character that is only there",
      );
    }
  }
}

function serverOfBoth(pool: PoolDraft, other: PoolDraft): string | undefined {
  const addresses = (of: PoolDraft) => [
    ...of.servers.map(({ server }) => addressText(server.address)),
    ...(of.fields.cluster?.seeds ?? []).map(addressText),
  ];
  const others = new Set(addresses(other));
  return addresses(pool).find(address => others.has(address));
}
