import type { AskClients } from '../../src/protocol/client-inquiry.ts';
import { NO_TOPICS, type TopicCounts } from '../../src/protocol/topics.ts';
import { RequestNote } from '../../src/proxy/request-note.ts';
import type { PrivateLane, Subscriptions } from '../../src/proxy/request-origin.ts';

/** What a test's client of the router has beside what the test is about: it asks nothing else, and waits for nothing. */
export class IdleOrigin {
  readonly id = 1;
  variant = 0;
  peer = '';
  wroteAtMs = 0;
  length = 0;
  privateLane: PrivateLane | null = null;
  subscriptions: Subscriptions | null = null;
  topics: TopicCounts = NO_TOPICS;
  line = null;
  tenant = null;
  readonly note = new RequestNote();
  askClients: AskClients = (_question, then) => then([], false);
  isNext(): boolean {
    return true;
  }
  push(): void {}
  readOn(): void {}
  leavePrivate(): void {}
  lineEnded(): void {}
  destroy(): void {}
}

/** Of a pool that is not between two rings. */
export const IDLE_RESHARD = {
  ...{ patienceMs: 1000, waitingBytes: 1 << 20, stepTimeoutMs: 1000, wholeBytes: 1 << 20, knownBytes: 1 << 20 },
  ...{ isBack: false, isDropping: false },
};
