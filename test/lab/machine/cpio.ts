// The initial RAM file system: a cpio archive in the "newc" format the kernel unpacks
// (Documentation/driver-api/early-userspace/buffer-format.rst). Written here because it may hold
// device nodes, which a plain user cannot make on the host.

export type CpioEntry =
  | { readonly path: string; readonly kind: 'directory' }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | { readonly path: string; readonly kind: 'file'; readonly mode: number; readonly bytes: Buffer }
  | {
      readonly path: string;
      readonly kind: 'character';
      readonly major: number;
      readonly minor: number;
    };

const FORMAT = { directory: 0o040755, link: 0o120777, file: 0o100000, character: 0o020600 };

/** The archive of `entries`; parents have to come before what they hold. */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  entries.forEach((entry, index) => {
    const mode = FORMAT[entry.kind] | (entry.kind === 'file' ? entry.mode : 0);
    const body =
      entry.kind === 'file'
        ? entry.bytes
        : Buffer.from(entry.kind === 'link' ? entry.target : '', 'utf8');
    const device: [number, number] =
      entry.kind === 'character' ? [entry.major, entry.minor] : [0, 0];
    parts.push(...record(entry.path, index + 1, mode, device, body));
  });
  parts.push(...record('TRAILER!!!', 0, 0, [0, 0], Buffer.alloc(0)));
  return Buffer.concat(parts);
}

function record(
  path: string,
  inode: number,
  mode: number,
  [major, minor]: [number, number],
  body: Buffer,
): Buffer[] {
  const name = Buffer.from(`${path}\0`, 'utf8');
  const fields = [inode, mode, 0, 0, 1, 0, body.length, 0, 0, major, minor, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return [padded(Buffer.concat([Buffer.from(header, 'latin1'), name])), padded(body)];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
