// os/errno: an errno in words. The numbers differ between architectures; the C library knows.
import * as std from 'qjs:std';

/** "No such file or directory (errno 2)". */
export function errnoText(errno: number): string {
  return `${std.strerror(errno)} (errno ${errno})`;
}
