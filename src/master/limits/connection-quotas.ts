import type { ToMaster, ToWorker } from '../../ipc/messages.ts';
import { ConnectionQuota } from './connection-quota.ts';

/** A worker process, as the quotas know it. */
export interface QuotaWorker {
  readonly id: number;
  /** It is the master after this one, for workers of its own. */
  readonly isSuccessor?: boolean;
  /** False when nobody listens any more. */
  send(message: ToWorker): boolean;
}

/** What a worker is told of them. */
export type LeaseMessage = Extract<ToWorker, { readonly type: 'grant' | 'recall' }>;

/** Where this master has its places from, as long as the one before it has clients. */
export interface PlaceSource {
  send(message: PlaceMessage): void;
}

export type PlaceMessage = Extract<ToMaster, { readonly type: 'ask' | 'giveBack' }>;

/** Whose connections are limited together: those of a pool, or of an address or a user in it. */
export interface PlaceHolder extends Pick<PlaceMessage, 'pool' | 'scope' | 'name'> {}

/** What nobody has places of is forgotten so often. */
const SWEEP_MS = 10_000;

/** `client_connections` of pools and `connections` of addresses and users, kept over all workers. */
export class ConnectionQuotas {
  private readonly quotas = new Map<string, ConnectionQuota>();
  private readonly workers = new Map<number, QuotaWorker>();
  private source: PlaceSource | null = null;
  private readonly onFull: (holder: PlaceHolder) => void;

  /** `onFull`: somebody is turned away. */
  constructor(onFull: (holder: PlaceHolder) => void) {
    this.onFull = onFull;
    setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  receive(worker: QuotaWorker, message: PlaceMessage): void {
    this.workers.set(worker.id, worker);
    const { pool, scope, name } = message;
    const key = JSON.stringify([pool, scope, name]);
    if (message.type === 'giveBack') {
      this.quotas.get(key)?.giveBack(worker.id, message.count, message.isAnswer);
      return;
    }
    let quota = this.quotas.get(key);
    if (quota === undefined) {
      quota = this.newQuota({ pool, scope, name });
      this.quotas.set(key, quota);
    }
    // As the worker was told last; they all are, one shortly after the other.
    quota.limit = message.limit;
    quota.ask(worker.id, message.count, message.isForced, worker.isSuccessor === true);
  }

  /** From now on places are asked of `source`: no worker has any yet. */
  follow(source: PlaceSource): void {
    this.source = source;
  }

  /** The answer of the source, or its question. */
  receiveFromSource(message: LeaseMessage): void {
    const { pool, scope, name } = message;
    const quota = this.quotas.get(JSON.stringify([pool, scope, name]));
    if (message.type === 'grant') {
      if (quota !== undefined) quota.lent(message.count, message.isForced);
      else if (message.count > 0)
        this.source?.send({ type: 'giveBack', pool, scope, name, count: message.count, isAnswer: false });
    } else if (quota !== undefined) quota.giveToSource();
    else this.source?.send({ type: 'giveBack', pool, scope, name, count: 0, isAnswer: true });
  }

  /** It has no clients any more, or hangs. */
  loseSource(): void {
    this.source = null;
    for (const quota of this.quotas.values()) quota.loseSource();
  }

  /** The worker is gone, and its clients with it. */
  retire(worker: QuotaWorker): void {
    this.workers.delete(worker.id);
    for (const quota of this.quotas.values()) quota.retire(worker.id);
  }

  private newQuota(holder: PlaceHolder): ConnectionQuota {
    const { source } = this;
    return new ConnectionQuota(
      0,
      {
        grant: (worker, count, isForced) => {
          if (count === 0 && !isForced) this.onFull(holder);
          this.workers.get(worker)?.send({ type: 'grant', ...holder, count, isForced });
        },
        recall: worker => this.workers.get(worker)?.send({ type: 'recall', ...holder }) ?? false,
      },
      source && {
        ask: (count, limit, isForced) => source.send({ type: 'ask', ...holder, limit, count, isForced }),
        giveBack: (count, isAnswer) => source.send({ type: 'giveBack', ...holder, count, isAnswer }),
        onSilent: () => this.loseSource(),
      },
    );
  }

  private sweep(): void {
    for (const [key, quota] of this.quotas) {
      if (!quota.isUnused) continue;
      quota.close();
      this.quotas.delete(key);
    }
  }
}
