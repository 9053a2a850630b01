import { isGroup, isScalar, type Setting, type SettingTable } from '../../settings/setting.ts';
import { SettingError } from '../../settings/setting-error.ts';
import type { Config, PoolConfig } from '../config.ts';
import { closestName } from '../suggestions.ts';
import { DAEMON_SETTINGS } from '../tables/daemon-settings.ts';
import { POOL_SETTINGS } from '../tables/pool-settings.ts';
import { SERVER_SETTINGS } from '../tables/server-settings.ts';
import { USER_SETTINGS } from '../tables/user-settings.ts';

/** One setting of a configuration. */
export interface SettingAddress {
  /** As `get` and `set` write it: `workers`, `log.level`, `red.timeout`, `red.servers.cache-b.weight`. */
  readonly path: string;
  readonly setting: Setting;
  /** The way to its value in `Config`. */
  readonly fields: readonly (string | number)[];
  /** Of a server's `address`, whose kind has more than the value. */
  readonly isServerAddress: boolean;
}

/** What of a server can be set while it is there; its name is what makes it that server. */
const SETTABLE_OF_SERVER: SettingTable = { address: SERVER_SETTINGS.address, weight: SERVER_SETTINGS.weight };

const SETTABLE_OF_MASTER: SettingTable = { weight: SERVER_SETTINGS.weight };

/** All settings of a configuration: the daemon's, then each pool's and its servers', in the order of the file. */
export function settingAddresses(config: Config): SettingAddress[] {
  return [
    ...addressesIn(DAEMON_SETTINGS, config, '', []),
    ...config.pools.flatMap(poolAddresses),
    ...userAddresses(config),
  ];
}

function userAddresses({ users }: Config): SettingAddress[] {
  return users.flatMap((user, i) => addressesIn(USER_SETTINGS, user, `users.${user.name}.`, ['users', i]));
}

function poolAddresses(pool: PoolConfig, i: number): SettingAddress[] {
  // Those of a cluster are its seeds.
  const configured = pool.cluster === null ? pool.servers : [];
  const servers = configured.flatMap((server, j) => {
    const path = `${pool.name}.servers.${server.name}.`;
    const settable = 'master' in server.address ? SETTABLE_OF_MASTER : SETTABLE_OF_SERVER;
    return addressesIn(settable, server, path, ['pools', i, 'servers', j]).map(address => ({
      ...address,
      isServerAddress: address.setting === SERVER_SETTINGS.address,
    }));
  });
  return [...addressesIn(POOL_SETTINGS, pool, `${pool.name}.`, ['pools', i]), ...servers];
}

/** A group that can be left out is an address, too; its members are also where it is not there. */
function addressesIn(
  table: SettingTable,
  values: object | null,
  prefix: string,
  before: readonly (string | number)[],
): SettingAddress[] {
  return Object.entries(table).flatMap(([field, setting]): SettingAddress[] => {
    const own = { path: prefix + setting.key, setting, fields: [...before, field], isServerAddress: false };
    if (isScalar(setting)) return [own];
    if (!isGroup(setting)) return [];
    const inner = ((values ?? {}) as Record<string, object | null>)[field] ?? null;
    const members = addressesIn(setting.settings, inner, `${own.path}.`, own.fields);
    return setting.default === null ? [own, ...members] : members;
  });
}

/**
 * The setting that is called `path`. `pools.red.timeout`, as in messages about the file, is `red.timeout`.
 * @throws SettingError when there is none
 */
export function settingAddress(config: Config, path: string): SettingAddress {
  // Not all of them: a thousand pools of a hundred servers have a quarter of a million.
  const isOf = ({ name }: PoolConfig) => path.startsWith(`${name}.`) || path.startsWith(`pools.${name}.`);
  const ofPools = config.pools.flatMap((pool, i) => (isOf(pool) ? poolAddresses(pool, i) : []));
  const ofUsers = path.startsWith('users.') ? userAddresses(config) : [];
  const addresses = [...addressesIn(DAEMON_SETTINGS, config, '', []), ...ofPools, ...ofUsers];
  const found =
    addresses.find(address => address.path === path) ??
    addresses.find(address => address.fields[0] === 'pools' && `pools.${address.path}` === path);
  if (found !== undefined) return found;
  const paths = addresses.map(address => address.path);
  const meant = closestName(path, paths);
  const advice = meant === null ? 'names are such as log.level or POOL.timeout' : `did you mean "${meant}"?`;
  throw new SettingError(`there is no setting ${JSON.stringify(path)}; ${advice}`);
}
