import type { RequestReading } from '../../protocol/protocol.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { PrivateLane } from '../request-origin.ts';

/** Of a client whose transaction came in one piece: it is not paused in between, and waits at no server. */
export abstract class WholeLane implements PrivateLane {
  readonly isBusy = false;
  readonly isBlocking = false;
  readonly isGoingThrough = true;
  abstract readonly memoryBytes: number;

  abstract take(parser: RequestReading, bytes: RequestBytes): boolean;
  abstract abandon(): void;

  /** Where something is blocked, none is begun. */
  refuseNext(_parser: RequestReading, _words: Buffer): boolean {
    return false;
  }

  onAnswered(): void {}

  interrupt(): boolean {
    return false;
  }

  unblock(_isError: boolean, then: (wasBlocked: boolean) => void): void {
    then(false);
  }
}
