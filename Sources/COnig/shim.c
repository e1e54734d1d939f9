#include "epas_onig.h"

#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

struct epas_onig_searcher {
  OnigRegion *region;
  OnigMatchParam *parameters;
};

// Steps back that one search may take. A run of white space of as many bytes is searched fully;
// a pattern that explodes is given up within about half a second.
static const unsigned long step_limit = 20000000;

static int initialize(void) {
  static int is_initialized = 0;
  if (!is_initialized) {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    if (onig_initialize(encodings, 1) != ONIG_NORMAL) return -1;
    is_initialized = 1;
  }
  return 0;
}

int epas_onig_define_property(const char *name, const uint32_t *pairs, size_t pair_count) {
  if (initialize() != 0) return -1;
  // Oniguruma keeps the array for good.
  OnigCodePoint *ranges = malloc((1 + 2 * pair_count) * sizeof(OnigCodePoint));
  if (!ranges) return -1;
  ranges[0] = (OnigCodePoint)pair_count;
  for (size_t i = 0; i < 2 * pair_count; i++) ranges[1 + i] = pairs[i];
  int result = onig_unicode_define_user_property(name, ranges);
  if (result != ONIG_NORMAL) free(ranges);
  return result == ONIG_NORMAL ? 0 : -1;
}

epas_onig_pattern *epas_onig_compile(const uint8_t *pattern, size_t size, char *message) {
  message[0] = 0;
  if (initialize() != 0) return NULL;
  regex_t *regex = NULL;
  OnigErrorInfo information;
  memset(&information, 0, sizeof(information));
  int result = onig_new(&regex, pattern, pattern + size, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8,
                        ONIG_SYNTAX_DEFAULT, &information);
  if (result == ONIG_NORMAL) return (epas_onig_pattern *)regex;
  UChar text[ONIG_MAX_ERROR_MESSAGE_LEN];
  int length = onig_error_code_to_str(text, result, &information);
  if (length < 0) length = 0;
  if (length >= EPAS_ONIG_MESSAGE_SIZE) length = EPAS_ONIG_MESSAGE_SIZE - 1;
  memcpy(message, text, (size_t)length);
  message[length] = 0;
  return NULL;
}

void epas_onig_free(epas_onig_pattern *pattern) { onig_free((regex_t *)pattern); }

epas_onig_searcher *epas_onig_searcher_new(void) {
  epas_onig_searcher *searcher = calloc(1, sizeof(*searcher));
  if (!searcher) return NULL;
  searcher->region = onig_region_new();
  searcher->parameters = onig_new_match_param();
  if (!searcher->region || !searcher->parameters) {
    epas_onig_searcher_free(searcher);
    return NULL;
  }
  onig_initialize_match_param(searcher->parameters);
  onig_set_retry_limit_in_match_of_match_param(searcher->parameters, step_limit);
  onig_set_retry_limit_in_search_of_match_param(searcher->parameters, step_limit);
  return searcher;
}

void epas_onig_searcher_free(epas_onig_searcher *searcher) {
  if (!searcher) return;
  if (searcher->region) onig_region_free(searcher->region, 1);
  if (searcher->parameters) onig_free_match_param(searcher->parameters);
  free(searcher);
}

int epas_onig_search(const epas_onig_pattern *pattern, epas_onig_searcher *searcher,
                     const uint8_t *text, size_t size, size_t from, size_t *match_start,
                     size_t *match_end) {
  // The library's interface lacks const; a search does not change the pattern.
  int result = onig_search_with_param((regex_t *)pattern, text, text + size, text + from,
                                      text + size, searcher->region, ONIG_OPTION_NONE,
                                      searcher->parameters);
  if (result == ONIG_MISMATCH) return 0;
  if (result < 0) return -1;
  *match_start = (size_t)searcher->region->beg[0];
  *match_end = (size_t)searcher->region->end[0];
  return 1;
}
