import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  type SocketCalls,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
} from './socket-calls.ts';

/** The kernel's own defaults would take eleven minutes from the first probe to the end. */
const PROBES = 3;
/** From one probe to the next, of the time that a connection must be silent before the first. */
const PROBE_SHARE = 1 / 6;

/**
 * Has the kernel probe a TCP connection that has been silent for `idleMs` (at least 1 s), and end it when three probes in a
 * row are not answered. What accepts connections hands this on to them (Linux). Unix sockets refuse it, which is well.
 */
export function keepAlive(calls: SocketCalls, descriptor: bigint, idleMs: number): void {
  const seconds = (ms: number) => Math.max(1, Math.round(ms / 1000));
  calls.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  calls.setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, seconds(idleMs));
  calls.setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, seconds(idleMs * PROBE_SHARE));
  calls.setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}
