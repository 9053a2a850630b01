import type { StartError } from '../errors.ts';

/** The start of the master's workers: over when all of them serve, or none is to serve any more, or when one has failed. */
export class FirstStart {
  /** The workers served; who fails from now on is replaced. */
  isDone = false;
  private readonly ended = Promise.withResolvers<void>();

  /** Rejects with a StartError. */
  untilEnded(): Promise<void> {
    return this.ended.promise;
  }

  end(): void {
    this.ended.resolve();
  }

  fail(error: StartError): void {
    this.ended.reject(error);
  }
}
