import type { Accounts } from '../../accounts/accounts.ts';
import { SIGN_IN_FULL } from '../../accounts/sign-in-places.ts';
import type { PoolStats } from '../../figures/statistics.ts';
import type { Clock } from '../../loop/clock.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import type { TlsGreeting } from '../../socket/tls-intake.ts';
import type { Log } from '../../system/log.ts';
import type { AuditTrail } from '../insight/audit-trail.ts';
import { ClientSeat } from '../limits/client-seat.ts';
import type { PlaceHolder, Places } from '../limits/places.ts';
import { Arrival, type ArrivalHost } from './arrival.ts';
import type { ClientRoom } from './client-room.ts';
import { Farewell } from './farewell.ts';
import { FullRoomLog } from './full-room-log.ts';
import type { SharedPort } from './shared-port.ts';

/** The pool that clients come to. */
export interface ReceivingPool {
  readonly poolName: string;
  readonly stats: PoolStats;
  readonly places: Places;
  readonly parser: { readonly accounts: Accounts | null };
  readonly protocol: { readonly tooManyClientsReply: Buffer };
  readonly audit: AuditTrail;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Who has come to a pool, and has said all that is said before the first request:
 *
 *   receive ─▶ is there a file for it? ─▶ a place, of the pool, of its address, of its user? ─▶ admitted
 *                  └─ no ────────────────────┴─ no ─▶ told so, and closed; closed at once where too many are
 */
export class Reception implements ArrivalHost {
  private readonly pool: ReceivingPool;
  private readonly room: ClientRoom;
  private readonly admit: (arrival: Arrival, seat: ClientSeat) => void;
  private readonly fullLog = new FullRoomLog();

  constructor(pool: ReceivingPool, room: ClientRoom, admit: (arrival: Arrival, seat: ClientSeat) => void) {
    this.pool = pool;
    this.room = room;
    this.admit = admit;
  }

  /** `port`: by which it has come, if that leads to several pools, and by what name it was led to this one. */
  receive(socket: StreamSocket, { certificateNames }: TlsGreeting, port: SharedPort | null, name: string): void {
    const { pool, room } = this;
    if (room.enter(socket)) {
      const arrival = new Arrival(socket, this, port, name, certificateNames);
      const { accounts } = pool.parser;
      const account = accounts === null ? null : (accounts.ofCertificate(certificateNames) ?? accounts.open);
      new ClientSeat(pool.places, arrival, socket.peer, account === null ? null : account.name).find();
      return;
    }
    this.fullLog.say(pool.log, pool.poolName, room.limit, pool.clock.refresh());
    if (room.mayLinger(socket)) {
      this.dismiss(socket);
    } else {
      pool.stats.turnedAway++;
      socket.destroy();
    }
  }

  begin(arrival: Arrival, seat: ClientSeat): void {
    this.admit(arrival, seat);
  }

  turnAway({ socket, certificateNames }: Arrival, full: PlaceHolder['scope']): void {
    const { pool } = this;
    const { accounts } = pool.parser;
    if (full !== 'pool') pool.stats.limitTurnedAway++;
    if (full === 'user' && accounts !== null) {
      const shown = accounts.ofCertificate(certificateNames);
      (shown ?? accounts.open)?.figures.turnedAway();
      if (shown !== null) pool.audit.onCertificate(pool.poolName, shown.name, socket.peer, SIGN_IN_FULL);
    }
    this.dismiss(socket);
  }

  private dismiss(socket: StreamSocket): void {
    const { stats, protocol } = this.pool;
    stats.turnedAway++;
    new Farewell(socket, protocol.tooManyClientsReply);
  }
}
