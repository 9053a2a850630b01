import { askDaemon, type DoorFlags, doorOf } from './admin-door.ts';
import type { ControlOutcome } from './control.ts';
import { bigkeysText, busyClientsText, commandsText, hotkeysText, latencyText, slowlogText } from './traffic-text.ts';
import { UsageError } from './usage-error.ts';

export interface ShowOptions {
  readonly confFile: string;
  readonly door: DoorFlags;
  /** In this pool only; null: in all. */
  readonly pool: string | null;
  /** Entries of each list. */
  readonly count: number;
  readonly asJson: boolean;
}

interface Shown {
  readonly name: string;
  readonly about: string;
  /** The daemon's answer for people. Its shape is that of admin/traffic-pages.ts. */
  text(answer: never): string;
}

/** What a running daemon can be asked for, by the name of the command and of the page. */
export const SHOWN: readonly Shown[] = [
  { name: 'latency', about: 'say how long requests take, by pool and server', text: latencyText },
  { name: 'commands', about: 'say which commands are asked, and how long they take', text: commandsText },
  { name: 'slowlog', about: 'list the newest slow requests', text: slowlogText },
  { name: 'hotkeys', about: 'list the keys that are asked for most', text: hotkeysText },
  { name: 'bigkeys', about: 'list the largest values, and the requests of most keys', text: bigkeysText },
  { name: 'busyclients', about: 'list the clients that ask most', text: busyClientsText },
];

/** Asks the daemon. Throws a UsageError or ConfigError when it can't even ask. */
export async function show({ name, text }: Shown, options: ShowOptions): Promise<ControlOutcome> {
  const door = doorOf(options.confFile, options.door);
  const query = new URLSearchParams({ count: String(options.count) });
  if (options.pool !== null) query.set('pool', options.pool);
  const { status, body } = await askDaemon('GET', door, `/api/v1/${name}?${query}`);
  return outcomeOf(status, body, options.asJson, text);
}

/** What a daemon answered, for people or as it is. Throws a UsageError with what it says against it. */
export function outcomeOf(
  status: number,
  body: string,
  asJson: boolean,
  text: (answer: never) => string,
): ControlOutcome {
  if (asJson) return { text: body, exitCode: status === 200 ? 0 : 1 };
  const answer = parse(body);
  if (status === 200) return { text: text(answer as never), exitCode: 0 };
  throw new UsageError(String(answer.error ?? `the daemon answered with status ${status}`));
}

function parse(body: string): { readonly error?: unknown } {
  try {
    return JSON.parse(body);
  } catch {
    throw new UsageError('what answered there is not the admin address of a Ringmaster that knows this command');
  }
}
