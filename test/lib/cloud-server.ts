// A server for cloud-proxy/whp-proxy without its kernel: stand-ins for ip, ss, nft, sysctl and systemctl, first in
// PATH, that answer from files and note each command that changes the machine.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** The options of the examples in the documents. */
export const TUNNEL =
  '--home 198.51.100.10 --address 203.0.113.20 --key 5300 --local 10.213.0.1 --remote 10.213.0.2';

export const SCRIPT = resolve('cloud-proxy/whp-proxy');
/** Where it writes the unit of `home`, below the server's root. */
export const UNIT = 'etc/systemd/system/whp-proxy-home.service';

/** `ip` keeps a device in a file of its own, in the words of iproute2; every change goes into `changes`. */
const IP = `
case "$*" in
  '-o -4 address show') cat "$FAKE/addresses"; cat "$FAKE"/*.inner 2>/dev/null || : ;;
  '-o address show dev '*) cat "$FAKE/\${5}.inner" 2>/dev/null || : ;;
  'route show default') echo 'default via 203.0.113.17 dev eth0 proto static' ;;
  '-d -o link show type gre') cat "$FAKE"/whp-*.link 2>/dev/null || : ;;
  '-d link show dev '* | '-d -s link show dev '*) for dev; do :; done; cat "$FAKE/$dev.link" 2>/dev/null ;;
  'link show dev eth0' | '-o link show') echo '2: eth0: <UP>' ;;
  'link show dev '*) test -e "$FAKE/$4.link" ;;
  *)
    echo "ip $*" >>"$FAKE/changes"
    case "$1 $2 $3" in
      'link add whp-'*)
        if [ -e "$FAKE/no-gre" ]; then echo 'Error: Unknown device type.' >&2; exit 2; fi
        n=\${11}
        dotted="$((n >> 24 & 255)).$((n >> 16 & 255)).$((n >> 8 & 255)).$((n & 255))"
        echo "7: $3@NONE: <UP> mtu 1472 link/gre 203.0.113.20 peer $9 gre remote $9 local $7 ttl 64 ikey $dotted okey $dotted " >"$FAKE/$3.link" ;;
      'link del whp-'*) rm "$FAKE/$3.link"; rm -f "$FAKE/$3.inner" ;;
      'address add '*) echo "7: $7    inet $3 peer $5/32 scope global $7" >>"$FAKE/$7.inner" ;;
    esac ;;
esac`;
const NFT = `
case "$*" in
  'list chains') cat "$FAKE/chains" 2>/dev/null || : ;;
  'list chain inet whp_home input') cat "$FAKE/counted" 2>/dev/null || : ;;
  'list tables') cat "$FAKE/tables" 2>/dev/null || : ;;
  'list table '*) grep -qx "table $3 $4" "$FAKE/tables" 2>/dev/null ;;
  '-f -') echo 'nft -f -' >>"$FAKE/changes"; tee "$FAKE/ruleset" | sed -n 's/^add \\(table .*\\)/\\1/p' >>"$FAKE/tables" ;;
  'delete table '*) echo "nft $*" >>"$FAKE/changes"; sed -i "/^table $3 $4$/d" "$FAKE/tables" ;;
esac`;

/** A server with one public address. `services`: lines of ss. */
export class Server {
  readonly fake = mkdtempSync(join(tmpdir(), 'whp-proxy-'));
  readonly root = join(this.fake, 'root');

  constructor(services: readonly string[] = []) {
    const bin = join(this.fake, 'bin');
    mkdirSync(bin);
    mkdirSync(join(this.root, 'etc/systemd/system'), { recursive: true });
    mkdirSync(join(this.root, 'usr/local/sbin'), { recursive: true });
    const log = (name: string): string => `echo "${name} $*" >>"$FAKE/changes"`;
    const programs = {
      ip: IP,
      nft: NFT,
      ss: 'cat "$FAKE/services"',
      id: 'cat "$FAKE/user" 2>/dev/null || echo 0',
      // A second in which the home may send.
      sleep: 'cat "$FAKE/counted-later" >"$FAKE/counted" 2>/dev/null || :',
      sysctl: `case "$*" in '-n net.ipv4.ip_forward') cat "$FAKE/forward" 2>/dev/null || echo 1 ;; -n*) cat "$FAKE/sysctl" 2>/dev/null || echo 0 ;; *) ${log('sysctl')} ;; esac`,
      systemctl: `case $1 in is-enabled) exit 0 ;; *) ${log('systemctl')} ;; esac`,
    };
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    this.put('addresses', '1: lo    inet 127.0.0.1/8\n2: eth0    inet 203.0.113.20/28 brd x\n');
    this.put('services', services.map((line) => `${line}\n`).join(''));
  }

  remove(): void {
    rmSync(this.fake, { recursive: true });
  }

  put(name: string, text: string): void {
    writeFileSync(join(this.fake, name), text);
  }

  /** Runs it; `changes`: the commands since the last run that change the machine. */
  run(words: string, environment: Record<string, string> = {}) {
    this.put('changes', '');
    const { status, stdout, stderr } = spawnSync('sh', ['-c', `sh ${SCRIPT} ${words}`], {
      encoding: 'utf8',
      env: {
        PATH: `${join(this.fake, 'bin')}:${process.env.PATH}`,
        FAKE: this.fake,
        DESTDIR: this.root,
        ...environment,
      },
    });
    const changes = readFileSync(join(this.fake, 'changes'), 'utf8');
    return { status, stdout, stderr, changes };
  }

  get files(): string[] {
    return ['etc/systemd/system', 'usr/local/sbin'].flatMap((path) =>
      readdirSync(join(this.root, path)),
    );
  }

  get unit(): string {
    return readFileSync(join(this.root, UNIT), 'utf8');
  }

  get ruleset(): string {
    return readFileSync(join(this.fake, 'ruleset'), 'utf8');
  }
}
