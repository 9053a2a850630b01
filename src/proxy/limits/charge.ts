import type { ClientHost } from '../client-host.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { ClientMeter } from './client-meter.ts';

/** Charges the request just parsed, of so many bytes, or refuses it; false: it is refused, and answered. */
export function charge(meter: ClientMeter, host: ClientHost, origin: RequestOrigin, bytes: number): boolean {
  const { parser, router, stats } = host;
  const { command, keyCount } = parser;
  const reason = router.mayRefuse(origin, parser) ? meter.refusal(command, bytes, keyCount) : null;
  if (reason === null) {
    meter.charge(command, bytes);
    return true;
  }
  stats.limitRefusals++;
  router.refuse(origin, parser, reason);
  return false;
}
