import { closeSync, fsyncSync, openSync, readFileSync, realpathSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { type ReshardRecord, readRecord } from './reshard-record.ts';

/** The record of a reshard, beside the configuration file. Whoever reads it has the old one or the new one, also after a crash. */
export class RecordFile {
  readonly path: string;

  constructor(configFile: string) {
    this.path = `${resolved(configFile)}.reshard.json`;
  }

  /** null: there is none. Throws an Error whose message is a sentence for the operator. */
  read(): ReshardRecord | null {
    try {
      return readRecord(readFileSync(this.path, 'utf8'));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      throw new Error(`cannot use ${this.path}, which says how far a reshard is: ${message}`);
    }
  }

  /** It is on the disk when this returns. Throws an Error. */
  write(record: ReshardRecord): void {
    const directory = path.dirname(this.path);
    const temporary = path.join(directory, `.${path.basename(this.path)}.${process.pid}.tmp`);
    // What an earlier process of this number left.
    rmSync(temporary, { force: true });
    try {
      // There may be passwords in the file that it brings.
      const file = openSync(temporary, 'wx', 0o600);
      try {
        const bytes = Buffer.from(JSON.stringify(record, null, 2));
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    const entry = openSync(directory, 'r');
    try {
      fsyncSync(entry);
    } finally {
      closeSync(entry);
    }
  }
}

/** A link goes on to point at the file that it points at; a file that is not there keeps its name. */
function resolved(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
