import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { ClientHost } from '../client-host.ts';
import { logUnread } from './cut-off.ts';
import type { IntakeOwner } from './intake-owner.ts';
import type { PausedClient } from './paused-clients.ts';
import type { ReplyQueue } from './reply-queue.ts';
import type { RequestBacklog } from './request-backlog.ts';

/** The intake of a client, as far as reading ahead of it goes. */
export interface PausedIntake {
  readonly host: ClientHost;
  readonly isPausedStill: boolean;
  /** It waits for a server, and is read on, to see it leave. */
  readonly isWaiting: boolean;
}

/** Reads a paused client on into its backlog, as far as that has to be: to see it leave, or to free one that only writes. */
export class ReadAhead implements PausedClient {
  private readonly intake: PausedIntake;
  private readonly socket: StreamSocket;
  private readonly backlog: RequestBacklog;
  private readonly replies: ReplyQueue;
  private readonly owner: IntakeOwner;
  /** It is read until the backlog has so many bytes. */
  private untilBytes = 0;
  /** What the kernel had not taken when we looked last, and whether we look. */
  private leftBytes = 0;
  private isLookedAfter = false;

  constructor(
    intake: PausedIntake,
    socket: StreamSocket,
    backlog: RequestBacklog,
    replies: ReplyQueue,
    owner: IntakeOwner,
  ) {
    this.intake = intake;
    this.socket = socket;
    this.backlog = backlog;
    this.replies = replies;
    this.owner = owner;
  }

  /** The client is paused from now on. */
  begin(): void {
    const { intake, backlog } = this;
    this.untilBytes = intake.isWaiting ? intake.host.limits.bufferBytes : 0;
    if (backlog.bytes >= this.untilBytes) this.socket.pause();
    this.leftBytes = 0;
    if (this.isLookedAfter) return;
    this.isLookedAfter = true;
    intake.host.pausedClients.add(this);
  }

  /** Was read while it is paused. */
  take(buf: Buffer, length: number): void {
    const { backlog, replies } = this;
    const { host } = this.intake;
    backlog.append(buf, 0, length);
    if (backlog.bytes >= this.untilBytes) this.socket.pause();
    const { unsentBytes } = replies;
    if (backlog.bytes + unsentBytes < host.limits.outputLimitBytes) return;
    host.stats.outputLimitCloses++;
    logUnread(host, unsentBytes, backlog.bytes);
    this.owner.destroy();
  }

  lookForProgress(): boolean {
    const { intake } = this;
    if (!intake.isPausedStill) {
      this.isLookedAfter = false;
      return false;
    }
    const { unsentBytes } = this.socket;
    const isStuck = unsentBytes > 0 && unsentBytes === this.leftBytes;
    this.leftBytes = unsentBytes;
    if (isStuck) {
      // In growing steps: a client that only takes its time has little read ahead of it.
      this.untilBytes = Math.max(intake.host.limits.bufferBytes, 2 * this.backlog.bytes);
      this.socket.resume();
    } else if (this.untilBytes > 0 && !intake.isWaiting) {
      this.untilBytes = 0;
      this.socket.pause();
    }
    return true;
  }
}
