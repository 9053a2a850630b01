import type { FromMover, MoveProgress } from '../../mover/mover-job.ts';

/** How far the movers of one reshard have come, one after the other; each tells of itself alone. */
export class MoveTally {
  /** Of the mover that runs, or ran last; its keys and bytes are in `before` once it has ended. */
  private progress: MoveProgress | null = null;
  private before = { keysMoved: 0, bytesMoved: 0 };

  /** Over all movers; null: none has said anything. */
  get total(): MoveProgress | null {
    const { progress, before } = this;
    if (progress === null) return null;
    return {
      ...progress,
      keysMoved: progress.keysMoved + before.keysMoved,
      bytesMoved: progress.bytesMoved + before.bytesMoved,
    };
  }

  /** Why the mover gets no further for the moment; null: it does. */
  get trouble(): string | null {
    return this.progress?.trouble ?? null;
  }

  hear(message: FromMover): void {
    if (message.type === 'progress' || message.type === 'moved') this.progress = message.progress;
  }

  moverEnded(): void {
    const { progress } = this;
    if (progress === null) return;
    this.before.keysMoved += progress.keysMoved;
    this.before.bytesMoved += progress.bytesMoved;
    this.progress = { ...progress, keysMoved: 0, bytesMoved: 0 };
  }
}
