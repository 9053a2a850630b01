import type { Socket } from 'node:net';

/** A connection of this rank is not given up for another. */
export const KEPT = Number.POSITIVE_INFINITY;

interface Entry {
  readonly address: string;
  rank: number;
}

/**
 * Bounds the connections of a server, in all and from one address, so that those who hold theirs shut nobody out: when there
 * are too many the one of the lowest rank goes, of several the oldest. Where all are to be kept the new one goes.
 */
export class ConnectionBook {
  private readonly limit: number;
  private readonly perAddress: number;
  /** Oldest first. */
  private readonly entries = new Map<Socket, Entry>();

  constructor(limit: number, perAddress: number) {
    this.limit = limit;
    this.perAddress = perAddress;
  }

  /** Takes a new connection in; it, or another, may be destroyed for it. */
  enter(socket: Socket, rank: number): void {
    const address = socket.remoteAddress ?? '';
    this.entries.set(socket, { address, rank });
    socket.once('close', () => this.entries.delete(socket));
    let ofAddress = 0;
    for (const entry of this.entries.values()) if (entry.address === address) ofAddress++;
    if (ofAddress > this.perAddress) this.shed(socket, address);
    else if (this.entries.size > this.limit) this.shed(socket, null);
  }

  rank(socket: Socket, rank: number): void {
    const entry = this.entries.get(socket);
    if (entry !== undefined) entry.rank = rank;
  }

  /** It counts no more; whoever has it now bounds it. */
  leave(socket: Socket): void {
    this.entries.delete(socket);
  }

  destroyAll(): void {
    for (const socket of this.entries.keys()) socket.destroy();
  }

  private shed(newest: Socket, address: string | null): void {
    let chosen = newest;
    let lowest = KEPT;
    for (const [socket, entry] of this.entries) {
      if (socket === newest || (address !== null && entry.address !== address) || entry.rank >= lowest) continue;
      chosen = socket;
      lowest = entry.rank;
    }
    this.entries.delete(chosen);
    chosen.destroy();
  }
}
