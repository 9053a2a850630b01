import { crc32 } from 'node:zlib';
import { SeededRandom } from '../support/seeded-random.ts';

/** One parser, or a pair that must agree, with what can go wrong in it. */
export interface FuzzTarget {
  readonly name: string;
  /** What a path of a source file contains whose branches this target is after. */
  readonly sources: readonly string[];
  /** Mutation puts these into inputs. */
  readonly tokens: readonly Buffer[];
  /** A new input, by the grammar, more often right than wrong. */
  generate(random: SeededRandom): Buffer;
  /** Throws when the input shows a fault. The same input always gives the same outcome. */
  check(input: Buffer): void;
}

/** Choices inside a check, where to split for example: they follow from the input, so that a fault can be had again. */
export function randomOf(input: Buffer): SeededRandom {
  return new SeededRandom(crc32(input));
}

/** Something a check found; other errors are faults too, thrown by what is checked. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** `what`: a function where it takes time to say. */
export function expect(isRight: boolean, what: string | (() => string)): asserts isRight {
  if (!isRight) throw new Fault(typeof what === 'string' ? what : what());
}

/** Texts as byte buffers, a byte a character. */
export function tokens(...texts: readonly string[]): readonly Buffer[] {
  return texts.map(text => Buffer.from(text, 'latin1'));
}

/** Bytes for a message. */
export function quoted(text: string | Buffer): string {
  const latin1 = typeof text === 'string' ? text : text.toString('latin1');
  return JSON.stringify(latin1.length > 200 ? `${latin1.slice(0, 200)}… (${latin1.length} bytes)` : latin1);
}

/**
 * Where to cut `length` bytes: nowhere, after each byte, or at random places, from few to many. Positions ascend and
 * are inside.
 */
export function randomCuts(random: SeededRandom, length: number): number[] {
  if (length < 2) return [];
  const count = random.pick([1, 1, 2, 5, Math.ceil(length / 3)]);
  const cuts = new Set<number>();
  for (let i = 0; i < Math.min(count, 200); i++) cuts.add(random.between(1, length - 1));
  return [...cuts].sort((a, b) => a - b);
}

/** Every position of so many bytes, or of the first and last of many. */
export function everyCut(length: number): number[] {
  const cuts: number[] = [];
  for (let at = 1; at < length; at++) if (length <= MOST_SINGLE_BYTES || at < 500 || at > length - 500) cuts.push(at);
  return cuts;
}

const MOST_SINGLE_BYTES = 4000;
