// netlink/kernel-error: the one shape in which a request that the kernel refused is told: which operation on
// which object, and its errno. Callers ask the predicates below and compare no texts; os/errno writes the text.

export interface KernelError {
  /** A verb: "add", "delete", "change", "read", "write", "open", "bind", "load", "restart". */
  readonly operation: string;
  /** What the verb was about, as nft or ip name it: "set skype_addr4", "rule v4 pref 15001 ...". */
  readonly object: string;
  /** Positive; its number depends on the architecture. 0: a program refused, and `detail` has its words. */
  readonly errno: number;
  readonly detail?: string;
}

/** What was asked for, or why the kernel did not give it. */
export type KernelResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: KernelError };

export function refused(operation: string, object: string, errno: number): KernelError {
  return { operation, object, errno };
}

/** A list that ended early: `errno` 0 if the kernel gave no reason. */
export function cutShort(object: string, errno: number): KernelError {
  const error = refused('read', object, errno);
  return errno === 0 ? { ...error, detail: 'the list was cut short' } : error;
}

export function done<T>(value: T): KernelResult<T> {
  return { ok: true, value };
}

export function failed(error: KernelError): { readonly ok: false; readonly error: KernelError } {
  return { ok: false, error };
}

/** ENOENT, ESRCH and ENODEV on every architecture; EADDRNOTAVAIL on x86 and ARM, and on MIPS. */
const NOT_FOUND = [2, 3, 19, 99, 126];
/** EOPNOTSUPP on x86 and ARM, and on MIPS. */
const NOT_SUPPORTED = [95, 122];
/** ENFILE on every architecture. */
const ENFILE = 23;
/** EINVAL on every architecture: what nfnetlink answers for a subsystem whose module is not loaded. */
const EINVAL = 22;
/** EPERM, EACCES and EEXIST on every architecture. */
const EPERM = 1;
const EACCES = 13;
const EEXIST = 17;
/** ENOMEM on every architecture; ENOBUFS on x86 and ARM, and on MIPS. */
const NO_MEMORY = [12, 105, 132];
/** EAFNOSUPPORT and ENETDOWN on x86 and ARM, and on MIPS. */
const NO_FAMILY = [97, 124];
const NET_DOWN = [100, 127];

/** The object of a deletion or a query does not exist. */
export function isNotFound({ errno }: Pick<KernelError, 'errno'>): boolean {
  return NOT_FOUND.includes(errno);
}

/** The kernel has no such kind of object (a GRE device without its module). */
export function isNotSupported({ errno }: Pick<KernelError, 'errno'>): boolean {
  return NOT_SUPPORTED.includes(errno);
}

/** A set has no room for another element. */
export function isFull({ errno }: Pick<KernelError, 'errno'>): boolean {
  return errno === ENFILE;
}

/** No module answers for this subsystem of nfnetlink (conntrack, nflog). */
export function isNoSubsystem({ errno }: Pick<KernelError, 'errno'>): boolean {
  return errno === EINVAL;
}

/** An object with this key exists. */
export function isExisting({ errno }: Pick<KernelError, 'errno'>): boolean {
  return errno === EEXIST;
}

/** The process lacks a capability. */
export function isNotPermitted({ errno }: Pick<KernelError, 'errno'>): boolean {
  return errno === EPERM;
}

/** A setting of the kernel forbids it. */
export function isAccessDenied({ errno }: Pick<KernelError, 'errno'>): boolean {
  return errno === EACCES;
}

export function isNoMemory({ errno }: Pick<KernelError, 'errno'>): boolean {
  return NO_MEMORY.includes(errno);
}

/** The kernel has no such address family here. */
export function isNoFamily({ errno }: Pick<KernelError, 'errno'>): boolean {
  return NO_FAMILY.includes(errno);
}

/** The device is down. */
export function isDown({ errno }: Pick<KernelError, 'errno'>): boolean {
  return NET_DOWN.includes(errno);
}
