import type { HostPort } from '../config/address.ts';
import type { ConfigFile } from './config-file.ts';

export interface MasterOptions {
  readonly pidFile: string | null;
  /** Where twemproxy's statistics port is served; null: nowhere. */
  readonly statsAddress: HostPort | null;
  readonly configFile: ConfigFile;
}
