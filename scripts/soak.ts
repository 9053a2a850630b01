// npm run soak [-- --minutes N] [--seed N] [--clients N] [--workers N] [--reshard]
// --reshard: the ring changes all the time instead, under clients whose histories are checked; see test/soak/reshard-soak.ts.
// Real servers, Ringmaster in front of them, clients that check every byte, and faults without end; see test/soak/soak.ts.
// Ends with a table, and exit code 1 when anything does not add up.
import { parseArgs } from 'node:util';
import { reshardAndBack, reshardFaults, reshardTo } from '../test/soak/reshard-change.ts';
import { type ReshardSoakReport, runReshardSoak } from '../test/soak/reshard-soak.ts';
import { runSoak, type SoakReport } from '../test/soak/soak.ts';
import { seedFrom } from '../test/support/seeded-random.ts';
import { ensureServersOrExit } from './ensure-servers.ts';

/** Of a reshard after the other. */
const RINGS = [2, 4, { servers: 4, hash: 'md5' }, 3, { servers: 5, hash: 'crc32a' }, 5, 2];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    clients: { type: 'string', default: '8' },
    workers: { type: 'string', default: '2' },
    reshard: { type: 'boolean', default: false },
  },
});
const seed = values.seed === undefined ? seedFrom('SOAK_SEED') : Number(values.seed);
const [minutes, clients, workers] = [values.minutes, values.clients, values.workers].map(Number) as [
  number,
  number,
  number,
];
if (![seed, clients, workers].every(Number.isInteger) || !(minutes > 0) || clients < 1 || workers < 1) {
  console.error('npm run soak: --minutes is a number above 0, --seed, --clients and --workers are integers');
  process.exit(1);
}
ensureServersOrExit(['redis', 'memcached']);
console.log(`SOAK_SEED=${seed} draws the same faults and requests again; when they meet is another matter`);
const totalMs = minutes * 60_000;
if (values.reshard) process.exit(await reshardSoak());
const warmUpMs = Math.min(15_000, totalMs / 5);
const report = await runSoak({
  seed,
  clients,
  workers,
  warmUpMs,
  faultsMs: totalMs - warmUpMs,
  say: line => console.log(line),
});
print(report);
process.exit(report.problems.length === 0 ? 0 : 1);

/** Redis and memcached in turn, until the time is over; the exit code. */
async function reshardSoak(): Promise<number> {
  const say = (line: string) => console.log(line);
  const kinds = ['worker', 'mover', 'frozen server', 'frozen worker', 'server', 'proxy'] as const;
  // Each is taken back once.
  const change = async (...to: Parameters<typeof reshardTo>) => {
    await reshardAndBack(...to);
    await reshardTo(...to);
  };
  const startedAtMs = performance.now();
  for (let round = 0; round === 0 || performance.now() - startedAtMs < totalMs; round++) {
    const protocol = round % 2 === 0 ? 'redis' : 'memcached';
    console.log(`\n${protocol}, seed ${seed + round}`);
    const report = await runReshardSoak({
      ...{ protocol, clients, say, seed: seed + round, rings: RINGS, registers: 120 },
      ...{ operationsBetween: 5000, change, fault: reshardFaults(kinds, say) },
    });
    printReshard(report);
    if (report.problems.length > 0) return 1;
  }
  console.log('\nAll adds up.');
  return 0;
}

function printReshard({ operations, keys, errors, problems }: ReshardSoakReport): void {
  console.log(`${operations} operations, ${keys} keys are left`);
  for (const [text, count] of errors) console.log(`  ${text.slice(0, 60).padEnd(62)}${count}`);
  for (const problem of problems) console.log(`\n${problem}`);
}

function print({ tally, faults, seconds, master, worker, problems }: SoakReport): void {
  const { outcomes } = tally;
  const row = (label: string, value: string | number) =>
    console.log(`  ${label.padEnd(38)}${String(value).padStart(14)}`);
  console.log(`\n${seconds.toFixed(0)} s, ${tally.connections} connections, ${Math.round(tally.bytes / 2 ** 20)} MiB`);
  row('requests sent', tally.sent);
  row('answered right', outcomes.right);
  row('failed with an error', outcomes.failed);
  row('their connection was closed', outcomes.closed);
  row('their client left before the answer', outcomes.abandoned);
  row('noreply', outcomes.silent);
  row('answered wrong', outcomes.wrong);
  row('never answered', outcomes.missing);
  row('not accounted for', tally.unaccounted);
  console.log('\nerrors');
  for (const [text, count] of tally.errors) row(text.slice(0, 36), count);
  console.log('\nfaults');
  for (const [fault, count] of faults) row(fault, count);
  console.log('\nresident MiB and descriptors: at the start, warm, at the end');
  for (const [name, each] of [
    ['master', master],
    ['worker, at most', worker],
  ] as const) {
    row(name, each.map(({ residentBytes, descriptors }) => `${residentBytes >> 20}/${descriptors}`).join('  '));
  }
  console.log(problems.length === 0 ? '\nAll adds up.' : `\n${problems.length} problems:`);
  for (const problem of problems) console.log(`  ${problem}`);
}
