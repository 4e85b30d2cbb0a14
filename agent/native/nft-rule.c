/* A rule as the message that adds it, its expressions in the order of nft, with nft's user data for the comment. */
#include <netinet/in.h> /* before the headers of the kernel, which take its part otherwise */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <string.h>

#include "nft-reader.h"

enum {
    TCP_FLAGS = 12,          /* byte of the TCP header before the flags: checksums are corrected by two bytes */
    TCP_CHECKSUM = 16,       /* RFC 9293 section 3.1 */
    OPTION_SIZE = 2,         /* TCP option 2: its value of two bytes is behind kind and length */
    PORT_GIVEN = 2,          /* NF_NAT_RANGE_PROTO_SPECIFIED (linux/netfilter/nf_nat.h) */
    COMMENT = 0,             /* type of a rule's user data (libnftnl/udata.h) */
};

static const struct {
    char word[8];
    int code;
} VERDICTS[] = {{"accept", NF_ACCEPT}, {"drop", NF_DROP}, {"return", NFT_RETURN}, {"goto", NFT_GOTO}, {"jump", NFT_JUMP}};

bool take_verdict(struct text *text, struct bytes *to)
{
    for (size_t i = 0; i < sizeof(VERDICTS) / sizeof(VERDICTS[0]); i++) {
        int code = VERDICTS[i].code;
        if (!take(text, VERDICTS[i].word))
            continue;
        size_t list = begin_list(to, NFTA_DATA_VERDICT);
        put_32(to, NFTA_VERDICT_CODE, (uint32_t)code);
        if (code == NFT_GOTO || code == NFT_JUMP) {
            struct slice chain = take_name(text);
            put_text(to, NFTA_VERDICT_CHAIN, chain.at, chain.size);
        }
        end_list(to, list);
        return true;
    }
    return false;
}

static bool read_verdict(struct reader *reader)
{
    struct bytes *to = &reader->rule;
    size_t before = to->size;
    size_t place = begin_expression(to, "immediate");
    put_32(to, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    size_t list = begin_list(to, NFTA_IMMEDIATE_DATA);
    if (!take_verdict(&reader->text, to)) {
        to->size = before;
        return false;
    }
    end_list(to, list);
    end_expression(to, place);
    return true;
}

/* A number of two bytes in a register. */
static void put_constant(struct bytes *to, uint64_t number)
{
    uint8_t value[2];
    number_bytes(number, 2, false, value);
    size_t place = begin_expression(to, "immediate");
    put_32(to, NFTA_IMMEDIATE_DREG, NFT_REG_1);
    size_t list = begin_list(to, NFTA_IMMEDIATE_DATA);
    put_attribute(to, NFTA_DATA_VALUE, value, sizeof(value));
    end_list(to, list);
    end_expression(to, place);
}

/* meta mark set meta mark & KEEP [| VALUE], or of ct. */
static void read_mark(struct reader *reader, const struct key *mark)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->rule;
    struct key kept;
    const struct expression *left = &mark->part[0];
    if (mark->parts != 1 || left->type != TYPE_MARK || left->is_masked || !take_key(text, &kept) ||
        kept.parts != 1 || kept.part[0].loader != left->loader || kept.part[0].type != TYPE_MARK ||
        !kept.part[0].is_masked) {
        refuse(text);
        return;
    }
    uint32_t value = take(text, "|") ? (uint32_t)take_number(text, UINT32_MAX) : 0;
    uint8_t mask[4], flipped[4];
    number_bytes(kept.mask[0] & ~value, 4, true, mask);
    number_bytes(value, 4, true, flipped);
    load_key(reader, mark);
    put_bits(to, NFT_REG_1, mask, flipped, 4);
    bool is_meta = left->loader == LOAD_META;
    size_t place = begin_expression(to, is_meta ? "meta" : "ct");
    put_32(to, is_meta ? NFTA_META_KEY : NFTA_CT_KEY, left->key);
    put_32(to, is_meta ? NFTA_META_SREG : NFTA_CT_SREG, NFT_REG_1);
    end_expression(to, place);
}

