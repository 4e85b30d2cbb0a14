#include "nft-text.h"

#include <string.h>

/* Milliseconds: 30 years. */
#define LONGEST_DURATION 1000000000000ull

void open_text(struct text *text, const char *at, size_t size)
{
    memset(text, 0, sizeof(*text));
    text->next = at;
    text->end = at + size;
    text->next_line = 1;
    step(text);
    if (memchr(at, '\0', size))
        refuse(text);
}

void refuse(struct text *text)
{
    if (text->refused_line)
        return;
    text->refused_line = text->line;
    text->refused = text->kind == WORD_END || text->kind == WORD_LINE ? (struct slice){"end of line", 11} : text->word;
    text->next = text->end;
    text->kind = WORD_END;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == ':' || c == '@' || c == '-' || c == '/';
}

static bool is_operator(char c)
{
    return c == '!' || c == '=' || c == '>' || c == '&' || c == '|';
}

void step(struct text *text)
{
    const char *at = text->next, *end = text->end;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    const char *from = at;
    text->line = text->next_line;
    if (at == end)
        text->kind = WORD_END;
    else if (is_plain(*at)) {
        text->kind = WORD_PLAIN;
        while (at < end && is_plain(*at))
            at++;
    } else if (*at == '\n') {
        text->kind = WORD_LINE;
        text->next_line++;
        at++;
    } else if (*at == '"') {
        text->kind = WORD_STRING;
        from = ++at;
        while (at < end && *at != '"' && *at != '\n')
            at++;
    } else {
        text->kind = WORD_MARK;
        if (is_operator(*at))
            while (at < end && is_operator(*at))
                at++;
        else
            at++;
    }
    text->word = (struct slice){from, (size_t)(at - from)};
    text->next = at;
    if (text->kind == WORD_STRING) {
        if (at < end && *at == '"')
            text->next++;
        else
            refuse(text);
    }
}

void step_line(struct text *text)
{
    if (text->kind == WORD_LINE)
        step(text);
}

void step_lines(struct text *text)
{
    while (text->kind == WORD_LINE)
        step(text);
}

bool is_slice(struct slice one, const char *word)
{
    return strncmp(one.at, word, one.size) == 0 && word[one.size] == '\0';
}

bool is_word(const struct text *text, const char *word)
{
    return (text->kind == WORD_PLAIN || text->kind == WORD_MARK) && *text->word.at == *word &&
           is_slice(text->word, word);
}

bool take(struct text *text, const char *word)
{
    bool is_there = is_word(text, word);
    if (is_there)
        step(text);
    return is_there;
}

void need(struct text *text, const char *word)
{
    if (!take(text, word))
        refuse(text);
}

bool take_words(struct text *text, const char *words)
{
    if (text->kind != WORD_PLAIN || *text->word.at != *words)
        return false;
    struct text before = *text;
    for (;;) {
        size_t size = strcspn(words, " ");
        if (text->kind != WORD_PLAIN || text->word.size != size ||
            memcmp(text->word.at, words, size) != 0)
            break;
        step(text);
        if (words[size] == '\0')
            return true;
        words += size + 1;
    }
    *text = before;
    return false;
}

struct slice take_name(struct text *text)
{
    struct slice name = text->word;
    bool is_name = text->kind == WORD_PLAIN && name.size > 0 && name.size <= LONGEST_NAME &&
                   !(*name.at >= '0' && *name.at <= '9');
    for (size_t i = 0; is_name && i < name.size; i++)
        is_name = is_plain(name.at[i]) && !strchr(".:@-/", name.at[i]);
    if (!is_name) {
        refuse(text);
        return (struct slice){"", 0};
    }
    step(text);
    return name;
}

struct slice take_string(struct text *text, size_t longest)
{
    struct slice string = text->word;
    if (text->kind != WORD_STRING || string.size == 0 || string.size > longest) {
        refuse(text);
        return (struct slice){"", 0};
    }
    step(text);
    return string;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

bool number_of(struct slice *from, uint64_t most, uint64_t *value)
{
    bool is_hex = from->size > 2 && from->at[0] == '0' && from->at[1] == 'x';
    unsigned base = is_hex ? 16 : 10;
    size_t first = is_hex ? 2 : 0, at = first;
    /* nft reads 010 as 8. */
    bool is_octal = !is_hex && from->size > 1 && from->at[0] == '0' && digit_of(from->at[1]) < 10;
    uint64_t sum = 0;
    for (; at < from->size && (unsigned)digit_of(from->at[at]) < base; at++) {
        unsigned digit = (unsigned)digit_of(from->at[at]);
        if (sum > (most - digit) / base || digit > most)
            return false;
        sum = sum * base + digit;
    }
    from->at += at;
    from->size -= at;
    *value = sum;
    return at > first && !is_octal;
}

uint64_t take_number(struct text *text, uint64_t most)
{
    uint64_t value = 0;
    struct slice word = text->word;
    if (text->kind != WORD_PLAIN || !number_of(&word, most, &value) || word.size)
        refuse(text);
    else
        step(text);
    return value;
}

uint64_t take_duration(struct text *text)
{
    static const struct {
        char unit[3];
        uint32_t milliseconds;
    } UNITS[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct slice rest = text->word;
    uint64_t sum = 0, count;
    size_t before = 5, unit;
    if (text->kind != WORD_PLAIN)
        refuse(text);
    while (!text->refused_line && rest.size) {
        bool is_number = number_of(&rest, INT32_MAX, &count);
        /* The larger unit stands first. */
        for (unit = 0; unit < before; unit++)
            if (strncmp(rest.at, UNITS[unit].unit, strlen(UNITS[unit].unit)) == 0)
                break;
        size_t size = unit < before ? strlen(UNITS[unit].unit) : 1;
        if (!is_number || unit == before || size > rest.size || sum > LONGEST_DURATION) {
            refuse(text);
            break;
        }
        sum += count * UNITS[unit].milliseconds;
        before = unit;
        rest.at += size;
        rest.size -= size;
    }
    step(text);
    return sum;
}

void leave_block(struct text *text)
{
    const char *at = text->next;
    bool is_quoted = false;
    for (size_t depth = 1; depth > 0; at++) {
        if (at == text->end) {
            refuse(text);
            return;
        }
        if (*at == '\n') {
            text->next_line++;
            is_quoted = false;
        } else if (*at == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && *at == '{')
            depth++;
        else if (!is_quoted && *at == '}')
            depth--;
    }
    text->next = at;
    step(text);
}
