// ruleset/encode/meta: the kernel's numbers of the keys of `meta` and `ct`.
import {
  NFT_CT_DIRECTION,
  NFT_CT_ID,
  NFT_CT_MARK,
  NFT_CT_STATE,
  NFT_CT_STATUS,
  NFT_META_IIFNAME,
  NFT_META_IIFTYPE,
  NFT_META_L4PROTO,
  NFT_META_LEN,
  NFT_META_MARK,
  NFT_META_NFPROTO,
  NFT_META_OIFNAME,
} from '../../netlink/nft-constants.ts';

export const META_KEYS = {
  mark: NFT_META_MARK,
  l4proto: NFT_META_L4PROTO,
  nfproto: NFT_META_NFPROTO,
  iiftype: NFT_META_IIFTYPE,
  iifname: NFT_META_IIFNAME,
  oifname: NFT_META_OIFNAME,
  length: NFT_META_LEN,
};

export const CT_KEYS = {
  mark: NFT_CT_MARK,
  state: NFT_CT_STATE,
  status: NFT_CT_STATUS,
  direction: NFT_CT_DIRECTION,
  id: NFT_CT_ID,
};
