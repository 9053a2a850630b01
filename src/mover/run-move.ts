import { setTimeout as delay } from 'node:timers/promises';
import type { BigKey, FromMover, MoveJob, MoveProgress, ToMover } from './mover-job.ts';
import { Pace } from './pace.ts';
import { MoveTrouble, type ProtocolMover } from './protocol-mover.ts';

const PROGRESS_EVERY_MS = 500;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;
const BIG_LISTED = 100;

/**
 * Walks over the servers again and again until a walk finds nothing that moves, but for big keys that are to be left. What
 * troubles it is told, and tried again, for ever. `follow`: gets who wants to hear of the operator's wishes.
 */
export async function runMove(
  mover: ProtocolMover,
  job: MoveJob,
  send: (message: FromMover) => Promise<void>,
  follow: (listener: (wish: ToMover) => void) => void,
): Promise<void> {
  const pace = new Pace(job.paceBytes);
  let { bigKeys } = job;
  let big = new Map<string, BigKey>();
  const counts = { passes: 0, keysSeen: 0, keysMoved: 0, bytesMoved: 0 };
  let trouble: string | null = null;
  const progress = (): MoveProgress => ({ ...counts, big: [...big.values()].slice(0, BIG_LISTED), trouble });
  const timer = setInterval(() => void send({ type: 'progress', progress: progress() }), PROGRESS_EVERY_MS);
  follow(wish => {
    if (wish.type === 'pace') pace.set(wish.paceBytes);
    else bigKeys = wish.bigKeys;
  });

  let retryMs = RETRY_MIN_MS;
  let movesBig = false;
  for (;;) {
    counts.passes++;
    const found = new Map<string, BigKey>();
    try {
      const result = await mover.pass(job, {
        ...{ pace, maxStepMs: job.maxStepMs, movesBig, unlisted: job.unlisted, isBack: job.isBack },
        onSeen: keys => {
          counts.keysSeen += keys;
        },
        onMoved: (keys, bytes) => {
          counts.keysMoved += keys;
          counts.bytesMoved += bytes;
          trouble = null;
          retryMs = RETRY_MIN_MS;
        },
        onBig: key => found.set(`${key.server} ${key.key}`, key),
      });
      trouble = null;
      big = found;
      if (result.found === 0 || (result.found === result.left && bigKeys === 'leave')) {
        clearInterval(timer);
        return await send({ type: 'moved', progress: progress(), left: result.left });
      }
      movesBig = result.found === result.left;
    } catch (error) {
      if (!(error instanceof MoveTrouble)) throw error;
      trouble = error.message;
      void send({ type: 'progress', progress: progress() });
      await delay(retryMs);
      retryMs = Math.min(RETRY_MAX_MS, retryMs * 2);
    }
  }
}
