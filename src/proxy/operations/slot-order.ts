import { SLOTS } from '../../hash/key-slot.ts';
import type { Clock } from '../../loop/clock.ts';
import type { TurnTask } from '../../loop/turn.ts';
import type { MemoryHolder } from '../../memory/memory-ceiling.ts';
import type { ClusterWords, NodeWord } from '../../protocol/protocol.ts';
import type { Backend } from '../../upstream/backend.ts';
import { endpointText } from '../../upstream/endpoint-text.ts';
import type { Pool } from '../../upstream/pool.ts';
import { AT_SERVER, type OrderOfSlots, PUT_OFF, type SlotBound, WAITING } from './slot-bound.ts';

/** A slot that was seen to move from node to node is taken to do so for so long. */
const MIGRATING_MS = 1000;
/** Requests that wait are looked at so often. */
const LOOK_MS = 20;

/**
 * All requests of a pool that belong to slots of a cluster, by slot, in the order in which clients sent them. It sees to it
 * that two requests of one client for one slot never overlap on the way through different nodes:
 *
 *   settled slot     all that is under way is at the owner: the next request follows it there, over the same connection
 *   unsettled slot   something waits or is at another node: a request goes when nothing of its client is ahead of it,
 *                    or all that is ahead is at the very node it goes to; while the slot moves, only one at a time
 */
export class SlotOrder implements OrderOfSlots, TurnTask, MemoryHolder {
  readonly pool: Pool;
  readonly words: ClusterWords;
  readonly clock: Clock;
  /** Of the requests that may have to be sent again. */
  keptBytes = 0;
  private readonly heads: (SlotBound | null)[] = new Array<SlotBound | null>(SLOTS).fill(null);
  private readonly tails: (SlotBound | null)[] = new Array<SlotBound | null>(SLOTS).fill(null);
  private readonly unsettled = new Uint8Array(SLOTS);
  private readonly migratingUntilMs = new Map<number, number>();
  /** Slots to look at when the turn ends. */
  private readonly due = new Set<number>();
  private isDue = false;
  /** Requests that have waited since the turn they came in. */
  private readonly idlers = new Set<SlotBound>();
  private timer: NodeJS.Timeout | null = null;

  constructor(pool: Pool, words: ClusterWords) {
    this.pool = pool;
    this.words = words;
    this.clock = pool.clock;
    pool.onSlotsChange = () => this.slotsChanged();
  }

  get memoryBytes(): number {
    return this.keptBytes;
  }

  /** How long a request may wait in all. */
  get patienceMs(): number {
    return this.pool.cluster?.patienceMs ?? 0;
  }

  /** A new request: it is sent, now or when its turn has come, or answered. */
  start(request: SlotBound): void {
    const { slot } = request;
    const tail = this.tails[slot] as SlotBound | null;
    request.previous = tail;
    if (tail === null) this.heads[slot] = request;
    else tail.next = request;
    this.tails[slot] = request;
    if (this.unsettled[slot] === 0) this.send(request);
    else {
      this.idle(request);
      this.lookAt(slot);
    }
  }

  /** It is done. */
  remove(request: SlotBound): void {
    const { slot, previous, next } = request;
    if (previous === null) this.heads[slot] = next;
    else previous.next = next;
    if (next === null) this.tails[slot] = previous;
    else next.previous = previous;
    request.previous = null;
    request.next = null;
    if (this.unsettled[slot] === 0) return;
    this.idlers.delete(request);
    this.lookAt(slot);
  }

  /** It waits: for those ahead of it, or for a while. */
  idle(request: SlotBound): void {
    this.idlers.add(request);
    if (this.timer !== null) return;
    this.timer = setTimeout(() => setImmediate(() => this.lookAtIdlers()), LOOK_MS);
    this.timer.unref();
  }

  /** Requests of the slot can't all go to its owner as they come. */
  unsettle(slot: number): void {
    this.unsettled[slot] = 1;
    this.lookAt(slot);
  }

  /** A node says that the slot is on its way to another. */
  isMigrating(slot: number): void {
    this.migratingUntilMs.set(slot, this.clock.nowMs + MIGRATING_MS);
  }

  /** A node says who has the slot: the server at `place` of the pool. */
  moved(slot: number, place: number): void {
    const { owners } = this.pool.slots;
    this.migratingUntilMs.delete(slot);
    if (owners[slot] === place) return;
    owners[slot] = place;
    this.pool.hint('a slot has moved');
  }

