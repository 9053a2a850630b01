import { addressText } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { busiest, type KeySpread, keySpread, type SizedKey } from './key-spread.ts';
import { grouped, percent, textTable } from './text-table.ts';
import { UsageError } from './usage-error.ts';

/** `ringmaster route --spread FILE`: how a list of keys spreads over the servers of each pool, as text to print. */
export function spreadText(pools: readonly PoolConfig[], keys: readonly SizedKey[], asJson: boolean): string {
  const spreads = pools.map(pool => ({ pool, spread: keySpread(pool, keys) }));
  if (asJson) return `${JSON.stringify(spreads.map(toJson), null, 2)}\n`;
  return spreads.map(toText).join('\n');
}

/**
 * The keys of a list, one a line. `hasSizes`: each is followed by a space or a tab and the bytes of its value.
 * @throws UsageError at a line that lacks its size
 */
export function sizedKeys(lines: readonly Buffer[], hasSizes: boolean): SizedKey[] {
  if (!hasSizes) return lines.map(key => ({ key, bytes: 0 }));
  return lines.map((line, i) => {
    const end = Math.max(line.lastIndexOf(0x20), line.lastIndexOf(0x09));
    const size = line.toString('latin1', end + 1);
    if (end < 0 || !/^[0-9]{1,15}$/.test(size)) {
      throw new UsageError(`line ${i + 1} of the keys: must end in a space and the bytes of the value`);
    }
    return { key: line.subarray(0, end), bytes: Number(size) };
  });
}

interface PoolSpread {
  readonly pool: PoolConfig;
  readonly spread: KeySpread;
}

function toJson({ pool, spread }: PoolSpread): object {
  const { keys, bytes, shares, totalKeys, totalBytes } = spread;
  const isPlaced = pool.distribution !== 'random';
  return {
    pool: pool.name,
    hash: pool.hash,
    distribution: pool.distribution,
    keys: totalKeys,
    bytes: totalBytes,
    maxToFair: isPlaced ? { keys: busiest(pool, keys), bytes: busiest(pool, bytes) } : null,
    servers: pool.servers.map(({ name, address, weight }, i) => ({
      name,
      address: addressText(address),
      weight,
      ringShare: shares[i],
      keys: isPlaced ? keys[i] : null,
      bytes: isPlaced ? bytes[i] : null,
    })),
  };
}

function toText({ pool, spread }: PoolSpread): string {
  const { keys, bytes, shares, totalKeys, totalBytes } = spread;
  const head = `${pool.name}: ${grouped(totalKeys)} keys, ${pool.distribution}, ${pool.hash}`;
  if (pool.distribution === 'random') return `${head}: no key has a server of its own\n`;
  const hasSizes = totalBytes > 0;
  const share = (count: number, total: number) => (total === 0 ? '–' : percent(count / total));
  const rows = pool.servers.map(({ name, address, weight }, i) => [
    name,
    addressText(address),
    grouped(weight),
    percent(shares[i]!),
    grouped(keys[i]!),
    share(keys[i]!, totalKeys),
    ...(hasSizes ? [grouped(bytes[i]!), share(bytes[i]!, totalBytes)] : []),
  ]);
  const titles = ['server', 'address', 'weight', 'share of ring', 'keys', 'share'];
  const table = textTable([[...titles, ...(hasSizes ? ['bytes', 'share'] : [])], ...rows], '  ', [2, 3, 4, 5, 6, 7]);
  const ofBytes = hasSizes ? `; of the bytes ${busiest(pool, bytes).toFixed(2)} times` : '';
  return `${head}\n${table}  the fullest server has ${busiest(pool, keys).toFixed(2)} times its part of the keys${ofBytes}\n`;
}
