// The devices of the benchmark's home: each has its own hardware address, by which the agent gives it its share.

export interface Device {
  readonly name: string;
  readonly address: string;
  readonly mac: string;
}

export const DEVICES: readonly Device[] = [12, 13, 14, 15].map((last) => ({
  name: `d${last}`,
  address: `192.168.1.${last}`,
  mac: `02:00:c0:a8:01:${last.toString(16).padStart(2, '0')}`,
}));
