// Which server a proxy's Redis pool asks for a key, told from the answers of name servers (name-servers.ts).
import { RawClient } from './raw-client.ts';
import { encodeCommand, parseReply, RespError } from './resp-reader.ts';

/** The place that the pool on a port of 127.0.0.1, or on a unix socket, gets each of the keys from, or `error …`. */
export async function askPlaces(pool: number | string, keys: readonly Buffer[]): Promise<string[]> {
  const client = await RawClient.connect(pool);
  client.send(Buffer.concat(keys.map(key => encodeCommand('GET', key))));
  const replies = await client.readReplies(keys.length);
  client.destroy();
  return replies.map(reply => {
    const value = parseReply(reply);
    return value instanceof RespError ? `error ${value.text}` : String(value);
  });
}

/** A line for each key whose place is not the same. */
export function placeDifferences(
  keys: readonly Buffer[],
  ours: readonly string[],
  theirs: readonly string[],
): string[] {
  return keys.flatMap((key, i) =>
    ours[i] === theirs[i] ? [] : [`${key.toString('hex')}: ${ours[i]}, nutcracker says ${theirs[i]}`],
  );
}
