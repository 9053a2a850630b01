import type { AskClients } from '../../src/protocol/client-inquiry.ts';
import type { RequestCommand } from '../../src/request/request.ts';

/** What a test's client of the router has beside what the test is about: it waits for nothing. */
export class IdleOrigin {
  line = null;
  tenant = null;
  dispatchBytes = 0;
  dispatchCommand: RequestCommand | null = null;
  dispatchReadAtUs = 0;
  dispatchKeyAt = 0;
  dispatchKeyBytes = 0;
  askClients: AskClients = (_question, then) => then([], false);
  lineEnded(): void {}
}

/** Of a pool that is not between two rings. */
export const IDLE_RESHARD = {
  ...{ patienceMs: 1000, waitingBytes: 1 << 20, stepTimeoutMs: 1000, wholeBytes: 1 << 20, knownBytes: 1 << 20 },
  ...{ isBack: false, isDropping: false },
};
