// Lines of the log for people at a terminal.

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly pid: number;
  readonly role: string;
  readonly msg: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly [field: string]: unknown;
}

// By pino's numbers.
const LEVELS: ReadonlyMap<number, { readonly name: string; readonly color: number }> = new Map([
  [10, { name: 'TRACE', color: 90 }],
  [20, { name: 'DEBUG', color: 36 }],
  [30, { name: 'INFO', color: 32 }],
  [40, { name: 'WARN', color: 33 }],
  [50, { name: 'ERROR', color: 31 }],
  [60, { name: 'FATAL', color: 35 }],
]);
const LEVEL_WIDTH = 5;
const SOFT = 90;

/** `02:14:07.113 WARN  worker 1  message  field=value`, an error's stack below it; of the JSON line that a log file gets. */
export function prettyLine(line: string, isColored: boolean): string {
  const { level, time, pid: _, role, msg, err, ...fields } = JSON.parse(line) as Entry;
  const paint = (text: string, color: number) => (isColored ? `\x1b[${color}m${text}\x1b[0m` : text);
  const { name, color } = LEVELS.get(level) ?? { name: String(level), color: SOFT };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const at = `${clock}.${String(new Date(time).getMilliseconds()).padStart(3, '0')}`;
  const rest = Object.entries(fields).map(
    ([field, value]) => `${field}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const words = [paint(at, SOFT), paint(name.padEnd(LEVEL_WIDTH), color), `${role} `, shown(msg)];
  if (rest.length > 0) words.push(paint(` ${shown(rest.join(' '))}`, SOFT));
  const stack =
    err === undefined
      ? ''
      : `${(err.stack ?? err.message ?? '')
          .split('\n')
          .map(each => `    ${shown(each)}`)
          .join('\n')}\n`;
  return `${words.join(' ')}\n${stack}`;
}

/** What a client has a hand in may hold what a terminal takes for a command. */
const shown = (text: string): string => text.replace(/\p{C}/gu, '?');
