// What the world's programs use of the quickjs host: qjs:os, qjs:std and the socket module.

declare module 'qjs:os' {
  export function close(fd: number): number;
  export function setReadHandler(fd: number, handler: (() => void) | null): void;
  export function setWriteHandler(fd: number, handler: (() => void) | null): void;
  export function setTimeout(handler: () => void, ms: number): unknown;
  export function clearTimeout(timer: unknown): void;
  export function signal(signal: number, handler: (() => void) | null): void;
  export function remove(path: string): number;
  export const SIGTERM: number;
}

declare module 'qjs:std' {
  export interface File {
    puts(text: string): void;
    flush(): void;
    close(): number;
  }
  export function open(path: string, mode: string): File | null;
  export function exit(status: number): never;
  export const out: File;
  export const err: File;
}

declare module 'whp:socket' {
  export function socket(domain: number, type: number, protocol: number): number;
  export function bind(fd: number, address: ArrayBuffer): number;
  export function connect(fd: number, address: ArrayBuffer): number;
  export function listen(fd: number, backlog: number): number;
  export function accept(fd: number): number;
  export function send(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
  ): number;
  export function sendto(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
    address: ArrayBuffer,
  ): number;
  export function recv(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
  ): number;
  export function recvfrom(
    fd: number,
    buffer: ArrayBuffer,
    offset: number,
    length: number,
    flags: number,
    address: ArrayBuffer,
  ): number;
  export function setsockopt(fd: number, level: number, name: number, bytes: ArrayBuffer): number;
  export function getsockopt(fd: number, level: number, name: number, bytes: ArrayBuffer): number;
  export function getsockname(fd: number, address: ArrayBuffer): number;
  export function monotonic(): number;
}

declare var scriptArgs: string[];
