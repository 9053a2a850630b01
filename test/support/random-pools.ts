import { HASH_NAMES, type HashName } from '../../src/hash/hash.ts';
import { ringName, type ServerAddress } from '../../src/placement/server-name.ts';
import type { SeededRandom } from './seeded-random.ts';

export const MAX_SERVERS = 60;
/** Sizes at which a ketama ring of equal weights would differ in float64, and the ends of the range. */
const TELLING_SIZES = [1, 25, 50, 2, 47, MAX_SERVERS];
const ALIAS_CHARACTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789._:-/@#+=é你'];
/** With "-" and two digits it stays within the 86 bytes that twemproxy has for a point's name. */
const MAX_ALIAS_BYTES = 80;
const MAX_KEY_BYTES = 300;

export interface RandomServer {
  readonly address: ServerAddress;
  readonly alias: string | null;
  readonly weight: number;
  /** What it is called in the ring. */
  readonly name: string;
}

export interface RandomPool {
  readonly name: string;
  readonly hash: HashName;
  /** Two bytes in UTF-8, or null. */
  readonly hashTag: string | null;
  readonly distribution: 'ketama' | 'modula';
  /** 1 to 60, their addresses all different. */
  readonly servers: readonly RandomServer[];
}

/**
 * `count` Redis pools of 1 to 60 of these addresses: every hash, both distributions that can be foretold, weights (up
 * to `heaviest` if given), aliases, tags. The first ones go through all hashes and, in ketama of equal weights, the telling sizes.
 */
export function randomPools(
  random: SeededRandom,
  count: number,
  addresses: readonly ServerAddress[],
  heaviest?: number,
): readonly RandomPool[] {
  return Array.from({ length: count }, (_, i) => {
    const isTelling = i < TELLING_SIZES.length;
    const distribution = isTelling || random.chance(0.65) ? 'ketama' : 'modula';
    // Squared: small pools are cheap, and as likely as big ones to be wrong.
    const anySize = 1 + Math.floor(random.next() ** 2 * MAX_SERVERS);
    return {
      name: `pool${i}`,
      hash: HASH_NAMES[i] ?? random.pick(HASH_NAMES),
      hashTag: random.chance(0.5) ? randomTag(random) : null,
      distribution,
      servers: randomServers(
        random,
        random.sample(addresses, TELLING_SIZES[i] ?? anySize),
        // twemproxy keeps modula's list in memory, entry by entry; ketama takes any weight, beyond float32's integers.
        heaviest ?? random.pick(isTelling ? [1] : [1, 3, 100, distribution === 'ketama' ? 40_000_000 : 1000]),
      ),
    };
  });
}

function randomServers(random: SeededRandom, addresses: readonly ServerAddress[], heaviest: number): RandomServer[] {
  const aliased = random.pick([0, 0, 0.5, 1]);
  const names = new Set<string>();
  return addresses.map(address => {
    let alias = random.chance(aliased) ? randomAlias(random) : null;
    while (names.has(ringName(address, alias))) alias = randomAlias(random);
    const name = ringName(address, alias);
    names.add(name);
    return { address, alias, weight: random.between(1, heaviest), name };
  });
}

function randomAlias(random: SeededRandom): string {
  const wanted = random.chance(0.5) ? random.between(1, 3) : random.between(1, MAX_ALIAS_BYTES);
  let alias = '';
  for (;;) {
    const longer = alias + random.pick(ALIAS_CHARACTERS);
    if (alias !== '' && Buffer.byteLength(longer) > wanted) return alias;
    alias = longer;
  }
}

function randomTag(random: SeededRandom): string {
  if (random.chance(0.4)) return '{}';
  if (random.chance(0.1)) return 'é';
  const open = random.between(0x21, 0x7e);
  const close = random.chance(0.2) ? open : random.between(0x21, 0x7e);
  return String.fromCharCode(open, close);
}

/** `count` keys for a pool of this tag: the empty one, plain names, any bytes, and those in which tag bytes abound. */
export function randomKeys(random: SeededRandom, count: number, hashTag: string | null): readonly Buffer[] {
  const tagBytes = [...Buffer.from(hashTag ?? '{}')];
  return Array.from({ length: count }, (_, i) => {
    if (i === 0) return Buffer.alloc(0);
    switch (random.between(0, 3)) {
      case 0:
        return Buffer.from(`user:${random.between(0, 1_000_000)}:${i}`);
      case 1:
        return random.bytes(random.between(1, 16));
      case 2:
        return random.bytes(random.between(1, MAX_KEY_BYTES));
      default: {
        const bytes = [...random.bytes(random.between(1, 24))];
        return Buffer.from(bytes.map(byte => (random.chance(0.3) ? random.pick(tagBytes) : byte)));
      }
    }
  });
}

/** The pools as a twemproxy YAML file; `listen[i]` is the address of pool i, `more` are settings of all, `key: value`. */
export function twemproxyFile(
  pools: readonly RandomPool[],
  listen: readonly string[],
  more: readonly string[] = [],
): string {
  const lines: string[] = [];
  pools.forEach((pool, i) => {
    lines.push(`${pool.name}:`, `  listen: ${listen[i]}`, '  redis: true');
    lines.push(`  hash: ${pool.hash}`, `  distribution: ${pool.distribution}`);
    if (pool.hashTag !== null) lines.push(`  hash_tag: ${quoted(pool.hashTag)}`);
    lines.push(...more.map(setting => `  ${setting}`), '  servers:');
    for (const server of pool.servers) lines.push(`    - ${quoted(serverLine(server))}`);
  });
  return `${lines.join('\n')}\n`;
}

function serverLine({ address, alias, weight }: RandomServer): string {
  const place = 'path' in address ? address.path : `${address.host}:${address.port}`;
  return `${place}:${weight}${alias === null ? '' : ` ${alias}`}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
