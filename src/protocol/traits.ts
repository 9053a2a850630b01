import type { SettingTable } from '../settings/setting.ts';

/**
 * What the control side knows of a protocol: it reads the configuration and asks servers whether they are there, and
 * never sees a client's bytes, so it loads neither parser nor scanner.
 */
export interface ProtocolTraits {
  /** For people. */
  readonly title: string;
  /** Of the pools that speak it, beside those that all pools have. */
  readonly settings: SettingTable;
  /** How many kinds of server connections there are; see `Session.variant`. */
  readonly variants: number;
  /** Why there is more than one, as an addition to `server_connections`; empty when there is one. */
  readonly variantsNote: string;
}
