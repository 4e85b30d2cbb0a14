/* Reading a text of nft into the messages that nft would send for it. nft-batch.c reads commands, nft-set.c named sets,
   nft-rule.c rules, nft-match.c their conditions, nft-expression.c what is compared, nft-value.c constants. A text that
   is refused has no more words: what reads on ends, and what it has written is not used. */
#ifndef WHP_NFT_READER_H
#define WHP_NFT_READER_H

#include "nft-bytes.h"
#include "nft-text.h"

enum {
    MOST_PARTS = 8,     /* fields of a concatenation */
    LONGEST_KEY = 64,   /* bytes: the registers of nf_tables */
    REGISTER = 16,      /* bytes: the longest single value */
    MOST_SETS = 8192,   /* in a text */
    MOST_MATCHES = 16,  /* comparisons that are joined */
};

/* The user data of a set: its entries (libnftnl/udata.h), and byte orders. */
enum {
    KEY_ORDER = 0,
    DATA_ORDER = 1,
    KEY_FIELDS = 3,
    DATA_FIELDS = 4,
    DATA_INTERVAL = 6,
    NO_ORDER = 0,
    HOST_ORDER = 1,
    NETWORK_ORDER = 2,
    NO_FIELD = 255, /* `header` of an expression: nft's number is not known here */
};

/* Types of nft (enum datatypes). The kernel stores them unread. */
enum type {
    TYPE_NFPROTO = 2,
    TYPE_INTEGER = 4,
    TYPE_STRING = 5,
    TYPE_IPV4 = 7,
    TYPE_IPV6 = 8,
    TYPE_ETHER = 9,
    TYPE_PROTOCOL = 12,
    TYPE_SERVICE = 13,
    TYPE_ICMP = 14,
    TYPE_TCP_FLAG = 15,
    TYPE_MARK = 19,
    TYPE_ARPHRD = 21,
    TYPE_CT_STATE = 26,
    TYPE_CT_DIR = 27,
    TYPE_CT_STATUS = 28,
    TYPE_ICMP6 = 29,
    TYPE_FIB_ADDR = 38,
    TYPE_IFNAME = 41,
};

/* Which expression of nf_tables loads a value. */
enum loader { LOAD_PAYLOAD, LOAD_META, LOAD_CT, LOAD_FIB };

/* A value of a packet or its flow. `is_host`: in the byte order of this machine, else in that of the network. */
struct expression {
    uint8_t loader, type, size, is_host;
    /* LOAD_META, LOAD_CT, LOAD_FIB: the kernel's number, and whether it is of the flow's first direction. */
    uint8_t key, is_original;
    /* LOAD_PAYLOAD: NFT_PAYLOAD_*, bytes. */
    uint8_t base;
    uint16_t offset;
    /* What the packet has to be for it; 0: nothing. */
    uint8_t family, protocol, is_ether;
    /* LOAD_PAYLOAD: numbers of the header and field in nft (enum proto_desc_id); 0: raw bytes. */
    uint8_t header, field;
    bool is_masked;
};

/* One value, or a concatenation. */
struct key {
    struct expression part[MOST_PARTS];
    uint64_t mask[MOST_PARTS];
    size_t parts;
};

/* What a rule has shown of its packets; 0: nothing. */
struct known {
    uint8_t family, protocol;
    bool is_ether;
};

struct set {
    struct slice name;
    struct key key;
    bool is_interval, has_timeout, is_dynamic;
};

/* A comparison of bytes of the packet in `rule` (nft-match.c). */
struct match {
    size_t from, end;
    uint8_t base, size, operator;
    uint16_t offset;
    uint8_t value[REGISTER];
};

struct reader {
    struct text text;
    struct bytes out;
    /* Of the current rule: its expressions. `spare`: elements that are not sent yet. */
    struct bytes rule, spare;
    struct slice table, chain;
    struct known known;
    struct match matches[MOST_MATCHES];
    size_t match_count;
    struct set *sets;
    size_t set_count, set_room;
    /* Number of the last set of the transaction. */
    uint32_t set_number;
};

/* nft-value.c */
/* The bytes of a constant; refuses the text if it is none of the type. */
void value_of(struct text *text, const struct expression *of, struct slice word, uint8_t *value);
/* The largest number of this many bytes, at most 8. */
uint64_t largest(size_t size);
void number_bytes(uint64_t number, size_t size, bool is_host, uint8_t *bytes);
/* Takes a word, or the string that is the name of a device. */
void take_value(struct text *text, const struct expression *of, uint8_t *value);
/* Takes "NAME*", which all devices match whose name begins so: the bytes of NAME. 0: it is another value. */
size_t take_prefix(struct text *text, uint8_t *value);
/* The type that is named in `type` of a set; NULL: none. */
const struct expression *named_type(struct text *text);

/* nft-expression.c */
/* Takes a key, if one is next. */
bool take_key(struct text *text, struct key *key);
size_t key_size(const struct key *key);
/* Bytes of a part in a concatenation. */
size_t padded(size_t size);
/* Loads the key into the registers, behind the conditions that it needs. */
void load_key(struct reader *reader, const struct key *key);
void need_protocol(struct reader *reader, uint8_t protocol);
void put_compare(struct bytes *to, int operator, const uint8_t *value, size_t size);
void put_bits(struct bytes *to, int reg, const uint8_t *mask, const uint8_t *flipped, size_t size);
void put_order(struct bytes *to, size_t size);
void put_payload(struct bytes *to, int base, unsigned offset, unsigned size, int reg);
/* An expression of a rule: its attributes are written between the two. */
size_t begin_expression(struct bytes *to, const char *name);
void end_expression(struct bytes *to, size_t expression);

/* nft-userdata.c */
/* Entries: a number, or a key. */
void put_entry(struct bytes *to, int type, uint32_t value);
/* `is_typeof`: the fields of a concatenation are expressions, not names of types. */
void put_key_entry(struct bytes *to, int type, const struct key *key, bool is_typeof);

/* nft-match.c */
/* Reads the condition that begins with `key`. */
void read_match(struct reader *reader, const struct key *key);
/* Whether the current word is @NAME, the name of a set. */
bool is_set(const struct text *text);
struct slice take_set(struct text *text);
/* Refuses the text if it declares this set with another key, or as one that rules do not write, if `is_written`. */
void check_set(struct reader *reader, struct slice name, const struct key *key, bool is_written);
/* Joins the comparisons of neighbouring bytes since the last call. */
void join_matches(struct reader *reader);

/* nft-rule.c */
/* Reads the statements of a rule up to the end of its line, and writes its messages. */
void read_rule(struct reader *reader);
/* nft-update.c: what follows `update`, and `limit`. */
void read_update(struct reader *reader);
void put_limit(struct reader *reader);
/* Takes a verdict, if one is next, and writes it as an attribute NFTA_DATA_VERDICT. */
bool take_verdict(struct text *text, struct bytes *to);

/* nft-set.c */
/* Reads what is declared between the braces of a set. */
void read_set(struct reader *reader);
/* NULL: the text declares no such set. */
const struct set *find_set(const struct reader *reader, struct slice name);

/* nft-elements.c */
/* Reads the elements in braces for a set of this text. */
void read_elements(struct reader *reader, const struct set *set);

/* nft-batch.c */
/* Reads all of the text into `out`: one transaction, the sequence number of a message is its line. */
void read_batch(struct reader *reader);

#endif
