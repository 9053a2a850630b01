import { keySlot, SLOTS } from '../../hash/key-slot.ts';
import type { ClusterWords, RequestReading } from '../../protocol/protocol.ts';
import type { ReplyTransform } from '../../protocol/reply-transform.ts';
import { FLAG_VALUES } from '../../protocol/routes.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { CoalescedReply } from './coalesced-reply.ts';
import { KeyOwners } from './key-owners.ts';
import { readsOf } from './read-elsewhere.ts';
import { SlotOrder } from './slot-order.ts';
import { SlotRequest } from './slot-request.ts';
import { TransformedReply } from './transformed-reply.ts';
import { WholeSlotTransaction } from './whole-slot-transaction.ts';

/** What `commonSlot` says beside slots. */
export const NO_SLOT = -1;
export const SEVERAL_SLOTS = -2;

const KEYS_MIN = 64;
const NO_PART = -1;

/** Requests of a pool that is a cluster: each goes to the owner of its slot, in parts where its keys are in several. */
export class SlotForward {
  readonly order: SlotOrder;
  private readonly pool: Pool;
  private readonly words: ClusterWords;
  private readonly owners = new KeyOwners();
  private readonly partOfSlot = new Int16Array(SLOTS).fill(NO_PART);
  /** Of the request that is being split: the slot of each part, and where its keys begin in `members`. */
  private slots = new Int32Array(KEYS_MIN);
  private starts = new Int32Array(KEYS_MIN + 1);
  private members = new Int32Array(KEYS_MIN);
  private readonly fragmentBytes = new RequestBytes();

  constructor(pool: Pool, words: ClusterWords) {
    this.pool = pool;
    this.words = words;
    this.order = new SlotOrder(pool, words);
  }

  /** All of it to the owner of its first key. */
  forward(
    origin: RequestOrigin,
    parser: RequestReading,
    bytes: RequestBytes,
    transform: ReplyTransform | null = parser.transform,
  ): void {
    this.forwardToSlot(origin, parser, slotOf(parser, bytes, 0), bytes, transform);
  }

  /** All of it to the owner of all its keys, if they are in one slot. */
  forwardTogether(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const slot = commonSlot(parser, bytes);
    if (slot === SEVERAL_SLOTS) {
      this.pool.stats.forwardError++;
      origin.answer(this.words.crossSlotReply, false);
      return;
    }
    this.forwardToSlot(origin, parser, slot, bytes);
  }

  /** A part to the owner of each slot; those of one node leave together. */
  split(origin: RequestOrigin, parser: RequestReading, bytes: RequestBytes): void {
    const { keyCount } = parser;
    const owners = this.owners.take(keyCount);
    const parts = this.partition(parser, bytes, owners);
    if (parts === 1) {
      this.forwardToSlot(origin, parser, this.slots[0] as number, bytes);
      return;
    }
    this.owners.keep(keyCount);
    const { members, starts, fragmentBytes } = this;
    const slots = this.slots.slice(0, parts);
    const whole = new Request(origin, parser.replyKind);
    whole.isSilent = parser.isNoreply;
    whole.part = parts;
    origin.enqueue(whole);
    const merged = new CoalescedReply(origin, whole, parser.coalescer, owners, parts, parser.transform);
    this.pool.stats.fragments += parts;
    const requests: SlotRequest[] = [];
    const reads = readsOf(this.pool, origin, parser);
    for (let part = 0; part < parts; part++) {
      const [from, to] = [starts[part] as number, starts[part + 1] as number];
      const { block, length } = parser.fragment(
        bytes.buf,
        bytes.start,
        bytes.end,
        members.subarray(from, to),
        to - from,
      );
      const fragment = new Request(merged, parser.replyKind);
      fragment.part = part;
      if ((parser.flags & FLAG_VALUES) !== 0) fragment.valuesAsked = to - from;
      fragmentBytes.set(block.bytes, 0, length, block);
      requests.push(new SlotRequest(this.order, origin, fragment, slots[part] as number, fragmentBytes, reads));
      block.release();
    }
    // Only now: a reply that comes before the last of them was made would find the parser at another request.
    for (const request of requests) this.order.start(request);
  }

  /** A transaction that came whole, whose keys are those in `parser`: it stays so where they are in one slot. */
  openWhole(
    origin: RequestOrigin,
    parser: RequestReading,
    bytes: RequestBytes,
    transactions: TransactionWords | null,
  ): void {
    const slot = commonSlot(parser, bytes);
    if (slot < 0 || transactions === null) return;
    origin.privateLane = new WholeSlotTransaction(origin, this.order, slot, transactions);
  }

  /** All of it to the owner of `slot`. */
  forwardToSlot(
    origin: RequestOrigin,
    parser: RequestReading,
    slot: number,
    bytes: RequestBytes,
    transform: ReplyTransform | null = parser.transform,
  ): void {
    const sink = transform === null ? origin : new TransformedReply(origin, transform);
    const request = new Request(sink, parser.replyKind);
    request.isSilent = parser.isNoreply;
    if ((parser.flags & FLAG_VALUES) !== 0) request.valuesAsked = parser.keyCount;
    origin.enqueue(request);
    const reads = this.pool.reads === null ? null : readsOf(this.pool, origin, parser);
    const slotRequest = new SlotRequest(this.order, origin, request, slot, bytes, reads);
    slotRequest.remedy = parser.remedy;
    if (parser.remedy?.isGivenAhead) slotRequest.gifts = parser.remedy.gifts;
    this.order.start(slotRequest);
  }

  /** Fills `slots`, `starts`, `members` and `owners`; the number of parts. */
  private partition(parser: RequestReading, bytes: RequestBytes, owners: Int32Array): number {
    const { keyCount } = parser;
    if (this.members.length < keyCount) this.makeRoom(keyCount);
    const { partOfSlot, slots, starts, members } = this;
    let parts = 0;
    for (let i = 0; i < keyCount; i++) {
      const slot = slotOf(parser, bytes, i);
      let part = partOfSlot[slot] as number;
      if (part === NO_PART) {
        part = parts++;
        partOfSlot[slot] = part;
        slots[part] = slot;
        starts[part] = 0;
      }
      owners[i] = part;
      (starts[part] as number)++;
    }
    // From how many keys each part has to where those of the next begin; filled from behind, they begin where they are to.
    let end = 0;
    for (let part = 0; part < parts; part++) {
      partOfSlot[slots[part] as number] = NO_PART;
      end += starts[part] as number;
      starts[part] = end;
    }
    starts[parts] = end;
    for (let i = keyCount - 1; i >= 0; i--) {
      const at = (starts[owners[i] as number] as number) - 1;
      starts[owners[i] as number] = at;
      members[at] = i;
    }
    return parts;
  }

  private makeRoom(keys: number): void {
    this.members = new Int32Array(keys);
    this.slots = new Int32Array(Math.min(keys, SLOTS));
    this.starts = new Int32Array(Math.min(keys, SLOTS) + 1);
  }
}

/** The slot of all keys of the request just parsed; NO_SLOT: it has none. */
export function commonSlot(parser: RequestReading, bytes: RequestBytes): number {
  const { keyCount } = parser;
  if (keyCount === 0) return NO_SLOT;
  const slot = slotOf(parser, bytes, 0);
  for (let i = 1; i < keyCount; i++) if (slotOf(parser, bytes, i) !== slot) return SEVERAL_SLOTS;
  return slot;
}

function slotOf({ keyStarts, keyEnds }: RequestReading, { keyBuf }: RequestBytes, key: number): number {
  return keySlot(keyBuf, keyStarts[key] as number, keyEnds[key] as number);
}
