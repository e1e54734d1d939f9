// A small C interface to Oniguruma, the regular expressions of `tokenizer.json`.
// Source: Oniguruma 6.9.8, doc/API (https://github.com/kkos/oniguruma).

#ifndef EPAS_ONIG_H
#define EPAS_ONIG_H

#include <stddef.h>
#include <stdint.h>

// A compiled pattern; may be used by several threads at once.
typedef struct epas_onig_pattern epas_onig_pattern;

// What one search needs; used by one thread at a time.
typedef struct epas_onig_searcher epas_onig_searcher;

enum { EPAS_ONIG_MESSAGE_SIZE = 256 };

// Gives the property `name` (as in \p{name}) other characters than Oniguruma's own: pairs of first
// and last code point. At most 20 names. To be called before a pattern that uses the name is
// compiled, by one thread at a time. Returns 0 if it worked.
int epas_onig_define_property(const char *name, const uint32_t *pairs, size_t pair_count);

// Compiles a UTF-8 pattern in Oniguruma's own syntax. Returns NULL and writes a message of at most
// EPAS_ONIG_MESSAGE_SIZE bytes with its NUL when the pattern is wrong. One thread at a time.
epas_onig_pattern *epas_onig_compile(const uint8_t *pattern, size_t size, char *message);

void epas_onig_free(epas_onig_pattern *pattern);

epas_onig_searcher *epas_onig_searcher_new(void);

void epas_onig_searcher_free(epas_onig_searcher *searcher);

// Finds the first match at or after `from` in `size` bytes of UTF-8. Returns 1 and its bounds when
// there is one, 0 when there is none, -1 when the search was given up because it took too long.
int epas_onig_search(const epas_onig_pattern *pattern, epas_onig_searcher *searcher,
                     const uint8_t *text, size_t size, size_t from, size_t *match_start,
                     size_t *match_end);

#endif
