import assert from 'node:assert/strict';
import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { RecordFile } from '../../../../src/master/reshard/record-file.ts';
import type { ReshardRecord } from '../../../../src/master/reshard/reshard-record.ts';
import { temporaryDirectory } from '../../../support/child.ts';

const RING = { servers: [], hash: 'murmur', hashTag: null, distribution: 'ketama' } as const;
const RECORD: ReshardRecord = {
  version: 1,
  decision: {
    ...{ id: 'x', seq: 3, pool: 'red', phase: 'both', isBack: false, half: 'whole', otherwise: null },
    ...{ from: RING, to: RING, outcome: null },
  },
  file: { oldDigest: 'd', text: 'pools: {}' },
  coordinator: 'somebody',
  plan: null,
};

function records() {
  const directory = temporaryDirectory('record');
  const config = path.join(directory, 'ringmaster.yml');
  writeFileSync(config, '');
  return { directory, config, file: new RecordFile(config) };
}

describe('the record of a reshard', () => {
  test('is read as it was written, also through a link to the configuration', () => {
    const { directory, config, file } = records();
    assert.equal(file.read(), null);
    file.write(RECORD);
    file.write({ ...RECORD, coordinator: 'another' });
    assert.equal(file.read()?.coordinator, 'another');
    symlinkSync(config, path.join(directory, 'link.yml'));
    assert.deepEqual(new RecordFile(path.join(directory, 'link.yml')).read(), file.read());
  });

  test('is for its owner alone, and leaves nothing beside it', () => {
    const { directory, file } = records();
    file.write(RECORD);
    assert.equal(statSync(file.path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory).sort(), ['ringmaster.yml', 'ringmaster.yml.reshard.json']);
  });

  test('is not guessed', () => {
    const { file } = records();
    for (const text of [
      '',
      '{',
      '{"version":2}',
      '{"version":1}',
      JSON.stringify({ ...RECORD, decision: { id: 1 } }),
    ]) {
      writeFileSync(file.path, text);
      assert.throws(() => file.read(), /cannot use .*reshard\.json, which says how far a reshard is/, text);
    }
  });
});
