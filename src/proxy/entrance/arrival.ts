import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { ClientSeat, Guest } from '../limits/client-seat.ts';
import type { PlaceHolder } from '../limits/places.ts';
import type { SharedPort } from './shared-port.ts';

/** The pool that a client arrives at. */
export interface ArrivalHost {
  begin(arrival: Arrival, seat: ClientSeat): void;
  turnAway(arrival: Arrival, full: PlaceHolder['scope']): void;
}

/** A client whose first request was not read yet. */
export class Arrival implements Guest {
  readonly socket: StreamSocket;
  /** By which it has come, if that leads to several pools, and by what name it was led to this one; empty: by none. */
  readonly port: SharedPort | null;
  readonly name: string;
  /** Of its verified certificate; see `TlsGreeting`. */
  readonly certificateNames: readonly string[];
  private readonly host: ArrivalHost;

  constructor(
    socket: StreamSocket,
    host: ArrivalHost,
    port: SharedPort | null,
    name: string,
    certificateNames: readonly string[],
  ) {
    this.socket = socket;
    this.host = host;
    this.port = port;
    this.name = name;
    this.certificateNames = certificateNames;
  }

  get isGone(): boolean {
    return this.socket.isDestroyed;
  }

  admit(seat: ClientSeat): void {
    this.host.begin(this, seat);
  }

  turnAway(full: PlaceHolder['scope']): void {
    this.host.turnAway(this, full);
  }
}
