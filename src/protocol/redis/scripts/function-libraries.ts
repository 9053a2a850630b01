import { hash } from 'node:crypto';
import type { KeptChange } from '../../kept-memory.ts';
import type { Gift } from '../../remedy.ts';
import { EMPTY_ARRAY, encodeRequest } from '../resp.ts';
import { librariesOf } from './function-dump.ts';

/** What a library costs beside its text. */
const LIBRARY_BYTES = 300;
/** Functions whose libraries were looked for, and the longest name of one that is kept. */
const MAX_FUNCTIONS = 1000;
const MAX_NAME_BYTES = 128;
const FIRST_LINE_MAX_BYTES = 256;
/** Of a library that other workers are told; of a larger one they only hear that theirs is not the newest. */
const TOLD_MAX_BYTES = 128 * 1024;
const NAMED = /^#![^\n]*?\sname=([\w]+)/;

/**
 * The libraries that servers have taken from clients of a pool, for those that come later or lose them. All workers hear of each
 * change in the same order, so that none keeps a text that another has replaced.
 */
export class FunctionLibraries {
  memoryBytes = 0;
  /** By name, as servers are given them: none replaces what a server has. The oldest first. */
  private readonly libraries = new Map<string, Gift>();
  private limitBytes = 0;
  /** What a function needs, of those asked for since the libraries changed last. */
  private readonly byFunction = new Map<string, readonly Gift[]>();
  private readonly tell: (change: KeptChange) => void;

  constructor(tell: (change: KeptChange) => void = () => {}) {
    this.tell = tell;
  }

  /** 0: none are kept. */
  setLimit(limitBytes: number): void {
    this.limitBytes = limitBytes;
    this.shrink();
  }

  get count(): number {
    return this.libraries.size;
  }

  /** A server has taken it. */
  loaded(code: Buffer): void {
    const name = NAMED.exec(code.toString('latin1', 0, FIRST_LINE_MAX_BYTES))?.[1];
    if (name === undefined) return;
    this.keep(name, code);
    if (code.length <= TOLD_MAX_BYTES) this.tell({ name, code: code.toString('base64') });
    else this.tell({ name, code: null, digest: digestOf(encodeRequest('FUNCTION', 'LOAD', code)) });
  }

  /** Of a change in some worker, as that has told of it; what it is not is not heard. */
  hear({ name, code, digest }: KeptChange): void {
    if (name === null) this.clear();
    else if (typeof name !== 'string') return;
    else if (typeof code === 'string') this.keep(name, Buffer.from(code, 'base64'));
    else {
      const own = this.libraries.get(name);
      if (own !== undefined && digest !== digestOf(own.request)) this.forget(name);
    }
  }

  /** Servers have taken a dump; `isAdded`: to what they had, else that is gone. */
  restored(dump: Buffer, isAdded: boolean): void {
    if (!isAdded) this.flushed();
    const libraries = librariesOf(dump, this.limitBytes);
    // Some of it may have taken the place of what is known here.
    if (libraries === null) this.flushed();
    else for (const code of libraries) this.loaded(code);
  }

  deleted(name: string): void {
    this.tell({ name, code: null });
    this.forget(name);
  }

  /** Servers have none any more. */
  flushed(): void {
    this.tell({ name: null });
    this.clear();
  }

  private forget(name: string): void {
    this.byFunction.clear();
    const gift = this.libraries.get(name);
    if (gift === undefined) return;
    this.libraries.delete(name);
    this.memoryBytes -= costOf(gift);
  }

  clear(): void {
    this.byFunction.clear();
    this.libraries.clear();
    this.memoryBytes = 0;
  }

  /** Those whose text has the name of the function; where none has it, all: it may have been put together. */
  with(name: Buffer): readonly Gift[] {
    const key = name.toString('latin1');
    const known = this.byFunction.get(key);
    if (known !== undefined) return known;
    const gifts = [...this.libraries.values()];
    const found = gifts.filter(({ request }) => request.includes(name));
    const needed = found.length > 0 ? found : gifts;
    if (this.byFunction.size >= MAX_FUNCTIONS || key.length > MAX_NAME_BYTES) this.byFunction.clear();
    if (key.length <= MAX_NAME_BYTES) this.byFunction.set(key, needed);
    return needed;
  }

  private keep(name: string, code: Buffer): void {
    const request = encodeRequest('FUNCTION', 'LOAD', code);
    // Connections know by the gift that they were given it.
    if (this.libraries.get(name)?.request.equals(request)) return;
    this.forget(name);
    const check = { request: encodeRequest('FUNCTION', 'LIST', 'LIBRARYNAME', name), absent: EMPTY_ARRAY };
    const gift = { request, isLasting: true, check };
    this.libraries.set(name, gift);
    this.memoryBytes += costOf(gift);
    this.shrink();
  }

  private shrink(): void {
    for (const name of this.libraries.keys()) {
      if (this.memoryBytes <= this.limitBytes) return;
      this.forget(name);
    }
  }
}

function digestOf(request: Buffer): string {
  return hash('sha1', request, 'hex');
}

function costOf({ request }: Gift): number {
  return request.length + LIBRARY_BYTES;
}
