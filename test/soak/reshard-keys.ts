// What the servers of a fleet have, asked of each directly.
import type { FinalKeys, FinalValue } from '../support/history/recorder.ts';
import { RawClient } from '../support/raw-client.ts';
import type { RespValue } from '../support/resp-reader.ts';
import type { ReshardFleet } from './reshard-fleet.ts';

/** Every key of every server. */
export async function keysOf(fleet: ReshardFleet): Promise<FinalKeys> {
  const found = new Map<string, { server: string; value: FinalValue }[]>();
  for (const [i, { port }] of fleet.servers.entries()) {
    const client = await RawClient.connect(port);
    const keys = fleet.protocol === 'redis' ? await redisKeys(client) : await memcachedKeys(client);
    for (const [key, value] of keys) found.set(key, [...(found.get(key) ?? []), { server: `server-${i}`, value }]);
    client.destroy();
  }
  return { found };
}

async function redisKeys(client: RawClient): Promise<Map<string, FinalValue>> {
  const values = new Map<string, FinalValue>();
  const text = (value: RespValue) => (value as Buffer).toString('latin1');
  for (const key of ((await client.command('KEYS', '*')) as RespValue[]).map(text)) {
    const type = await client.command('TYPE', key);
    const members = { set: ['SMEMBERS', key], list: ['LRANGE', key, '0', '-1'] }[String(type)];
    if (members === undefined) values.set(key, text(await client.command('GET', key)));
    else values.set(key, ((await client.command(...members)) as RespValue[]).map(text));
  }
  return values;
}

async function memcachedKeys(client: RawClient): Promise<Map<string, FinalValue>> {
  client.send('lru_crawler metadump all\r\n');
  const dump = (await client.readUntil('END\r\n')).toString('latin1');
  const values = new Map<string, FinalValue>();
  for (const [, key] of dump.matchAll(/^key=(\S+) /gm)) {
    const name = decodeURIComponent(key!);
    client.send(`get ${name}\r\n`);
    const reply = (await client.readUntil('END\r\n')).toString('latin1');
    const match = /^VALUE \S+ \d+ \d+\r\n(\w*)\r\nEND/.exec(reply);
    if (match !== null) values.set(name, match[1]!);
  }
  return values;
}
