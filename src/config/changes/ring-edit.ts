import { addressText } from '../address.ts';
import { replicaText } from '../addresses.ts';
import type { Config } from '../config.ts';
import { POOL_SETTINGS } from '../tables/pool-settings.ts';
import { isSameRing, type RingSettings, ringOf } from '../tables/ring-settings.ts';
import { editedFile, type FileEdit, FileEditError, yamlText } from './file-edit.ts';

/**
 * The text of a configuration file with another ring for one of its pools, and otherwise as it was: comments and order are
 * kept, but for those in the list of servers. `parse` reads such a text as the daemon would.
 * @throws FileEditError which says why it can't be written so
 */
export function withRingInFile(
  text: string,
  poolName: string,
  ring: RingSettings,
  parse: (text: string) => Config,
): string {
  if (text.includes('\r')) throw new FileEditError('the file has line ends of CR or CR LF');
  const config = parse(text);
  const pool = config.pools.find(({ name }) => name === poolName);
  if (pool === undefined) throw new FileEditError(`the file has no pool ${poolName}`);
  const root = config.form === 'twemproxy' ? [poolName] : ['pools', poolName];
  const edits: FileEdit[] = [{ way: [...root, 'servers'], value: `[${ring.servers.map(serverLine).join(', ')}]` }];
  const isTwemproxy = config.form === 'twemproxy';
  for (const field of ['hash', 'hashTag', 'distribution'] as const) {
    if (ring[field] === pool[field]) continue;
    const setting = POOL_SETTINGS[field];
    const kind = isTwemproxy ? setting.twemproxy : setting.kind;
    const value = ring[field];
    edits.push({ way: [...root, setting.key], value: value === null ? null : yamlText(kind.write(value as never)) });
  }
  const next = editedFile(text, edits);
  const written = parse(next).pools.find(({ name }) => name === poolName);
  if (written === undefined || !isSameRing(ringOf(written), ring)) {
    throw new FileEditError(
      `the file would not say what pool ${poolName} is to be; a value may be shared by several keys`,
    );
  }
  return next;
}

function serverLine({ address, weight, name, replicas, zone }: RingSettings['servers'][number]): string {
  const text = addressText(address);
  if (replicas !== undefined || zone !== undefined) {
    const fields = [
      `address: ${JSON.stringify(text)}`,
      `name: ${JSON.stringify(name)}`,
      `weight: ${weight}`,
      ...(zone === undefined ? [] : [`availability_zone: ${JSON.stringify(zone)}`]),
      ...(replicas === undefined
        ? []
        : [`replicas: [${replicas.map(each => JSON.stringify(replicaText(each))).join(', ')}]`]),
    ];
    return `{ ${fields.join(', ')} }`;
  }
  return yamlText(`${text}:${weight}${name === text ? '' : ` ${name}`}`);
}
