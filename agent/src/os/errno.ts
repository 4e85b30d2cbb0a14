// os/errno: text of an errno. The numbers differ between architectures, so it is from the C library (strerror).
import * as std from 'qjs:std';

/** "No such file or directory (errno 2)". */
export function errnoText(errno: number): string {
  return `${std.strerror(errno)} (errno ${errno})`;
}
