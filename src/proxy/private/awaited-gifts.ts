import type { Gift, Remedy } from '../../protocol/remedy.ts';
import type { ReplySink } from '../../request/request.ts';
import type { Backend } from '../../upstream/backend.ts';
import { type GivenGifts, giveIfAbsent } from '../../upstream/given-gifts.ts';
import { RunWithGifts } from '../operations/run-with-gifts.ts';
import type { RequestOrigin } from '../request-origin.ts';

/**
 * What a server is given for a transaction that it keeps already: inside of that nothing can be given, so it comes on the
 * connection that all share, and what runs the transaction waits until it is there. A server that was given it is asked whether
 * it has it still: somebody may have emptied what it keeps.
 */
export class AwaitedGifts {
  private readonly origin: RequestOrigin;
  private awaited = 0;
  private readonly remedies = new Map<Gift, Remedy>();
  private given: GivenGifts | null = null;

  constructor(origin: RequestOrigin) {
    this.origin = origin;
  }

  /** Something is not there yet. */
  get isWaiting(): boolean {
    return this.awaited > 0;
  }

  give(backend: Backend, remedy: Remedy | null): void {
    if (!remedy?.isGivenAhead) return;
    const { origin } = this;
    const connection = backend.connectionFor(origin.id, origin.variant);
    this.given = connection.stream.gifts;
    for (const gift of remedy.gifts) {
      if (this.remedies.has(gift)) continue;
      this.remedies.set(gift, remedy);
      this.awaited++;
      giveIfAbsent(connection, gift, () => {
        if (--this.awaited === 0) origin.readOn();
      });
    }
  }

  /** What takes the replies of the transaction, for `sink`. */
  takerOfRun(sink: ReplySink): ReplySink {
    const { given, remedies } = this;
    return given === null ? sink : new RunWithGifts(sink, [...remedies.values()], given);
  }
}
