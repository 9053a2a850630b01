import type { LimitConfig } from '../config/config.ts';
import type { ProtocolName } from '../protocol/protocol-traits.ts';
import { PROTOCOLS } from '../protocol/protocols.ts';
import type { LimitOptions } from '../proxy/limits/limit-options.ts';

/** What the data path needs of the limits of a tenant whose clients speak `protocol`. */
export function limitOptions(config: LimitConfig | null, protocol: ProtocolName): LimitOptions | null {
  if (config === null) return null;
  const { requests, bytesIn, bytesOut, pending, requestBytes, requestKeys, burstMs, over } = config;
  return {
    ...{ requests, bytesIn, bytesOut, pending, requestBytes, requestKeys, burstMs, isRefusing: over === 'error' },
    commands: (config.commands ?? []).map(({ name, rate }) => ({
      name,
      rate,
      commands: new Set(PROTOCOLS[protocol].commandsOf(name)),
    })),
  };
}
