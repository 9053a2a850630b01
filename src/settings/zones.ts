import { type Kind, text } from './kinds.ts';
import { SettingError } from './setting-error.ts';

/** Where servers stand: those at this `host:port`, `/path` or host. */
export interface ZonedAddress {
  readonly at: string;
  readonly zone: string;
}

/** A name without spaces. @throws SettingError */
export function checkZone(written: string): string {
  if (!/^[\w.:-]{1,64}$/.test(written)) {
    throw new SettingError(`${JSON.stringify(written)} is no name of a zone: letters, digits, ".", ":", "_" and "-"`);
  }
  return written;
}

/** `10.0.0.1:6379=eu-1a`, `10.0.0.1=eu-1a`. */
export function zonedAddress(): Kind<ZonedAddress> {
  const read = (written: string): ZonedAddress => {
    const equals = written.lastIndexOf('=');
    const at = written.slice(0, Math.max(0, equals)).trim();
    if (at === '' || /\s/.test(at)) {
      throw new SettingError(`must be such as 10.0.0.1:6379=eu-1a or 10.0.0.1=eu-1a, not ${JSON.stringify(written)}`);
    }
    return { at, zone: checkZone(written.slice(equals + 1).trim()) };
  };
  return text('address=zone', read, ({ at, zone }) => `${at}=${zone}`);
}
