/** 32 KiB. */
const SLAB_KEYS = 8192;

/**
 * Memory for the owners of keys, in slabs, as `Buffer.allocUnsafe` has them: a typed array of its own for each request
 * would cost several times a view of one. A slab is the collector's once the last request of it is.
 */
export class KeyOwners {
  private slab = new Int32Array(SLAB_KEYS);
  private used = 0;

  /** Room for `count` owners, which is another's with the next call unless `keep` comes first. */
  take(count: number): Int32Array {
    if (count > SLAB_KEYS / 4) return new Int32Array(count);
    if (this.used + count > SLAB_KEYS) {
      this.slab = new Int32Array(SLAB_KEYS);
      this.used = 0;
    }
    return this.slab.subarray(this.used, this.used + count);
  }

  keep(count: number): void {
    if (count <= SLAB_KEYS / 4) this.used += count;
  }
}
