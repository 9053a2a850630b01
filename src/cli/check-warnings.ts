import { adminDates, type CertificateDates, datesOf, whyNotNow } from '../config/certificate-dates.ts';
import { CertificateError, readAdminTls, withTlsFiles } from '../config/certificates.ts';
import type { Config, PoolConfig } from '../config/config.ts';
import { PasswordFileError, withUsers } from '../config/pool-users.ts';
import { type ConfigWarning, configWarnings, poolPath } from '../config/warnings.ts';
import { NUMBERED, unevenOnNumbers } from './key-spread.ts';
import type { Machine } from './machine.ts';
import { openFilesWarnings } from './open-files.ts';
import { serverShares } from './pool-ring.ts';
import { percent } from './text-table.ts';

/** A share of keys this far from what the weight says is worth a word; ketama's usual scatter is some 10 %. */
const FAR_OFF = 1.5;

/** Everything odd about a valid configuration on this machine: what is said at start, and more. */
export function checkWarnings(config: Config, machine: Machine): ConfigWarning[] {
  const warnings = [...configWarnings(config)];
  // With `user` nobody else starts it.
  const isByRoot = config.user !== null;
  for (const pool of config.pools) {
    const path = poolPath(config, pool);
    if (pool.servers.length === 1) {
      warnings.push({ path: `${path}.servers`, message: 'one server: it gets every key, and nothing takes its place' });
    } else if (pool.poolBy === null) {
      warnings.push(...shareWarnings(pool, path), ...hashWarnings(pool, path));
    }
    warnings.push(...fileWarnings(path, () => datesOf(withTlsFiles(pool))));
    if (pool.listen !== null && !isByRoot) warnings.push(...portWarnings(`${path}.listen`, pool.listen, machine));
  }
  warnings.push(...fileWarnings('admin_tls', () => adminDates(readAdminTls(config.adminTls))));
  warnings.push(...passwordFileWarnings(config));
  if (config.admin !== null && !isByRoot) warnings.push(...portWarnings('admin', config.admin, machine));
  warnings.push(...openFilesWarnings(config, machine));
  return warnings;
}

function passwordFileWarnings(config: Config): ConfigWarning[] {
  return config.users.flatMap(user => {
    try {
      withUsers({ ...config, users: [user] });
      return [];
    } catch (error) {
      if (!(error instanceof PasswordFileError)) throw error;
      return [{ path: `users.${user.name}`, message: `it would not start here: ${error.message}` }];
    }
  });
}

/** A file may well be meant for another machine. */
function fileWarnings(path: string, read: () => readonly CertificateDates[]): ConfigWarning[] {
  try {
    return read().flatMap(dates => {
      const message = whyNotNow(dates);
      return message === null ? [] : [{ path, message }];
    });
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return [{ path, message: `it would not start here: ${error.message}` }];
  }
}

function shareWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const warn = (i: number, message: string) => warnings.push({ path: `${path}.servers[${i}]`, message });
  if (pool.distribution === 'random') {
    if (pool.servers.every(({ weight }) => weight === pool.servers[0]!.weight)) return [];
    return [{ path: `${path}.servers`, message: 'the weights have no effect: a random distribution ignores them' }];
  }
  // The warning about crc32 on a ketama ring has said it.
  if (pool.hash === 'crc32' && pool.distribution === 'ketama') return [];
  const totalWeight = pool.servers.reduce((sum, { weight }) => sum + weight, 0);
  for (const [i, share] of serverShares(pool).entries()) {
    const { name, weight } = pool.servers[i]!;
    const fair = weight / totalWeight;
    if (share === 0) {
      const why = pool.distribution === 'ketama' ? 'too small for a point on the ring' : "beyond the hash's values";
      warn(i, `"${name}" gets no keys: its weight of ${weight} in ${totalWeight} is ${why}`);
    } else if (share > fair * FAR_OFF || share < fair / FAR_OFF) {
      warn(i, `"${name}" gets ${percent(share)} of the keys, and its weight asks for ${percent(fair)}`);
    }
  }
  return warnings;
}

/** What a hash does to keys in a row, as applications have them; the shares alone promise that all is well. */
function hashWarnings(pool: PoolConfig, path: string): ConfigWarning[] {
  if (pool.distribution === 'random' || (pool.hash === 'crc32' && pool.distribution === 'ketama')) return [];
  const uneven = unevenOnNumbers(pool);
  if (uneven === null) return [];
  const what = `${percent(uneven.share)} of ${NUMBERED} go to "${pool.servers[uneven.server]!.name}"`;
  const fair = percent(serverShares(pool)[uneven.server]!);
  const advice = 'murmur spreads them (another hash moves nearly all keys; see route --spread)';
  return [
    {
      path: `${path}.hash`,
      message: `${pool.hash} keeps running numbers together: ${what}, and its share is ${fair}; ${advice}`,
    },
  ];
}

function portWarnings(
  path: string,
  address: NonNullable<PoolConfig['listen']>,
  { firstFreePort }: Machine,
): ConfigWarning[] {
  if ('path' in address || address.port === 0 || address.port >= firstFreePort) return [];
  const message = `port ${address.port} is privileged: the daemon needs to be root or to have CAP_NET_BIND_SERVICE`;
  return [{ path, message }];
}
