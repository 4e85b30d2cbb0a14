/* The words of a text in the language of nft (nft-text.c). */
#ifndef WHP_NFT_TEXT_H
#define WHP_NFT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LONGEST_NAME = 127, /* ruleset/render, LONGEST */
    LONGEST_DEVICE = 15,
};

struct slice {
    const char *at;
    size_t size;
};

enum word { WORD_END, WORD_LINE, WORD_PLAIN, WORD_MARK, WORD_STRING };

/* `kind` and `word` are of the current word, which begins in `line`. After a refusal there are no more words. */
struct text {
    const char *next, *end;
    unsigned line, next_line;
    enum word kind;
    struct slice word;
    /* Line 0: nothing is refused. */
    unsigned refused_line;
    struct slice refused;
};

/* `at`: `size` bytes with a NUL behind them. */
void open_text(struct text *text, const char *at, size_t size);
/* Refuses the text at its current word. */
void refuse(struct text *text);
void step(struct text *text);
/* Steps over one end of a line, or all that are next. */
void step_line(struct text *text);
void step_lines(struct text *text);
bool is_slice(struct slice one, const char *word);
bool is_word(const struct text *text, const char *word);
/* Steps over the word, if it is the current one; `need` refuses the text otherwise. */
bool take(struct text *text, const char *word);
void need(struct text *text, const char *word);
/* Steps over words with a space between two, if they are the next ones. */
bool take_words(struct text *text, const char *words);
/* The name of a table, chain, set or counter. */
struct slice take_name(struct text *text);
struct slice take_string(struct text *text, size_t longest);
/* The number at the start of `from`, which moves behind it; decimal, or hexadecimal behind 0x. */
bool number_of(struct slice *from, uint64_t most, uint64_t *value);
uint64_t take_number(struct text *text, uint64_t most);
/* Milliseconds: 1h, 10s, 1s500ms. */
uint64_t take_duration(struct text *text);
/* Steps behind the brace that closes the current word, which is one. */
void leave_block(struct text *text);

#endif
