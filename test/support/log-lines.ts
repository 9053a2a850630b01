/** A line of a daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** The JSON lines of a log; what else stands between them is left out, and the last one while only a part of it is there. */
export function logLines(text: string): LogLine[] {
  return text
    .split('\n')
    .slice(0, -1)
    .filter(line => line.startsWith('{') && line.endsWith('}'))
    .map(line => JSON.parse(line));
}
