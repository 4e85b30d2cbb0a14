// Numbers of nf_tables that only the tests need, beside the agent's own: they make sets and rules
// with own messages, because the big-endian router has no nft. Compared with the headers like those.
export const NFTA_SET_TABLE = 1;
export const NFTA_SET_NAME = 2;
export const NFTA_SET_FLAGS = 3;
export const NFTA_SET_KEY_TYPE = 4;
export const NFTA_SET_KEY_LEN = 5;
export const NFTA_SET_ID = 10;
export const NFTA_SET_DESC = 9;
export const NFTA_SET_DESC_CONCAT = 2;
export const NFTA_SET_FIELD_LEN = 1;
export const NFTA_SET_TIMEOUT = 11;
export const NFT_SET_INTERVAL = 4;
export const NFT_SET_TIMEOUT = 16;
export const NFT_SET_CONCAT = 128;
export const NFT_META_L4PROTO = 16;
export const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
export const NFTA_LOOKUP_SET = 1;
export const NFTA_LOOKUP_SREG = 2;
export const NFTA_QUEUE_NUM = 1;
export const NFTA_CT_SREG = 4;
export const NFT_REG32_00 = 8;
export const NFT_REG32_01 = 9;
