import {
  POOL_ELSEWHERE,
  POOL_HERE,
  POOL_NOWHERE,
  type PoolBy,
  type PoolPlace,
  type PortGuest,
} from '../../protocol/port-guest.ts';
import type { Session } from '../../protocol/protocol.ts';
import type { ClientOwner } from '../client-owner.ts';
import { ClientSeat, type Guest } from '../limits/client-seat.ts';
import type { PlaceHolder } from '../limits/places.ts';
import { mayStay } from './account-renewal.ts';
import { carriedAccount, carrySignIn } from './carried-sign-in.ts';
import type { SharedPort } from './shared-port.ts';

/** The client that moves. */
export interface MovingClient {
  readonly host: ClientOwner;
  readonly session: Session;
  readonly isGone: boolean;
  readonly address: string;
  /** Nothing is owed to it, and it does nothing at a server that is not done. */
  readonly isFree: boolean;
  /** Its pool is paused. */
  readonly isHeld: boolean;
  /** Its pool is to take this request, a whole one, which it wipes. */
  ask(request: Buffer): void;
  /** It holds on to its pool: a transaction, watched keys, topics, something that it waits for there. */
  readonly isBound: boolean;
  /** It is `host`'s from now on. Nothing may be pending, and it may not be bound. */
  moveTo(host: ClientOwner, seat: ClientSeat): void;
  /** It counts as whom it is now. */
  countIn(): void;
  /** No further request of it is taken before the passage is over; goes on with it at the end of this turn. */
  beginPassage(): void;
  /** It is held to the limits of its pool, as whom it is now. */
  limit(): void;
  /** The passage may go on. */
  wake(): void;
  /** Its last word: the pool has no place for it. */
  turnAway(words: Buffer): void;
  /** Ends the connection as soon as all pending requests are answered. */
  drain(): void;
}

// How far it is.
const SETTLED = 0;
/** It leaves once all that it has asked is answered. */
const LEAVING = 1;
/** The pool has to have a place for it. */
const WAITING = 2;
/** It has come, and the request that it came for is to be asked now. */
const ARRIVED = 3;
/** That was asked: the client may stay if it is let in. */
const TRIED = 4;

/*
 * One client of a port that several pools share, on its way from one to another:
 *
 *   a request for another pool ─▶ all before it is answered ─▶ a place there ─▶ moves, signed out ─▶ that pool takes the request
 *        └─ the client is not let in: back to where it was, signed in as it was                           └─ lets it in: it stays
 *
 * Nothing that the client sends after the request is looked at before its way is over.
 */
export class PoolPassage implements PortGuest, Guest {
  private readonly port: SharedPort;
  private readonly client: MovingClient;
  /** What led to the pool that serves the client now; empty: nothing yet. */
  private name: string;
  private state = SETTLED;
  private destination: ClientOwner | null = null;
  private nextName = '';
  /** What it goes there for; null: it is on its way to the begin, or back, or its pool is another now. */
  private request: Buffer | null = null;
  /** The way back from a pool that does not let it in. */
  private origin: ClientOwner | null = null;
  private takeBack: (() => void) | null = null;
  /** Whom it is there again. */
  private takenBackAs: string | null = null;

  constructor(port: SharedPort, name: string, client: MovingClient) {
    this.port = port;
    this.name = name;
    this.client = client;
  }

  get poolBy(): PoolBy {
    return this.port.poolBy;
  }

  get isUnderway(): boolean {
    return this.state !== SETTLED;
  }

  get heldBytes(): number {
    return this.request === null ? 0 : this.request.length;
  }

  whereIs(name: string): PoolPlace {
    const host = this.port.hostOf(name);
    if (host === null) return POOL_NOWHERE;
    return host === this.client.host ? POOL_HERE : POOL_ELSEWHERE;
  }

  goTo(name: string): void {
    this.leaveFor(this.port.hostOf(name), name);
  }

  goHome(): void {
    const { port } = this;
    const home = port.homeOf(port.firstName);
    if (this.poolBy === 'server_name' || home === this.client.host) return;
    this.leaveFor(home, port.firstName);
  }

  /** The request that `goTo` was called for, which is put off. */
  putOff(request: Buffer): void {
    this.request = request;
  }

  /** The pool that it has come to does not know yet whether it may sign in there. */
  askAgain(request: Buffer): void {
    this.request = request;
    this.state = ARRIVED;
  }

  /** Goes on as far as it can. Nothing happens before all that was asked is answered. */
  proceed(): void {
    const { client } = this;
    if (this.state === LEAVING && client.isFree) this.leave();
    if (this.state === ARRIVED && !client.isHeld && client.isFree) {
      const request = this.request as Buffer;
      this.request = null;
      this.state = TRIED;
      client.ask(request);
    }
    if (this.state === TRIED && client.isFree) this.judge();
    // Back where it came from.
    if (this.state === LEAVING && client.isFree) this.leave();
  }

