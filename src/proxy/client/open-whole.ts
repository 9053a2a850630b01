import type { Session } from '../../protocol/protocol.ts';
import type { ClientHost } from '../client-host.ts';
import type { ClientMeter } from '../limits/client-meter.ts';
import { WHOLE_FITS } from '../limits/whole-fit.ts';
import type { RequestOrigin } from '../request-origin.ts';

/**
 * Opens the transaction that begins at `buf[start]` as a whole, if all of it is in `buf[start, end)` and limits let all of it through:
 * it is charged here, or has to wait, or is refused. Otherwise it goes on in parts, as if it had come so. The parser is used.
 */
export function openWhole(
  host: ClientHost,
  origin: RequestOrigin,
  session: Session,
  meter: ClientMeter | null,
  buf: Buffer,
  start: number,
  end: number,
): void {
  const { parser, router, requestBytes } = host;
  const requests = parser.wholeTransaction(session, buf, start, end);
  if (requests === 0) return;
  const { wholeParts, wholeBytes } = parser;
  if (meter !== null) {
    if (meter.mustWait()) return;
    if (meter.wholeRefusal(wholeParts) !== null) {
      router.refuseWhole(origin);
      return;
    }
    if (meter.fit(wholeParts) !== WHOLE_FITS) return;
  }
  if (wholeBytes === null) requestBytes.set(buf, start, end, null);
  else requestBytes.set(wholeBytes, 0, wholeBytes.length, null);
  router.openWhole(origin, parser, requestBytes, requests);
  requestBytes.clear();
  if (origin.privateLane !== null) meter?.chargeWhole(wholeParts);
}
