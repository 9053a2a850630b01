// Sends one stream of commands to nutcracker, to Ringmaster and to a server by itself, and puts the replies side by side.
// Each has servers of its own, which stay in the same state:
//
//   client ─┬─ pipelined ─────────────────────▶ server
//           ├─ pipelined ─────────────────────▶ Ringmaster ─▶ 3 servers
//           └─ plain ones pipelined,            nutcracker ─▶ 3 servers
//              others one by one ──┬──────────▶                  ▲
//                      closed: ────┴─▶ Ringmaster's pool of ─────┘   what nutcracker has not done is done for it
import { RawClient, type ReadEnd } from './raw-client.ts';
import type { SeededRandom } from './seeded-random.ts';
import { sendInPieces, type WireCommand } from './wire-streams.ts';

/** What nutcracker says, or not, when it closes the connection of a client it does not understand. */
const LAST_WORDS = ['', '-ERR Invalid argument\r\n', 'SERVER_ERROR Invalid argument\r\n'];

/** How a protocol's commands are sent so that the end of each reply can be told. */
export interface WireProtocol {
  frame(command: WireCommand): Buffer;
  readonly replyEnd: ReadEnd;
  /** The reply of the frame as far as it must be the same everywhere. */
  comparable(command: WireCommand, frameReply: Buffer): string;
}

/** Ports of 127.0.0.1, or unix sockets. `repair`: a Ringmaster pool in front of nutcracker's servers. */
export interface WireSides {
  readonly nutcracker: number | string;
  readonly ringmaster: number | string;
  readonly direct: number | string;
  readonly repair: number | string;
}

/** Comparable replies; null: the connection was closed without one, or the command was not sent. */
export interface WireOutcome {
  readonly command: WireCommand;
  readonly theirs: string | null;
  readonly ours: string;
  readonly direct: string | null;
}

/** What each side replies to each command of the stream. Rejects where one is silent, or closes what it should not. */
export async function runStream(
  stream: readonly WireCommand[],
  protocol: WireProtocol,
  sides: WireSides,
  random: SeededRandom,
): Promise<WireOutcome[]> {
  const forDirect = stream.filter(command => !command.isForProxiesOnly);
  const theirs = await askNutcracker(stream, protocol, sides, random);
  const ours = await askPipelined(stream, protocol, sides.ringmaster, random);
  const direct = await askPipelined(forDirect, protocol, sides.direct, random);
  return stream.map((command, i) => ({
    command,
    theirs: theirs[i]!,
    ours: ours[i]!,
    direct: command.isForProxiesOnly ? null : direct.shift()!,
  }));
}

async function askPipelined(
  stream: readonly WireCommand[],
  protocol: WireProtocol,
  target: number | string,
  random: SeededRandom,
): Promise<string[]> {
  const client = await RawClient.connect(target);
  const sending = sendInPieces(client, Buffer.concat(stream.map(protocol.frame)), random);
  const replies: string[] = [];
  for (const command of stream) replies.push(await readReply(client, command, protocol));
  await sending;
  client.destroy();
  return replies;
}

async function askNutcracker(
  stream: readonly WireCommand[],
  protocol: WireProtocol,
  sides: WireSides,
  random: SeededRandom,
): Promise<(string | null)[]> {
  let client = await RawClient.connect(sides.nutcracker);
  const repair = await RawClient.connect(sides.repair);
  const replies: (string | null)[] = [];
  for (let at = 0; at < stream.length; ) {
    const command = stream[at]!;
    if (command.isPlain) {
      const plain = stream.slice(at, plainUntil(stream, at));
      const sending = sendInPieces(client, Buffer.concat(plain.map(protocol.frame)), random);
      for (const each of plain) replies.push(await readReply(client, each, protocol));
      await sending;
      at += plain.length;
      continue;
    }
    client.send(protocol.frame(command));
    const reply = await replyUnlessClosed(client, command, protocol);
    if (reply === null) {
      client.destroy();
      client = await RawClient.connect(sides.nutcracker);
      repair.send(protocol.frame(command));
      await readReply(repair, command, protocol);
    }
    replies.push(reply);
    at++;
  }
  client.destroy();
  repair.destroy();
  return replies;
}

function plainUntil(stream: readonly WireCommand[], from: number): number {
  const end = stream.findIndex((command, i) => i > from && !command.isPlain);
  return end < 0 ? stream.length : end;
}

async function readReply(client: RawClient, command: WireCommand, protocol: WireProtocol): Promise<string> {
  try {
    return protocol.comparable(command, await client.readUntil(protocol.replyEnd));
  } catch (error) {
    throw new Error(`${show(command)}: ${(error as Error).message}`);
  }
}

async function replyUnlessClosed(
  client: RawClient,
  command: WireCommand,
  protocol: WireProtocol,
): Promise<string | null> {
  try {
    return protocol.comparable(command, await client.readUntil(protocol.replyEnd));
  } catch (error) {
    const isClosed = client.socket.readableEnded || client.socket.destroyed;
    if (isClosed && LAST_WORDS.includes(client.unread().toString('latin1'))) return null;
    throw new Error(`${show(command)} to nutcracker: ${(error as Error).message}`);
  }
}

/** A command for a failure's message. */
export function show(command: WireCommand): string {
  const text = command.bytes.toString('latin1');
  return JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
}
