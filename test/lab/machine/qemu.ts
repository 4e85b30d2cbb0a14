// A machine's description -> the command line of its emulator. Rootless: TCG only, no tap, no
// vhost; wires and control channels are Unix sockets in the lab's own directory.
import { join } from 'node:path';

export type Board = 'malta-el' | 'malta-el64' | 'malta-be' | 'pc';

/** Network cards that can be compared (`lab.sh speed --card`); virtio is the fastest on both boards. */
export type Card = 'virtio' | 'e1000';

export interface Wire {
  readonly name: string;
  /** The machine that listens has to be started first. */
  readonly listens: boolean;
  readonly mac: string;
  /** Where all packets of the wire are written to (pcap), if anywhere. */
  readonly capture?: string;
}

export interface Hardware {
  readonly board: Board;
  /** MiB of memory. */
  readonly memory: number;
  /** Emulated processors; 1 by default. */
  readonly processors?: number;
  /** The emulator's nice value, 0 to 19; 0 by default. */
  readonly nice?: number;
  readonly kernel: string;
  readonly initramfs: string;
  /** Raw, read-only disk images: /dev/vda, /dev/vdb, ... */
  readonly disks: readonly string[];
  readonly wires: readonly Wire[];
  readonly card: Card;
  /** Number of control channels. */
  readonly channels: number;
  /** Added to the kernel's command line. */
  readonly append: string;
}

// A 34K is a 24K core with a second hardware thread (unused here) and 64 TLB entries. A 24K has 16,
// and a program of 4 MB misses them all the time; the emulator charges for a miss what it charges for
// hundreds of instructions, several times more than the silicon does, and a loop's speed then says
// more about which pages it happens to lie in than about its work (docs/decisions.md, "Speed").
// WHP_CPU=24Kf has the 16 entries.
const MIPS_CPU = process.env.WHP_CPU ?? '34Kf';

const EMULATOR: Record<Board, readonly string[]> = {
  'malta-el': ['qemu-system-mipsel', '-M', 'malta', '-cpu', MIPS_CPU],
  'malta-el64': ['qemu-system-mips64el', '-M', 'malta', '-cpu', '5KEf'],
  'malta-be': ['qemu-system-mips', '-M', 'malta', '-cpu', MIPS_CPU],
  // "max" has RDRAND, so the kernel's random numbers are ready at once.
  pc: ['qemu-system-x86_64', '-M', 'pc', '-cpu', 'max'],
};

const MODEL: Record<Card, string> = {
  // The kernel takes a 4Kc for strongly ordered: no barrier stands between "here is a packet" and "does
  // the card want to be told", while the emulated card works beside it, and now and then is not told.
  // With event indexes it never is again; without them the next packet tells it of both.
  virtio: 'virtio-net-pci,event_idx=off',
  e1000: 'e1000',
};

// Malta routes interrupts of PCI slots 18 to 21 only: 18 and 19 to line 10, 20 and 21 to line 11
// (arch/mips/pci/fixup-malta.c). The two cards get different lines. A pc needs no such care.
const MALTA_SLOTS: Readonly<Record<string, string>> = {
  lan: '12.0',
  disk0: '13.0',
  disk1: '13.1',
  wan: '14.0',
  serial: '15.0',
  random: '15.1',
};

/** `,addr=...` for the device `role`, where the board wants it. */
function slot(board: Board, role: string): string {
  const address = MALTA_SLOTS[role];
  if (board === 'pc' || address === undefined) return '';
  return `,addr=${address}${address.endsWith('.0') ? ',multifunction=on' : ''}`;
}

/** Unix socket of control channel `index` of the machine `name`. */
export function channelPath(directory: string, name: string, index: number): string {
  return join(directory, `${name}.control${index}`);
}

/** Unix socket of the wire `name`. */
export function wirePath(directory: string, name: string): string {
  return join(directory, `${name}.wire`);
}

/** Program and arguments that start `hardware` with its sockets in `directory`. */
export function emulator(
  name: string,
  hardware: Hardware,
  directory: string,
  consoleLog: string,
): readonly string[] {
  const serial = hardware.board === 'pc' ? 'ttyS0' : 'ttyS0,38400n8r';
  const append = `console=${serial} rdinit=/init panic=-1 random.trust_cpu=on ${hardware.append}`;
  return [
    ...['nice', '-n', String(hardware.nice ?? 0)],
    ...EMULATOR[hardware.board],
    ...['-accel', 'tcg', '-m', String(hardware.memory), '-nodefaults', '-no-user-config'],
    ...['-smp', String(hardware.processors ?? 1)],
    ...['-name', `whp-lab-${name}`, '-display', 'none', '-no-reboot'],
    ...['-chardev', `file,id=console,path=${consoleLog}`, '-serial', 'chardev:console'],
    ...['-kernel', hardware.kernel, '-initrd', hardware.initramfs, '-append', append],
    ...hardware.disks.flatMap((disk, index) => [
      '-drive',
      `if=none,id=disk${index},file=${disk},format=raw,readonly=on`,
      '-device',
      `virtio-blk-pci,drive=disk${index}${slot(hardware.board, `disk${index}`)}`,
    ]),
    ...hardware.wires.flatMap((wire) => wireArguments(wire, directory, hardware)),
    '-device',
    `virtio-serial-pci,max_ports=${hardware.channels + 1}${slot(hardware.board, 'serial')}`,
    ...Array.from({ length: hardware.channels }, (_, index) => [
      '-chardev',
      `socket,id=control${index},path=${channelPath(directory, name, index)},server=on,wait=off`,
      '-device',
      `virtserialport,chardev=control${index},name=whp.${index}`,
    ]).flat(),
    ...['-object', 'rng-builtin,id=rng', '-device'],
    `virtio-rng-pci,rng=rng${slot(hardware.board, 'random')}`,
  ];
}

function wireArguments(wire: Wire, directory: string, hardware: Hardware): string[] {
  // A stream, because datagram sockets hold ten packets (net.unix.max_dgram_qlen) and the rest
  // waits for a poll or is lost: a quarter of the speed here.
  const netdev =
    `stream,id=${wire.name},server=${wire.listens ? 'on' : 'off'},` +
    `addr.type=unix,addr.path=${wirePath(directory, wire.name)}`;
  const card = `${MODEL[hardware.card]},netdev=${wire.name},mac=${wire.mac},romfile=`;
  return [
    ...['-netdev', netdev],
    ...['-device', card + slot(hardware.board, wire.name)],
    ...(wire.capture === undefined
      ? []
      : ['-object', `filter-dump,id=${wire.name}-pcap,netdev=${wire.name},file=${wire.capture}`]),
  ];
}
