// wire/ports: the registered ports (IANA) that the agent knows.

export const DNS_PORT = 53;
export const HTTPS_PORT = 443;
/** DNS over TLS, and over QUIC. */
export const DOT_PORT = 853;
/** NAT-PMP and PCP. */
export const PORTMAP_PORT = 5351;
