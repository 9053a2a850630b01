// node bench/micro/copy.ts
// Short copies between two buffers: Buffer.copy and copyBytes.
import { takeBlock } from '../../src/memory/block.ts';
import { addressOf, copyBytes } from '../../src/system/copy.ts';
import { measure, printTable } from './measure.ts';

const SIZES = [7, 30, 60, 220, 1000, 5500];
const MEMORY_BYTES = 64 * 1024;
/** Places of copies, a power of two. */
const PLACES = 1024;
const PLACE_BYTES = 8;

const target = takeBlock(MEMORY_BYTES);
const source = Buffer.allocUnsafeSlow(MEMORY_BYTES);
const sourceAddress = addressOf(source);

function byBuffer(size: number) {
  return (calls: number) => {
    for (let i = 0; i < calls; i++) {
      const at = (i & (PLACES - 1)) * PLACE_BYTES;
      source.copy(target.bytes, at, at, at + size);
    }
  };
}

function byAddress(size: number) {
  return (calls: number) => {
    for (let i = 0; i < calls; i++) {
      const at = (i & (PLACES - 1)) * PLACE_BYTES;
      copyBytes(target.bytes, target.address, at, source, sourceAddress, at, at + size);
    }
  };
}

const rows = SIZES.map(size => [
  String(size),
  measure(byBuffer(size)).nsPerCall.toFixed(1),
  measure(byAddress(size)).nsPerCall.toFixed(1),
]);
printTable(['bytes', 'Buffer.copy ns', 'copyBytes ns'], rows);
