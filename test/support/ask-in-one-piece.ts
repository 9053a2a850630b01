import type { RawClient } from './raw-client.ts';
import { encodeCommand } from './resp-reader.ts';

/** Sends these Redis requests in one piece; the replies, byte for byte, as latin1. */
export async function askInOnePiece(client: RawClient, ...requests: readonly (readonly string[])[]): Promise<string> {
  client.send(Buffer.concat(requests.map(words => encodeCommand(...words))));
  return Buffer.concat(await client.readReplies(requests.length)).toString('latin1');
}
