import type { ApiRoute } from '../../admin/api.ts';
import type { Log } from '../../system/log.ts';
import { ConnectionQuotas, type PlaceMessage } from '../limits/connection-quotas.ts';
import { Limiting } from '../limits/limiting.ts';
import { RateLeases } from '../limits/rate-leases.ts';
import { WrongPasswords } from '../limits/wrong-passwords.ts';
import type { ClientMessage, WorkerProcess } from '../workers/worker-process.ts';
import { ClientInquiries } from './client-inquiries.ts';
import { clientRoutes } from './clients-api.ts';
import { Crowds } from './crowds.ts';
import { Pauses } from './pauses.ts';

/** What the workers have to know of each other's clients. */
export class ClientMatters {
  private readonly inquiries: ClientInquiries;
  private readonly crowds: Crowds;
  private readonly pauses: Pauses;
  readonly leases = new RateLeases();
  private readonly limiting: Limiting;
  readonly quotas: ConnectionQuotas;
  private readonly wrongPasswords: WrongPasswords;
  private readonly log: Log;
  private readonly workers: () => Iterable<WorkerProcess>;

  constructor(workers: () => Iterable<WorkerProcess>, log: Log) {
    this.workers = workers;
    this.inquiries = new ClientInquiries(workers);
    this.crowds = new Crowds(workers);
    this.pauses = new Pauses(workers, log);
    this.limiting = new Limiting(log);
    this.quotas = new ConnectionQuotas(holder => this.limiting.turnedAway(holder));
    this.wrongPasswords = new WrongPasswords(log);
    this.log = log;
  }

  routes(isPool: (name: string) => boolean): ApiRoute[] {
    return [
      ...clientRoutes(this.log, this.inquiries, isPool),
      {
        method: 'GET',
        path: '/api/v1/limits',
        handle: async ({ query }) => ({ status: 200, body: this.limits(query.get('pool')) }),
      },
    ];
  }

  receive(worker: WorkerProcess, message: ClientMessage): void {
    switch (message.type) {
      case 'askClients':
        this.inquiries.asked(worker, message);
        return;
      case 'clients':
        this.inquiries.arrived(worker, message.id, message.answer);
        return;
      case 'crowds':
        this.crowds.changed(worker, message);
        return;
      case 'crowdsKnown':
        this.crowds.arrived(worker, message.id);
        return;
      case 'kept':
        // All in the same order, whoever said it.
        for (const each of this.workers()) each.send({ type: 'kept', pool: message.pool, change: message.change });
        return;
      case 'pause':
        this.pauses.asked(worker, message);
        return;
      case 'paused':
        this.pauses.arrived(worker, message.id);
        return;
      case 'askShare':
      case 'giveShare':
        this.leases.receive(worker, message);
        return;
      case 'limiting':
        this.limiting.receive(worker, message);
        return;
      case 'wrongPasswords':
        this.wrongPasswords.receive(message);
        return;
    }
  }

  /** Of this pool, or of all. */
  private limits(only: string | null) {
    const isOf = ({ pool }: { readonly pool: string }) => only === null || pool === only;
    return { over: this.limiting.list().filter(isOf), wrongPasswords: this.wrongPasswords.list().filter(isOf) };
  }

  /** See `Admission`. */
  placesAsked(worker: WorkerProcess, message: PlaceMessage): void {
    this.quotas.receive(worker, message);
  }

  /** What a new worker has to know. */
  greet(worker: WorkerProcess): void {
    this.crowds.greet(worker);
    this.pauses.greet(worker);
  }

  gone(worker: WorkerProcess): void {
    this.inquiries.gone(worker);
    this.crowds.gone(worker);
    this.pauses.gone(worker);
    this.leases.retire(worker);
    this.quotas.retire(worker);
    this.limiting.gone(worker);
  }
}
