// What a client reads of a reply that is transformed; the pieces are overwritten once they were taken.
import type { ReplyTransform } from '../../../../src/protocol/reply-transform.ts';

/** The reply comes in pieces cut at `cuts`, ascending. */
export function transformed(transform: ReplyTransform, reply: Buffer, cuts: readonly number[] = []): string {
  let text = '';
  const pending: { buf: Buffer; start: number; end: number }[] = [];
  const out = { append: (buf: Buffer, start: number, end: number) => void pending.push({ buf, start, end }) };
  const ends = [...cuts, reply.length];
  let from = 0;
  for (const [i, to] of ends.entries()) {
    const piece = Buffer.concat([Buffer.from('<<'), reply.subarray(from, to), Buffer.from('>>')]);
    transform.piece(piece, 2, piece.length - 2, i === ends.length - 1, out);
    // Read only now: what is appended must stay as it is until the call returns.
    for (const { buf, start, end } of pending.splice(0)) text += buf.toString('latin1', start, end);
    piece.fill('!');
    from = to;
  }
  return text;
}
