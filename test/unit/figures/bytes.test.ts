import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader, ByteWriter, FormatError } from '../../../src/figures/bytes.ts';

const INTEGERS = [0, 1, 127, 128, 300, 16_383, 16_384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, 2 ** 53 - 1];

test('numbers, texts and runs come out as they went in, also when the writer has to grow', () => {
  const out = new ByteWriter();
  for (let round = 0; round < 500; round++) {
    for (const value of INTEGERS) out.varint(value);
    out.double(-0.1);
    out.byte(255);
    out.text('größe "x"\n');
    out.run(Buffer.from('abcdef'), 2, 4);
  }
  const from = new ByteReader(out.bytes());
  for (let round = 0; round < 500; round++) {
    for (const value of INTEGERS) assert.equal(from.varint(), value);
    assert.equal(from.double(), -0.1);
    assert.equal(from.byte(), 255);
    assert.equal(from.text(), 'größe "x"\n');
    assert.equal(from.run().toString(), 'cd');
  }
  assert.ok(from.isAtEnd);
  out.clear();
  assert.equal(out.bytes().length, 0);
});

test('what ends too early or is too large is refused', () => {
  const refused = (bytes: number[], read: (from: ByteReader) => unknown) =>
    assert.throws(() => read(new ByteReader(Buffer.from(bytes))), FormatError, String(bytes));
  refused([], from => from.byte());
  refused([128], from => from.varint());
  refused(Array(9).fill(255), from => from.varint());
  refused([...Array(7).fill(255), 127], from => from.varint());
  refused([5, 65], from => from.text());
  refused([1, 2, 3], from => from.double());
});