  /** Another request of its client for its slot was sent after it, and is at a server. */
  isFollowed(request: SlotBound): boolean {
    for (let after = request.next; after !== null; after = after.next) {
      if (after.originId === request.originId && after.state === AT_SERVER) return true;
    }
    return false;
  }

  /** Where `word`, said by `backend`, sends a request. */
  addressOf({ host, port }: NodeWord, backend: Backend): string {
    return endpointText(host, port, backend.options.address);
  }

  endTurn(): void {
    this.isDue = false;
    for (const slot of this.due) {
      this.due.delete(slot);
      this.advance(slot);
    }
  }

  describe(): Readonly<Record<string, unknown>> {
    return { pool: this.pool.name, what: 'requests kept to be sent to another node' };
  }

  /** What waits fails; what is at a server can be sent nowhere else. */
  shed(): void {
    for (const request of [...this.idlers]) request.fail('overloaded');
    for (const head of this.heads) for (let each = head; each !== null; each = each.next) each.forget();
    this.pool.stats.memorySheds++;
  }

  private lookAt(slot: number): void {
    this.due.add(slot);
    if (this.isDue) return;
    this.isDue = true;
    this.pool.turn.defer(this);
  }

  private slotsChanged(): void {
    for (let slot = 0; slot < SLOTS; slot++) if (this.heads[slot] !== null) this.unsettle(slot);
  }

  /** Sends what may go, in order, and finds out whether the slot is settled. */
  private advance(slot: number): void {
    const isMigrating = this.isStillMigrating(slot);
    const owner = this.pool.ownerOf(slot);
    /** The last one of each client so far. */
    const ahead = new Map<number, SlotBound>();
    let isSettled = !isMigrating;
    const all: SlotBound[] = [];
    for (let each = this.heads[slot] ?? null; each !== null; each = each.next) all.push(each);
    for (const request of all) {
      if (request.isDone) continue;
      const before = ahead.get(request.originId);
      if (request.state === WAITING) {
        const isFree = before === undefined || before.isDone;
        const target = request.target ?? owner;
        const follows = !isMigrating && before?.state === AT_SERVER && before.backend === target;
        if (isFree || follows) {
          this.idlers.delete(request);
          this.send(request);
        }
      }
      if (request.isDone) continue;
      ahead.set(request.originId, request);
      if (request.state !== AT_SERVER || request.isAsking || !request.isAt(owner)) isSettled = false;
    }
    if (isSettled) this.unsettled[slot] = 0;
  }

  private send(request: SlotBound): void {
    const { slots } = this.pool;
    const backend = request.target ?? this.pool.ownerOf(request.slot);
    if (backend !== null) this.sendTo(backend, request);
    else if (slots.isEmpty) {
      this.pool.hint('nothing is known of the cluster');
      request.putOff();
      this.unsettle(request.slot);
    } else {
      this.pool.hint('a slot has no owner');
      request.answer(this.words.noOwnerReply);
    }
  }

  private sendTo(backend: Backend, request: SlotBound): void {
    const { reads, target, slot, variant } = request;
    // Who copies the old owner does not know what has moved already.
    if (reads === null || target !== null || this.isStillMigrating(slot)) {
      request.go(backend);
      return;
    }
    const reader = reads.pick(backend, variant);
    if (reader !== null && reader !== backend) this.pool.stats.replicaReads++;
    if (reader === null) request.fail('no_replica');
    else request.go(reader);
  }

  private isStillMigrating(slot: number): boolean {
    const untilMs = this.migratingUntilMs.get(slot);
    if (untilMs === undefined) return false;
    if (this.clock.nowMs < untilMs) return true;
    this.migratingUntilMs.delete(slot);
    return false;
  }

  /** By the time of the timer, after all that had come by then was read. */
  private lookAtIdlers(): void {
    const nowMs = this.clock.refresh();
    this.timer = null;
    for (const request of [...this.idlers]) {
      if (request.isDone) this.idlers.delete(request);
      else if (request.isOverdue(nowMs)) {
        this.idlers.delete(request);
        request.fail('timed_out');
      } else {
        if (request.state === PUT_OFF && nowMs >= request.retryAtMs) request.state = WAITING;
        if (request.state === AT_SERVER) this.idlers.delete(request);
        else this.lookAt(request.slot);
      }
    }
    const [first] = this.idlers;
    if (first !== undefined) this.idle(first);
  }
}
