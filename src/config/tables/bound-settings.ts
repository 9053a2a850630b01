import { count, size } from '../../settings/kinds.ts';
import type { SettingTable } from '../../settings/setting.ts';

const MIN_REQUEST_BYTES = 1024;
/**
 * Places in a request are kept as 32-bit numbers. A value may be announced that begins just below the limit and is 512 MB
 * long, so 2 GB less 512 MB would be the most; no client of ours and no server takes so much.
 */
const MAX_REQUEST_BYTES = 1024 ** 3;
/** A socket says that it drained only when more than its own buffer (64 KiB) was waiting. */
const MIN_BUFFER_BYTES = 128 * 1024;

/** How much is kept for one client or one server connection. */
export const BOUND_SETTINGS = {
  maxRequestBytes: {
    key: 'max_request_bytes',
    kind: size(MIN_REQUEST_BYTES, MAX_REQUEST_BYTES, 'because places in a request are 32-bit numbers'),
    default: '513mb',
    about:
      'The longest request a client may send, 1gb at most; the default takes a Redis value of 512 MB and its command.',
    applies: 'live',
  },
  /** Pending requests of one client above which we stop reading from it. */
  maxPipeline: {
    key: 'max_pipeline',
    kind: count(1),
    default: '4096',
    about: 'Unanswered requests of one client above which no more are read from it for the moment.',
    applies: 'live',
  },
  /** Unsent replies or unanswered requests of one client above which we stop reading from it. */
  clientBufferBytes: {
    key: 'client_buffer',
    kind: size(MIN_BUFFER_BYTES),
    default: '1mb',
    about:
      'Bytes of unsent replies or unanswered requests of one client above which no more is read from it for the moment.',
    applies: 'live',
  },
  /** Unsent replies of one client above which it is cut off. */
  clientOutputLimitBytes: {
    key: 'client_output_limit',
    kind: size(MIN_BUFFER_BYTES),
    default: '1gb',
    about: 'Bytes of unsent replies above which a client that does not read is cut off.',
    applies: 'live',
  },
  /** Requests queued or in flight per server connection; over it they fail at once. */
  maxInflight: {
    key: 'max_inflight',
    kind: count(1),
    default: '1048576',
    about: 'Requests queued or unanswered on one server connection; above it they fail at once.',
    applies: 'live',
  },
  /** Unsent request bytes per server connection; over it requests fail at once. */
  serverOutputLimitBytes: {
    key: 'server_output_limit',
    kind: size(MIN_BUFFER_BYTES),
    default: '1gb',
    about: 'Bytes of unsent requests on one server connection; above it requests fail at once.',
    applies: 'live',
  },
} as const satisfies SettingTable;