  /** The port may lead elsewhere since a reload: the client follows between two requests, or ends where it can't. */
  lookAgain(): void {
    if (this.isUnderway) return;
    const { client, port } = this;
    // Since it came it may have signed in as another of the same pool.
    const { account } = client.session;
    if (this.poolBy === 'user' && this.name !== '' && account !== null) this.name = account.name;
    const { name } = this;
    const host = port.homeOf(name);
    if (host === client.host) {
      if (this.poolBy === 'user' && name !== '') this.stay(name);
      return;
    }
    if (host === null || client.isBound) client.drain();
    else this.leaveFor(host, name);
  }

  /** The client takes no further request. */
  forget(): void {
    this.settle();
  }

  get isGone(): boolean {
    return this.client.isGone || this.state !== WAITING;
  }

  admit(seat: ClientSeat): void {
    const { client, destination, request, takeBack } = this;
    const { host: before, session } = client;
    if (request === null) {
      client.moveTo(destination as ClientOwner, seat);
      if (takeBack === null) this.follow(before);
      else this.goBack(takeBack);
      this.name = this.nextName;
      this.settle();
    } else {
      this.origin = before;
      this.takenBackAs = session.account?.name ?? null;
      this.takeBack = session.signOut();
      client.moveTo(destination as ClientOwner, seat);
      // One sign-in is for all databases.
      if (this.poolBy === 'database') {
        this.takeBack();
        carrySignIn(session, before.parser, client.host.parser);
      }
      this.state = ARRIVED;
    }
    client.countIn();
    client.limit();
    client.wake();
  }

  turnAway(full: PlaceHolder['scope']): void {
    const { host } = this.client;
    if (this.destination !== null) {
      this.destination.stats.turnedAway++;
      if (full !== 'pool') this.destination.stats.limitTurnedAway++;
    }
    this.settle();
    this.client.turnAway(host.protocol.tooManyClientsReply);
  }

  private leaveFor(destination: ClientOwner | null, name: string): void {
    this.destination = destination;
    this.nextName = name;
    this.state = LEAVING;
    this.client.beginPassage();
  }

  private leave(): void {
    const { destination, client } = this;
    if (client.isBound || destination === null) {
      this.end();
      return;
    }
    this.state = WAITING;
    new ClientSeat(destination.places, this, client.address, this.userThere(destination)).find();
  }

  /** Whom it will be there, as things are, before it asks for anything; null: nobody. */
  private userThere(destination: ClientOwner): string | null {
    const { client, poolBy, nextName } = this;
    const { session } = client;
    const { accounts } = destination.parser;
    if (accounts === null) return null;
    if (this.request !== null && poolBy !== 'database') return null;
    if (this.takeBack !== null && this.request === null) return this.takenBackAs;
    if (poolBy === 'user') return accounts.find(nextName)?.name ?? null;
    return carriedAccount(session, destination.parser)?.name ?? null;
  }

  /** The pool has had the request that the client came for. */
  private judge(): void {
    const { client, origin } = this;
    if (client.host.parser.isOpenTo(client.session)) {
      this.name = this.nextName;
      this.settle();
      return;
    }
    // A reload has moved its pool away from it meanwhile.
    if (origin !== this.port.homeOf(this.name)) {
      this.end();
      return;
    }
    this.nextName = this.name;
    this.destination = origin;
    this.state = LEAVING;
  }

  /** Back in a pool, as who it was there; a reload may have made that another account, or none. */
  private goBack(takeBack: () => void): void {
    const { session, host } = this.client;
    takeBack();
    if (session.account === null) return;
    const account = host.parser.accounts?.find(session.account.name) ?? null;
    if (account === null) this.client.drain();
    else session.signIn(account);
  }

  /** What it has signed in as may not be lost on the way; to the begin it goes signed out. */
  private follow(before: ClientOwner): void {
    const { client, nextName } = this;
    const { session, host } = client;
    if (this.poolBy === 'user' && host.parser.accounts !== null) {
      this.renew(nextName);
      return;
    }
    const wasSignedIn = session.isAuthenticated;
    carrySignIn(session, before.parser, host.parser);
    if (wasSignedIn && !session.isAuthenticated) client.drain();
  }

  /** It has signed in by this name, and its pool, which is the same, may have other accounts now. */
  private stay(name: string): void {
    const { session, host } = this.client;
    const { account } = session;
    const next = host.parser.accounts?.find(name) ?? null;
    if (next === account) return;
    if (next === null || !mayStay(session, account, next)) this.client.drain();
    else this.renew(name);
  }

  /** It has signed in by this name, and stays so: with the account that its pool has for it now. */
  private renew(name: string): void {
    const { client } = this;
    const { accounts } = client.host.parser;
    if (accounts === null) return;
    const account = accounts.find(name);
    if (account === null) client.drain();
    else {
      client.session.signIn(account);
      client.countIn();
      client.limit();
    }
  }

  private end(): void {
    this.settle();
    this.client.drain();
  }

  private settle(): void {
    this.state = SETTLED;
    this.destination = null;
    // There may be a password in it.
    this.request?.fill(0);
    this.request = null;
    this.origin = null;
    this.takeBack = null;
    this.takenBackAs = null;
  }
}
