import type { Machine } from './machine.ts';
import { markdownTable } from './markdown-table.ts';
import type { ClientMemory, ContenderResult, Measurement, Ratios } from './measurement.ts';
import type { Ratio } from './medians.ts';
import type { Extent } from './scenario-run.ts';
import type { Targets } from './scenarios.ts';

/** Everything that a run found: what `--json` writes. */
export interface Report {
  readonly machine: Machine;
  readonly extent: Extent;
  readonly scenarios: readonly ScenarioReport[];
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly targets: Targets;
  /** Empty when the scenario failed. */
  readonly contenders: readonly ContenderResult[];
  readonly error: string | null;
}

/** `ratio`: what stands below the figures in the row of ratios. */
type Column = readonly [head: string, cell: (figures: Measurement) => string, ratio: keyof Ratios | null];

const COLUMNS: readonly Column[] = [
  ['requests/s', figures => figures.requestsPerSecond.toFixed(0), 'requestsPerSecond'],
  ['p50 ms', figures => figures.p50Ms.toFixed(3), 'p50Ms'],
  ['p99 ms', figures => figures.p99Ms.toFixed(3), 'p99Ms'],
  ['p99.9 ms', figures => figures.p999Ms.toFixed(3), 'p999Ms'],
  ['max ms', figures => figures.maxMs.toFixed(2), 'maxMs'],
  ['CPU µs/request', figures => figures.cpuUs.toFixed(2), 'cpuUs'],
  ['user', figures => figures.userUs.toFixed(2), 'userUs'],
  ['system', figures => figures.systemUs.toFixed(2), 'systemUs'],
  ['workers only', figures => figures.workersCpuUs.toFixed(2), null],
  ['proxy cores', figures => figures.proxyCores.toFixed(2), null],
  ['resident MB', figures => (figures.residentBytes / 2 ** 20).toFixed(1), 'residentBytes'],
  ['generator cores', figures => figures.generatorCores.toFixed(2), null],
];

/** The whole report for people. */
export function toMarkdown({ machine, extent, scenarios }: Report): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const head = [
    `- ${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB; ${machine.kernel}`,
    `- ${versions.join(', ')}`,
    `- ${machine.pinning}`,
    `- ${machine.date}; load average before the run ${machine.loadAverage.toFixed(2)}`,
    `- medians of ${extent.rounds} interleaved rounds of ${extent.seconds} s; × are ratios to the first of each table, the median of ` +
      'the rounds’ own ratios',
  ];
  const sections = scenarios.map(scenario => `### ${scenario.title}\n\n${scenarioTable(scenario)}`);
  return `${head.join('\n')}\n\n${summaryTable(scenarios)}\n\n${costTable(scenarios)}\n\n${sections.join('\n\n')}\n`;
}

/** The figures of one scenario, a row and a row of ratios for each contender. */
export function scenarioTable({ contenders, targets, error }: ScenarioReport): string {
  if (error !== null) return `failed: ${error}`;
  const rows = contenders.flatMap(({ name, median, ratios }) => {
    const figures = [name, ...COLUMNS.map(([, cell]) => cell(median))];
    if (ratios === null) return [figures];
    return [figures, ['×', ...COLUMNS.map(([, , key]) => (key === null ? '' : toText(ratios[key])))]];
  });
  const table = markdownTable(['', ...COLUMNS.map(([head]) => head)], rows);
  const memory = contenders.flatMap(({ name, clientMemory }) =>
    clientMemory === null ? [] : [memoryLine(name, clientMemory, targets)],
  );
  const lateMs = Math.max(...contenders.map(({ median }) => median.lateP999Ms));
  const late = `The generator itself was late by ${lateMs.toFixed(2)} ms or less for 99.9 % of the requests.`;
  return [table, ...memory, ...(lateMs > 0 ? [late] : [])].join('\n\n');
}

function memoryLine(
  name: string,
  { clients, bytesPerClient }: ClientMemory,
  { bytesPerClient: target }: Targets,
): string {
  const line = `${name}: ${clients} clients, ${kilobytes(bytesPerClient)} of resident memory each`;
  if (target === undefined || name !== 'ringmaster') return line;
  return `${line} ${bytesPerClient <= target ? '✓' : '✗'} (≤ ${kilobytes(target)})`;
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KB`;
}

function summaryTable(scenarios: readonly ScenarioReport[]): string {
  const rows = scenarios.flatMap(({ title, contenders, targets, error }) => {
    if (error !== null) return [[title, 'failed', '', '', '', '', '']];
    const ours = contenders.find(contender => contender.name === 'ringmaster');
    if (ours?.ratios == null) return [];
    const { cpuUs, requestsPerSecond, p50Ms, p99Ms, p999Ms, maxMs } = ours.ratios;
    return [
      [
        title,
        withTarget(cpuUs, targets.cpu),
        toText(requestsPerSecond),
        toText(p50Ms),
        withTarget(p99Ms, targets.p99),
        withTarget(p999Ms, targets.p999),
        withTarget(maxMs, targets.max),
      ],
    ];
  });
  return markdownTable(['ringmaster / nutcracker', 'CPU/request', 'requests/s', 'p50', 'p99', 'p99.9', 'max'], rows);
}

/** CPU and memory of every contender, one below the other: how they grow from scenario to scenario. */
function costTable(scenarios: readonly ScenarioReport[]): string {
  const rows = scenarios.flatMap(({ title, contenders }) =>
    contenders.map(({ name, median, ratios }) => [
      title,
      name,
      median.cpuUs.toFixed(2),
      ratios === null ? '' : toText(ratios.cpuUs),
      (median.residentBytes / 2 ** 20).toFixed(1),
      ratios === null ? '' : toText(ratios.residentBytes),
    ]),
  );
  return markdownTable(['', 'proxy', 'CPU µs/request', '×', 'resident MB', '×'], rows, 2);
}

function withTarget(ratio: Ratio | null, target: number | undefined): string {
  if (target === undefined || ratio === null) return toText(ratio);
  return `${toText(ratio)} ${ratio.median <= target ? '✓' : `✗ (≤ ${target.toFixed(2)})`}`;
}

function toText(ratio: Ratio | null): string {
  return ratio === null ? '–' : ratio.median.toFixed(2);
}
