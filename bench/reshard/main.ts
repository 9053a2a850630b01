// npm run bench:reshard [-- FLAGS]       (--help names them)
//
//   clients.ts ──fixed rate──▶ Ringmaster, two workers ──▶ redis │ redis │ redis that is new
//
// A ring of two servers becomes one of three under clients that work all the while: by a reshard, or by a new file whose ring is
// in force at once (--flush), after which a third of the keys is fetched again from where they came from. docs/performance.md tells
// what came of it.
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensureServersOrExit } from '../../scripts/ensure-servers.ts';
import { type DataSet, fill } from '../load/data-set.ts';
import { describeMachine } from '../load/machine.ts';
import { SLICE_MS } from './client-job.ts';
import { ClientProcess } from './client-process.ts';
import { Deployment } from './deployment.ts';
import { type Part, partsTable, RunMeter, secondsText } from './run-meter.ts';

const USAGE = `npm run bench:reshard [-- FLAGS]

  --keys N          1000000
  --bytes N         of each value (1024)
  --clients N       connections (50)
  --rate N          requests a second of all clients, whatever becomes of them (4000)
  --writes SHARE    of the requests (0.1)
  --workers N       of Ringmaster (2)
  --pace RATE       as for ringmaster reshard start (10mb/s)
  --flush           no reshard: the new ring is in force at once
  --backend-ms N    what a miss costs then (5)
  --seconds S       before, and after (15); with --flush the whole time after (60)
  --json FILE       write all figures
`;

const { values } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    bytes: { type: 'string', default: '1024' },
    clients: { type: 'string', default: '50' },
    rate: { type: 'string', default: '4000' },
    writes: { type: 'string', default: '0.1' },
    workers: { type: 'string', default: '2' },
    pace: { type: 'string', default: '10mb/s' },
    flush: { type: 'boolean', default: false },
    'backend-ms': { type: 'string', default: '5' },
    seconds: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit();
}
ensureServersOrExit(['redis']);

const WARM_UP_SECONDS = 5;
const LOOK_MS = 100;
const seconds = Number(values.seconds ?? (values.flush ? 60 : 15));
const data: DataSet = { protocol: 'redis', keys: Number(values.keys), valueBytes: Number(values.bytes) };
const machine = describeMachine({ cores: null, problem: 'the servers, the proxy and the clients share all cores' });
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, load ${machine.loadAverage.toFixed(2)}`);
console.log(
  `Ringmaster ${machine.versions.ringmaster}, Node ${machine.versions.node}, Redis ${machine.versions.redis}`,
);

const deployment = await Deployment.start(Number(values.workers));
try {
  const filledAtMs = performance.now();
  await fill(deployment.port, data);
  const fillSeconds = (performance.now() - filledAtMs) / 1000;
  console.log(`${data.keys} keys of ${data.valueBytes} bytes, written through it in ${fillSeconds.toFixed(1)} s`);
  const clients = await ClientProcess.start({
    port: deployment.port,
    data,
    clients: Number(values.clients),
    ratePerSecond: Number(values.rate),
    writeShare: Number(values.writes),
    backendMs: values.flush ? Number(values['backend-ms']) : null,
  });
  await delay(WARM_UP_SECONDS * 1000);
  const meter = new RunMeter(deployment, clients);
  try {
    await (values.flush ? flush(meter) : reshard(meter));
  } finally {
    clients.stop();
  }
} finally {
  await deployment.stop();
}
process.exit();

async function reshard(meter: RunMeter): Promise<void> {
  const before = await meter.during('before', () => delay(seconds * 1000));
  const startedAtMs = performance.now();
  let [keysMoved, bytesMoved, moverEndedAtMs] = [0, 0, 0];
  const during = await meter.during('during', async () => {
    await deployment.startReshard(values.pace);
    for (;;) {
      const { phase, plan } = await deployment.reshardStatus();
      if (plan !== null && plan.keysMoved > 0) [keysMoved, bytesMoved] = [plan.keysMoved, plan.bytesMoved];
      if (plan?.phase === 'both') moverEndedAtMs = performance.now();
      if (plan?.trouble) console.log(`  ${plan.trouble}`);
      meter.mover = plan?.moverPid ?? null;
      meter.look();
      if (phase === 'over' && plan === null) break;
      await delay(LOOK_MS);
    }
  });
  const took = (performance.now() - startedAtMs) / 1000;
  const after = await meter.during('after', () => delay(seconds * 1000));
  const parts = [before, during, after];
  const turns = deployment.turns();
  const atMs = (phase: string) => turns.find(turn => turn.phase === phase)?.atMs ?? Number.NaN;
  const movingSeconds = (moverEndedAtMs - startedAtMs) / 1000;
  console.log(`\n${partsTable(parts)}\n`);
  console.log(`took ${secondsText(took)}; keys moved for ${secondsText(movingSeconds)}, at ${values.pace}`);
  console.log(
    `the mover moved ${keysMoved} keys, ${Math.round(keysMoved / movingSeconds)} a second, ${(bytesMoved / movingSeconds / 2 ** 20).toFixed(1)} MB/s`,
  );
  const brought = await deployment.metric('ringmaster_pool_reshard_keys_brought_total');
  const trips = await deployment.metric('ringmaster_pool_reshard_extra_trips_total');
  console.log(`clients had ${brought} keys looked for at their old server, with ${trips} extra round trips`);
  console.log(`hold to both, in all workers: ${atMs('both') - atMs('hold')} ms`);
  console.log(`keys on the servers: ${(await deployment.keys()).join(', ')}`);
  report(parts, { took, movingSeconds, keysMoved, bytesMoved, brought, trips, turns });
}

async function flush(meter: RunMeter): Promise<void> {
  const before = await meter.during('before', () => delay(15_000));
  await deployment.changeRing();
  const after = await meter.during('flushed', () => delay(seconds * 1000));
  console.log(`\n${partsTable([before, after])}\n`);
  const { timeline } = after.clients;
  const reads = 1 - Number(values.writes);
  const slices = 1000 / SLICE_MS;
  for (const second of [1, 5, 10, 20, 30, 60, 120, 300]) {
    const at = timeline.slice((second - 1) * slices, second * slices);
    if (at.length < slices) break;
    const sum = (field: 'requests' | 'misses') => at.reduce((total, slice) => total + slice[field], 0);
    const hits = 1 - sum('misses') / (sum('requests') * reads);
    console.log(`after ${second} s: ${(100 * hits).toFixed(1)} % hits, ${sum('misses')} misses a second`);
  }
  report([before, after], {});
}

function report(parts: readonly Part[], more: object): void {
  const figures = { machine, options: values, parts, ...more };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
  const errors = parts.reduce((sum, { clients }) => sum + clients.errors, 0);
  if (errors > 0) process.exitCode = 1;
}
