import type { FromMover, MoverJob, ToMover } from './mover-job.ts';
import { MOVERS } from './movers.ts';
import { runMove } from './run-move.ts';

const send = (message: FromMover): Promise<void> =>
  new Promise(resolve =>
    process.send === undefined ? resolve() : process.send(message, undefined, {}, () => resolve()),
  );

/** Who hears of the operator's later wishes. */
let onWish: (wish: ToMover) => void = () => {};

async function run(job: MoverJob): Promise<void> {
  const mover = MOVERS[job.from.protocol];
  if (mover === null) throw new Error(`keys of ${job.from.protocol} pools cannot be moved`);
  switch (job.type) {
    case 'survey':
      return send({ type: 'surveyed', report: await mover.survey(job) });
    case 'orphans':
      return send({ type: 'orphans', found: await mover.orphans(job) });
    case 'move':
      return runMove(mover, job, send, listener => {
        onWish = listener;
      });
  }
}

/** Begins with the job, which is the first message; ends with the master at the latest. */
process.once('disconnect', () => process.exit(1));
process.once('message', async (job: MoverJob) => {
  process.on('message', (wish: ToMover) => onWish(wish));
  try {
    await run(job);
  } catch (error) {
    await send({ type: 'failed', why: (error as Error).message });
  }
  process.exit(0);
});
if (process.send === undefined) {
  process.stderr.write('ringmaster: this file is started by the master\n');
  process.exit(1);
}