/* tcp flags set FLAGS */
static void read_tcp_flags(struct reader *reader)
{
    struct bytes *to = &reader->rule;
    uint8_t mask[] = {0xff, 0}, flipped[] = {0, (uint8_t)take_number(&reader->text, UINT8_MAX)};
    need_protocol(reader, IPPROTO_TCP);
    put_payload(to, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS, 2, NFT_REG_1);
    put_bits(to, NFT_REG_1, mask, flipped, 2);
    size_t place = begin_expression(to, "payload");
    put_32(to, NFTA_PAYLOAD_SREG, NFT_REG_1);
    put_32(to, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
    put_32(to, NFTA_PAYLOAD_OFFSET, TCP_FLAGS);
    put_32(to, NFTA_PAYLOAD_LEN, 2);
    put_32(to, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
    put_32(to, NFTA_PAYLOAD_CSUM_OFFSET, TCP_CHECKSUM);
    end_expression(to, place);
}

/* tcp option maxseg size set N, or rt mtu: what fits the route. */
static void read_clamp(struct reader *reader)
{
    struct bytes *to = &reader->rule;
    size_t place;
    if (take_words(&reader->text, "rt mtu")) {
        place = begin_expression(to, "rt");
        put_32(to, NFTA_RT_DREG, NFT_REG_1);
        put_32(to, NFTA_RT_KEY, NFT_RT_TCPMSS);
        end_expression(to, place);
        put_order(to, 2);
    } else
        put_constant(to, take_number(&reader->text, UINT16_MAX));
    place = begin_expression(to, "exthdr");
    put_32(to, NFTA_EXTHDR_SREG, NFT_REG_1);
    put_8(to, NFTA_EXTHDR_TYPE, OPTION_SIZE);
    put_32(to, NFTA_EXTHDR_OFFSET, 2);
    put_32(to, NFTA_EXTHDR_LEN, 2);
    put_32(to, NFTA_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    end_expression(to, place);
}

/* log prefix "TEXT" group N [snaplen N] */
static void read_log(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->rule;
    struct slice prefix = take_string(text, LONGEST_NAME);
    need(text, "group");
    size_t place = begin_expression(to, "log");
    put_16(to, NFTA_LOG_GROUP, (uint16_t)take_number(text, UINT16_MAX));
    put_text(to, NFTA_LOG_PREFIX, prefix.at, prefix.size);
    if (take(text, "snaplen"))
        put_32(to, NFTA_LOG_SNAPLEN, (uint32_t)take_number(text, UINT32_MAX));
    end_expression(to, place);
}

/* queue [flags bypass] to N */
static void read_queue(struct reader *reader)
{
    struct bytes *to = &reader->rule;
    bool is_bypassed = take_words(&reader->text, "flags bypass");
    need(&reader->text, "to");
    size_t place = begin_expression(to, "queue");
    put_16(to, NFTA_QUEUE_NUM, (uint16_t)take_number(&reader->text, UINT16_MAX));
    put_16(to, NFTA_QUEUE_TOTAL, 1);
    if (is_bypassed)
        put_16(to, NFTA_QUEUE_FLAGS, NFT_QUEUE_FLAG_BYPASS);
    end_expression(to, place);
}

static void read_reject(struct reader *reader)
{
    bool is_reset = take_words(&reader->text, "tcp reset");
    if (is_reset)
        need_protocol(reader, IPPROTO_TCP);
    else if (!take_words(&reader->text, "icmpx admin-prohibited"))
        refuse(&reader->text);
    size_t place = begin_expression(&reader->rule, "reject");
    put_32(&reader->rule, NFTA_REJECT_TYPE, is_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
    put_8(&reader->rule, NFTA_REJECT_ICMP_CODE, is_reset ? 0 : NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
    end_expression(&reader->rule, place);
}

/* redirect to :PORT */
static void read_redirect(struct reader *reader)
{
    struct slice port = reader->text.word;
    uint64_t number = 0;
    if (reader->text.kind != WORD_PLAIN || *port.at != ':')
        refuse(&reader->text);
    port.at++;
    port.size--;
    if (reader->text.refused_line || !number_of(&port, UINT16_MAX, &number) || port.size)
        refuse(&reader->text);
    step(&reader->text);
    put_constant(&reader->rule, number);
    size_t place = begin_expression(&reader->rule, "redir");
    put_32(&reader->rule, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
    put_32(&reader->rule, NFTA_REDIR_FLAGS, PORT_GIVEN);
    end_expression(&reader->rule, place);
}

/* Counts with a counter, or adds the flow to a flow table. */
static void put_named(struct bytes *to, const char *expression, int type, struct slice name)
{
    size_t place = begin_expression(to, expression);
    if (*expression == 'o')
        put_32(to, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    put_text(to, type, name.at, name.size);
    end_expression(to, place);
}

/* Returns whether it ends the rule: nft takes no statement behind it. */
static bool read_statement(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->rule;
    struct key key;
    bool has_key = take_key(text, &key);
    if (has_key && !is_word(text, "set")) {
        read_match(reader, &key);
        return false;
    }
    join_matches(reader);
    if (has_key) {
        step(text);
        if (key.part[0].type == TYPE_TCP_FLAG && key.parts == 1 && !key.part[0].is_masked)
            read_tcp_flags(reader);
        else
            read_mark(reader, &key);
    } else if (take(text, "update"))
        read_update(reader);
    else if (take_words(text, "counter name"))
        put_named(to, "objref", NFTA_OBJREF_IMM_NAME, take_string(text, LONGEST_NAME));
    else if (take_words(text, "flow add"))
        put_named(to, "flow_offload", NFTA_FLOW_TABLE_NAME, take_set(text));
    else if (take_words(text, "log prefix"))
        read_log(reader);
    else if (take(text, "limit")) {
        size_t place = begin_expression(to, "limit");
        put_limit(reader);
        end_expression(to, place);
    }
    else if (take_words(text, "tcp option maxseg size set"))
        read_clamp(reader);
    else if (take(text, "notrack")) {
        size_t list = begin_list(to, NFTA_LIST_ELEM);
        put_text(to, NFTA_EXPR_NAME, "notrack", 7);
        end_list(to, list);
    } else {
        if (take(text, "queue"))
            read_queue(reader);
        else if (take_words(text, "reject with"))
            read_reject(reader);
        else if (take_words(text, "redirect to"))
            read_redirect(reader);
        else if (take(text, "masquerade"))
            end_expression(to, begin_expression(to, "masq"));
        else if (!read_verdict(reader))
            refuse(text);
        return true;
    }
    return false;
}

void read_rule(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->out;
    unsigned line = text->line;
    reader->rule.size = 0;
    reader->match_count = 0;
    reader->known = (struct known){0, 0, false};
    struct slice comment = {"", 0};
    bool is_ended = false;
    while (!is_ended && text->kind == WORD_PLAIN && !is_word(text, "comment"))
        is_ended = read_statement(reader);
    if (take(text, "comment"))
        comment = take_string(text, LONGEST_NAME);
    if (text->kind != WORD_LINE || reader->rule.size == 0)
        refuse(text);
    join_matches(reader);
    size_t message = begin_message(to, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, line);
    put_text(to, NFTA_RULE_TABLE, reader->table.at, reader->table.size);
    put_text(to, NFTA_RULE_CHAIN, reader->chain.at, reader->chain.size);
    size_t list = begin_list(to, NFTA_RULE_EXPRESSIONS);
    put_bytes(to, reader->rule.at, reader->rule.size);
    end_list(to, list);
    if (comment.size) {
        uint8_t note[2 + LONGEST_NAME + 1] = {COMMENT, (uint8_t)(comment.size + 1)};
        memcpy(note + 2, comment.at, comment.size);
        put_attribute(to, NFTA_RULE_USERDATA, note, comment.size + 3);
    }
    end_message(to, message);
}
