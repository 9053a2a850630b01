// What is to be done with a request, as its parser says.
/** Answered by the proxy: `reply`. */
export const ROUTE_LOCAL = 0;
/** To the server of key 0. */
export const ROUTE_KEY = 1;
/** All keys must be on one server. */
export const ROUTE_SAME_SERVER = 2;
/** Split by server when the keys are on several: `fragment` and `coalescer`. */
export const ROUTE_SPLIT = 3;
/** Any server will do. */
export const ROUTE_ANY = 4;
/** To every server: `fragment` is not called, the request goes out as it is; `coalescer` merges. */
export const ROUTE_ALL = 5;
/** On a connection to a server that the client has to itself; `hold` says what it does with that. */
export const ROUTE_PRIVATE = 6;
/** Subscribes to the topics that the keys name, or leaves them; without any, all of the kind. See `topicKind`. */
export const ROUTE_SUBSCRIPTION = 7;
/** To the server `serverPlace`. */
export const ROUTE_SERVER = 8;
/** As ROUTE_ALL, and to those that are out of the ring, too: that one can't do it is not to be passed over. */
export const ROUTE_EVERY = 9;
/** To the server of the channel that key 0 names, which answers how many heard it. */
export const ROUTE_PUBLICATION = 10;
/** To every server, as ROUTE_ALL: who listens there. */
export const ROUTE_AUDIENCE = 11;
/** To all workers: `inquiry`. */
export const ROUTE_CLIENTS = 12;
/** To the owner of the slot `slot` of a cluster. */
export const ROUTE_SLOT = 13;
/** To every server, again and again until it has no more: `sweep`. */
export const ROUTE_SWEEP = 14;
/** As ROUTE_ALL, to each on a connection of one of `variants` that nothing else is asked on meanwhile. */
export const ROUTE_ASIDE = 15;
/** Nothing is known of it, and the servers may tell: `lesson`. Once they have, it is parsed again. */
export const ROUTE_UNKNOWN = 16;
/** For another pool of the port that the client has come by: see `PortGuest.goTo`. That pool parses it again. */
export const ROUTE_ELSEWHERE = 17;
/** It would sign its client in, and whether there is a place for it is asked: see `SignInPlaces`. It is parsed again then. */
export const ROUTE_PLACE = 18;
export type Route = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18;

/** To the servers of its keys, as any other request. */
export function isByKeys(route: Route): boolean {
  return route === ROUTE_KEY || route === ROUTE_SAME_SERVER || route === ROUTE_SPLIT;
}

/** To all servers, now or one after the other. Where a pool has one, hardly any request is. */
export function isOfAllServers(route: Route): boolean {
  if (route === ROUTE_ASIDE) return true;
  return route === ROUTE_ALL || route === ROUTE_AUDIENCE || route === ROUTE_EVERY || route === ROUTE_SERVER;
}

// What a request does with the client's own connection, in `RequestParser.hold`. The words are those of Redis; the keys of
// the request, where it has any, name the server.
/** Nothing. */
export const HOLD_NONE = 0;
/** Opens a transaction. */
export const HOLD_OPEN = 1;
/** Is part of the transaction: the server keeps it until it is run. */
export const HOLD_QUEUE = 2;
/** Was to be part of the transaction, and is refused with `reply`: nothing of that transaction may be run. */
export const HOLD_REFUSE = 3;
/** Runs the transaction, and forgets watched keys. */
export const HOLD_RUN = 4;
/** Gives the transaction up, and forgets watched keys. */
export const HOLD_DISCARD = 5;
/** Has the server watch keys. */
export const HOLD_WATCH = 6;
export const HOLD_UNWATCH = 7;
/** Waits at the server, for `waitMs`. */
export const HOLD_BLOCK = 8;
/** Ends the transaction, of which nothing is run, and forgets watched keys; the client reads `reply`. */
export const HOLD_ABORT = 9;
/** Changes the connection of a client whose keys the server watches. */
export const HOLD_CHANGE = 10;
export type Hold = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

// What a command does, in `RequestParser.flags`.
/** It looks at keys. */
export const FLAG_READS = 1;
/** It may change something on the server. */
export const FLAG_WRITES = 2;
/** The server may take its time to answer, and nothing behind it on the connection is answered before. */
export const FLAG_BLOCKS = 4;
/** Replies come to it without being asked for. */
export const FLAG_SUBSCRIBES = 8;
/** Done twice it does what it does once: it may be sent again though nobody knows whether the server has done it. */
export const FLAG_RESENDABLE = 16;
/** Its reply has a value for each of its keys, or says of one that it is not there. */
export const FLAG_VALUES = 32;
/** A pause of what may write holds it up. */
export const FLAG_PAUSED_AS_WRITE = 64;
/** What its keys were before makes no difference to what it does and answers. */
export const FLAG_OVERWRITES = 128;
/** Nothing is left of its keys. */
export const FLAG_REMOVES = 256;
/** It is dangerous, or for administrators: whoever keeps an audit log wants to hear of it. */
export const FLAG_AUDITED = 512;
