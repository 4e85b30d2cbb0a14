// os/errno: text of an errno. The numbers differ between architectures, so it is from the C library (strerror).
import * as std from 'qjs:std';
import type { KernelError } from '../netlink/kernel-error.ts';

/** "No such file or directory (errno 2)". */
export function errnoText(errno: number): string {
  return `${std.strerror(errno)} (errno ${errno})`;
}

/** "delete set skype_addr4: No such file or directory (errno 2)". */
export function errorText({ operation, object, errno, detail }: KernelError): string {
  return `${operation} ${object}: ${detail ?? errnoText(errno)}`;
}
