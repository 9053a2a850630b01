import type { HostPort } from '../config/address.ts';
import type { ConfigFile } from './configuration/config-file.ts';
import type { Takeover } from './upgrade/takeover.ts';

export interface MasterOptions {
  readonly pidFile: string | null;
  /** Where twemproxy's statistics port is served; null: nowhere. */
  readonly statsAddress: HostPort | null;
  readonly configFile: ConfigFile;
  /** Of the master whose place this one takes; null: there is none. */
  readonly takeover: Takeover | null;
}
