import { inSlices } from '../system/slices.ts';
import type { Config } from './config.ts';
import { withKnownPools } from './known-pools.ts';
import { parseConfigFile, readConfigBytes, textOf } from './load.ts';
import { parseInBackground } from './parsing-thread.ts';
import { Secrets } from './secrets.ts';

/** Reading takes a second per MB at worst, and a thread 200 ms until it begins: what is smaller is read at once. */
const AT_ONCE_BYTES = 32 * 1024;

/** What a file came to when it was last read. */
interface Known {
  readonly bytes: Buffer;
  readonly config: Config;
  readonly secrets: Secrets;
}

/**
 * A file that is read again and again: as long as its bytes are the same, and the secrets that it refers to, what it says is not
 * worked out anew.
 */
export class RereadConfig {
  private readonly path: string;
  private known: Known | null = null;

  constructor(path: string) {
    this.path = path;
  }

  /** As `loadConfig`; while it is read nothing else happens. */
  load(): Config {
    const bytes = readConfigBytes(this.path);
    return this.unchanged(bytes) ?? this.readNow(bytes);
  }

  /** The same beside what else there is to do. Rejects with a ConfigError. */
  async loadInBackground(): Promise<Config> {
    const bytes = readConfigBytes(this.path);
    const unchanged = this.unchanged(bytes);
    if (unchanged !== null) return unchanged;
    if (bytes.length <= AT_ONCE_BYTES) return this.readNow(bytes);
    const before = this.known;
    const { config: parsed, secrets } = await parseInBackground(textOf(bytes, this.path), this.path);
    const config = before === null ? parsed : await inSlices(withKnownPools(parsed, before.config));
    this.known = { bytes, config, secrets: new Secrets(this.path, secrets) };
    return config;
  }

  private readNow(bytes: Buffer): Config {
    const secrets = new Secrets(this.path);
    const { config } = parseConfigFile(textOf(bytes, this.path), this.path, secrets);
    this.known = { bytes, config, secrets };
    return config;
  }

  private unchanged(bytes: Buffer): Config | null {
    const { known } = this;
    return known?.bytes.equals(bytes) && known.secrets.areCurrent() ? known.config : null;
  }
}
