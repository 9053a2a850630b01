// npm run soak [-- --minutes N] [--seed N] [--clients N] [--workers N] [--reshard]
// npm run soak -- --upgrades N [--rate N] [--clients N] [--workers N]
// --reshard: the ring changes all the time instead, under clients whose histories are checked; see test/soak/reshard-soak.ts.
// --upgrades: so many, one after the other, under --rate short connections a second (3000) and --clients that stay (200); see
// test/soak/upgrade-drill.ts.
// Real servers, Ringmaster in front of them, clients that check every byte, and faults without end; see test/soak/soak.ts.
// Ends with a table, and exit code 1 when anything does not add up.
import { parseArgs } from 'node:util';
import { reshardAndBack, reshardFaults, reshardTo } from '../test/soak/reshard-change.ts';
import { type ReshardSoakReport, runReshardSoak } from '../test/soak/reshard-soak.ts';
import { runSoak, type SoakReport } from '../test/soak/soak.ts';
import { runUpgradeDrill } from '../test/soak/upgrade-drill.ts';
import { newSeed, seedFrom } from '../test/support/seeded-random.ts';
import { ensureServersOrExit } from './ensure-servers.ts';

/** Of a reshard after the other. */
const RINGS = [2, 4, { servers: 4, hash: 'md5' }, 3, { servers: 5, hash: 'crc32a' }, 5, 2];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    clients: { type: 'string' },
    workers: { type: 'string', default: '2' },
    reshard: { type: 'boolean', default: false },
    upgrades: { type: 'string', default: '0' },
    rate: { type: 'string', default: '3000' },
  },
});
const seed = values.seed === undefined ? seedFrom('SOAK_SEED', newSeed()) : Number(values.seed);
const upgrades = Number(values.upgrades);
const clients = Number(values.clients ?? (upgrades > 0 ? 200 : 8));
const [minutes, workers, perSecond] = [values.minutes, values.workers, values.rate].map(Number) as [
  number,
  number,
  number,
];
const whole = [seed, clients, workers, upgrades, perSecond];
if (!whole.every(Number.isInteger) || !(minutes > 0) || clients < 1 || workers < 1 || upgrades < 0 || perSecond < 1) {
  console.error('npm run soak: --minutes is a number above 0, the others are integers');
  process.exit(1);
}
ensureServersOrExit(['redis', 'memcached']);
if (upgrades > 0) process.exit(await upgradeDrill());
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

/** The exit code. */
async function upgradeDrill(): Promise<number> {
  const say = (line: string) => console.log(line);
  const report = await runUpgradeDrill({ upgrades, perSecond, staying: clients, workers, say });
  const { seconds, shortConnections, requests, letGo, crossed, first, last, problems } = report;
  const rate = Math.round(shortConnections / seconds);
  console.log(
    `\n${seconds.toFixed(0)} s: ${shortConnections} short connections answered, ${rate}/s of ${perSecond} wanted`,
  );
  console.log(
    `${requests} requests of ${clients} clients that stay; ${letGo} times one was let go, ${crossed} of them with a request`,
  );
  console.log('on its way, which was not done and was asked again');
  for (const [name, each] of Object.entries({ first, last })) {
    const { master, worker, residentBytes, listening } = each;
    console.log(`${name}: ${listening} listening sockets`);
    console.log(`  master ${residentBytes.master >> 20} MiB, ${master.join(' ')}`);
    console.log(`  worker ${residentBytes.worker >> 20} MiB, ${worker.join(' ')}`);
  }
  console.log(problems.length === 0 ? '\nAll adds up.' : `\n${problems.length} problems:`);
  for (const problem of problems) console.log(`  ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

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
