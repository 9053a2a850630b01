import type { Gift, Remedy } from '../remedy.ts';

/** What the requests of one transaction need of their server, which is given it ahead of all of them. */
export class SeveralRemedies implements Remedy {
  readonly gifts: readonly Gift[];
  readonly isGivenAhead = true;
  readonly isForReplicas = false;
  private readonly remedies: readonly Remedy[];

  constructor(remedies: readonly Remedy[]) {
    this.remedies = remedies;
    this.gifts = remedies.flatMap(({ gifts }) => gifts);
  }

  isLacking(buf: Buffer, start: number, end: number): boolean {
    return this.remedies.some(remedy => remedy.isLacking(buf, start, end));
  }

  isLackingInside(buf: Buffer, start: number, end: number): boolean {
    return this.remedies.some(remedy => remedy.isLackingInside(buf, start, end));
  }
}
