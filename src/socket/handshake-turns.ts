import { Fifo } from '../memory/fifo.ts';

/**
 * Handshakes that begin in one turn of the event loop. One costs some 0.4 ms with a key of P-256 and three times that with RSA: so long
 * does everybody else of the worker wait for those of one turn. Turns are short while there is nothing else to do, so that few lose nothing.
 */
const BEGINNING_PER_TURN = 2;

/** In which order the handshakes of a worker begin, of all its pools, so that a storm of them does not stop its other clients. */
class HandshakeTurns {
  private readonly waiting = new Fifo<() => void>();
  private isScheduled = false;

  /** `begin` is called from a callback of node's own, in a later turn. Who waits is bounded by who asks. */
  take(begin: () => void): void {
    this.waiting.push(begin);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(() => this.next());
  }

  private next(): void {
    this.isScheduled = false;
    for (let i = 0; i < BEGINNING_PER_TURN && this.waiting.length > 0; i++) this.waiting.shift()?.();
    if (this.waiting.length === 0) return;
    this.isScheduled = true;
    setImmediate(() => this.next());
  }
}

/** A worker has one event loop. */
export const handshakeTurns: HandshakeTurns = new HandshakeTurns();
