import type { CaseList } from './command-case.ts';

export const GEO_CASES: Readonly<Record<string, CaseList>> = {
  geoadd: [
    'GEOADD geo 13.5 37.3 Agrigento',
    'GEOADD geo XX CH 13.5 37.4 Agrigento',
    'GEOADD geo 200 0 x',
    'GEOADD geo x 0 y',
    'GEOADD str 1 1 x',
  ],
  geodist: [
    'GEODIST geo Palermo Catania',
    'GEODIST geo Palermo Catania km',
    'GEODIST geo Palermo none',
    'GEODIST geo Palermo Catania miles',
    'GEODIST str a b',
  ],
  geohash: ['GEOHASH geo Palermo none', 'GEOHASH none a', 'GEOHASH str a'],
  geopos: ['GEOPOS geo Palermo none', 'GEOPOS none a', 'GEOPOS str a'],
  georadius: [
    'GEORADIUS geo 15 37 200 km WITHDIST WITHCOORD ASC',
    'GEORADIUS geo 15 37 200 km COUNT 1',
    'GEORADIUS geo 15 37 200 km STORE to',
    'ZRANGE to 0 -1',
    'GEORADIUS geo 15 37 200 km WRONG',
    'GEORADIUS none 15 37 200 km',
    'GEORADIUS str 15 37 200 km',
  ],
  georadius_ro: ['GEORADIUS_RO geo 15 37 200 km ASC', 'GEORADIUS_RO geo 15 37 200 km STORE to'],
  georadiusbymember: [
    'GEORADIUSBYMEMBER geo Palermo 200 km ASC',
    'GEORADIUSBYMEMBER geo Palermo 200 km STOREDIST to',
    'ZRANGE to 0 -1',
    'GEORADIUSBYMEMBER geo none 200 km',
    'GEORADIUSBYMEMBER str a 1 km',
  ],
  georadiusbymember_ro: ['GEORADIUSBYMEMBER_RO geo Palermo 100 km', 'GEORADIUSBYMEMBER_RO none a 100 km'],
  geosearch: [
    'GEOSEARCH geo FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST WITHHASH',
    'GEOSEARCH geo FROMMEMBER Palermo BYRADIUS 1 km',
    'GEOSEARCH geo BYRADIUS 1 km FROMMEMBER none',
    'GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 1 WRONG x',
    'GEOSEARCH str FROMLONLAT 15 37 BYRADIUS 1 km',
  ],
  geosearchstore: [
    'GEOSEARCHSTORE to geo FROMLONLAT 15 37 BYRADIUS 200 km',
    'ZRANGE to 0 -1',
    'GEOSEARCHSTORE to none FROMLONLAT 15 37 BYRADIUS 200 km',
    'GEOSEARCHSTORE to str FROMLONLAT 15 37 BYRADIUS 200 km',
  ],
};
