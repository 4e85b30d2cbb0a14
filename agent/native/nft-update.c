/* The statement of a rule that adds an element to a set, or renews it. */
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft-reader.h"

/* rate [over] N/UNIT burst N packets: the attributes of the limit. */
void put_limit(struct reader *reader)
{
    static const struct {
        char name[8];
        uint32_t seconds;
    } UNITS[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 604800}};
    struct text *text = &reader->text;
    struct bytes *to = &reader->rule;
    uint64_t rate = 0;
    need(text, "rate");
    bool is_over = take(text, "over");
    struct slice rest = text->word;
    if (text->kind != WORD_PLAIN || !number_of(&rest, UINT32_MAX, &rate) || !rate || !rest.size || *rest.at != '/')
        refuse(text);
    rest.at++;
    rest.size--;
    size_t unit = 0;
    while (!text->refused_line && unit < 5 && !is_slice(rest, UNITS[unit].name))
        unit++;
    if (text->refused_line || unit == 5) {
        refuse(text);
        return;
    }
    step(text);
    need(text, "burst");
    uint64_t burst = take_number(text, UINT32_MAX);
    need(text, "packets");
    put_64(to, NFTA_LIMIT_RATE, rate);
    put_64(to, NFTA_LIMIT_UNIT, UNITS[unit].seconds);
    put_32(to, NFTA_LIMIT_BURST, (uint32_t)burst);
    put_32(to, NFTA_LIMIT_TYPE, NFT_LIMIT_PKTS);
    put_32(to, NFTA_LIMIT_FLAGS, is_over ? NFT_LIMIT_F_INV : 0);
}

/* update @SET { KEY [timeout TIME] [counter | limit ...] } */
void read_update(struct reader *reader)
{
    struct text *text = &reader->text;
    struct bytes *to = &reader->rule;
    struct key key = {.parts = 0};
    struct slice name = take_set(text);
    need(text, "{");
    if (!take_key(text, &key))
        refuse(text);
    check_set(reader, name, &key, true);
    load_key(reader, &key);
    size_t place = begin_expression(to, "dynset");
    put_text(to, NFTA_DYNSET_SET_NAME, name.at, name.size);
    put_32(to, NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
    put_32(to, NFTA_DYNSET_SREG_KEY, NFT_REG_1);
    if (take(text, "timeout"))
        put_64(to, NFTA_DYNSET_TIMEOUT, take_duration(text));
    if (take(text, "limit")) {
        size_t list = begin_list(to, NFTA_DYNSET_EXPR);
        put_text(to, NFTA_EXPR_NAME, "limit", 5);
        size_t inside = begin_list(to, NFTA_EXPR_DATA);
        put_limit(reader);
        end_list(to, inside);
        end_list(to, list);
    } else if (take(text, "counter")) {
        size_t list = begin_list(to, NFTA_DYNSET_EXPR);
        put_text(to, NFTA_EXPR_NAME, "counter", 7);
        end_list(to, begin_list(to, NFTA_EXPR_DATA));
        end_list(to, list);
    }
    need(text, "}");
    end_expression(to, place);
}
