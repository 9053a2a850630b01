import { type Listener, type ListenHandle, listenOn } from '../../socket/sockets.ts';
import type { StreamSocket } from '../../socket/stream-socket.ts';
import { NO_GREETING, type TlsGreeting, TlsIntake } from '../../socket/tls-intake.ts';
import type { ListenTls } from '../../system/listen-tls.ts';
import { Gate, type GateHost, type GateOptions } from './gate.ts';

export interface EntranceOptions {
  /** Silence after which TCP connections of clients are probed; 0: never. */
  readonly keepaliveIdleMs: number;
  readonly backlog: number;
  readonly gate: GateOptions;
  /** Null: it is not spoken. */
  readonly tls: ListenTls | null;
}

/*
 * Where the clients of a pool come in:
 *
 *   listener ─▶ gate: addresses, PROXY headers ─▶ TLS handshake ─▶ the pool
 *
 * Options are for clients that come afterwards: whoever was read from goes on as it began.
 */
export class Entrance {
  private readonly host: GateHost;
  private readonly accept: (socket: StreamSocket, greeting: TlsGreeting) => void;
  private options: EntranceOptions;
  private listener: Listener | null = null;
  private gate: Gate | null = null;
  private tls: TlsIntake | null = null;
  /** Those of former options, as long as clients are in them. */
  private formerGates: Gate[] = [];
  private formerTls: TlsIntake[] = [];
  private isClosed = false;

  /** `accept`: a client with whom all this is done. */
  constructor(options: EntranceOptions, host: GateHost, accept: (socket: StreamSocket, greeting: TlsGreeting) => void) {
    this.host = host;
    this.accept = accept;
    this.options = options;
    this.configure(options);
  }

  configure(options: EntranceOptions): void {
    this.options = options;
    this.formerGates = [...this.formerGates, this.gate].filter(gate => gate?.isIdle === false) as Gate[];
    this.formerTls = [...this.formerTls, this.tls].filter(tls => tls?.isIdle === false) as TlsIntake[];
    this.gate = Gate.of(options.gate, this.host, (socket, isForTls) => this.begin(socket, isForTls));
    this.tls = options.tls === null ? null : new TlsIntake(options.tls, this.host, this.accept);
  }

  /** Accepts clients on a bound handle, and on no other any more; resolves when it listens. */
  async listen(handle: ListenHandle): Promise<void> {
    const before = this.listener;
    this.listener = await listenOn(
      handle,
      this.options,
      socket => {
        const isForTls = this.tls !== null;
        if (this.gate === null) this.begin(socket, isForTls);
        else this.gate.enter(socket, isForTls);
      },
      error => this.host.log.error({ pool: this.host.poolName, err: error }, 'listener failed'),
    );
    before?.close();
  }

  /** Accepts nobody any more. */
  stopListening(): void {
    this.listener?.close();
    this.listener = null;
  }

  /** Resolves when all who were accepted have said who they are, and have finished their handshake. */
  async finish(): Promise<void> {
    this.stopListening();
    const { greetings } = this.host;
    await greetings.settled();
    await Promise.all([this.gate, ...this.formerGates].map(gate => gate?.finish()));
    await greetings.settled();
    await Promise.all([this.tls, ...this.formerTls].map(tls => tls?.finish()));
  }

  /** And lets nobody in who was accepted. */
  close(): void {
    this.isClosed = true;
    for (const tls of [this.tls, ...this.formerTls]) tls?.close();
    this.stopListening();
  }

  /** `isForTls`: the pool spoke TLS when it was accepted. */
  private begin(socket: StreamSocket, isForTls: boolean): void {
    if (this.isClosed) socket.destroy();
    else if (this.tls === null || !isForTls) this.accept(socket, NO_GREETING);
    else {
      const { tls } = this;
      this.host.greetings.enter(socket, true, onOver => {
        if (!this.isClosed) tls.enter(socket, onOver);
        else {
          socket.destroy();
          onOver();
        }
      });
    }
  }
}
