import type { FailureReason } from '../../request/failure.ts';
import type { ClientHost } from '../client-host.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { ClientMeter } from './client-meter.ts';

/** Charges the request just parsed, of so many bytes, or refuses it; false: it is refused, and answered. */
export function charge(meter: ClientMeter, host: ClientHost, origin: RequestOrigin, bytes: number): boolean {
  const { parser, router, stats } = host;
  const { command, keyCount } = parser;
  // Charged with all of its transaction, or not at all.
  const isOfWhole = origin.privateLane?.isGoingThrough === true;
  let reason: FailureReason | null = null;
  const mayRefuse = router.mayRefuse(origin, parser);
  if (mayRefuse) {
    reason = isOfWhole ? meter.refusalInWhole(bytes, keyCount) : meter.refusal(command, bytes, keyCount);
  }
  if (reason === null) {
    if (!isOfWhole) meter.charge(command, bytes, mayRefuse);
    return true;
  }
  stats.limitRefusals++;
  router.refuse(origin, parser, reason);
  return false;
}
