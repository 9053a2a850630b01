/** One metric of Prometheus' text format. */
export interface ParsedMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/y;

/**
 * Reads version 0.0.4 of the format, strictly: HELP and TYPE stand before the samples, no metric comes twice, no
 * series comes twice, every line ends. Throws on anything else.
 */
export function parsePrometheusText(text: string): Map<string, ParsedMetric> {
  const metrics = new Map<string, ParsedMetric>();
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  let metric: ParsedMetric | undefined;
  let help: { name: string; text: string } | undefined;
  const series = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      help = { name: comment[2]!, text: unescaped(comment[3]!) };
    } else if (comment?.[1] === 'TYPE') {
      const name = comment[2]!;
      if (help?.name !== name) throw new Error(`${name} has no help`);
      if (metrics.has(name)) throw new Error(`${name} comes twice`);
      metric = { name, type: comment[3]!, help: help.text, samples: [] };
      metrics.set(name, metric);
    } else {
      const sample = SAMPLE.exec(line);
      if (sample === null) throw new Error(`not a line of the format: ${line}`);
      const name = sample[1]!;
      if (metric === undefined || !new RegExp(`^${metric.name}(_bucket|_sum|_count)?$`).test(name)) {
        throw new Error(`${name} does not belong to ${metric?.name}`);
      }
      if (series.has(`${name}{${sample[2]}}`)) throw new Error(`the series comes twice: ${line}`);
      series.add(`${name}{${sample[2]}}`);
      metric.samples.push({ name, labels: parseLabels(sample[2] ?? ''), value: parseNumber(sample[3]!) });
    }
  }
  return metrics;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const at = LABEL.lastIndex;
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`not a label: ${text.slice(at)}`);
    labels[match[1]!] = unescaped(match[2]!);
  }
  return labels;
}

function parseNumber(text: string): number {
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/^[+-]?inf$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`not a number: ${text}`);
  return value;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
