// A C interface to SentencePiece's processor and BPE trainer (see EPASTokenizer).
//
// A function that can fail returns NULL on success, or a message to be given back to
// epas_sp_release. No C++ exception leaves this interface, and SentencePiece's own log lines are
// off. Memory handed out through a pointer argument is given back to epas_sp_release.
//
// A model must have been checked (EPASTokenizer's SentencePieceModel) before it is loaded: the
// library trusts a model's normalization table and ends the process on some malformed ones.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct epas_sp_processor epas_sp_processor;

/// Loads a serialized model, which is copied.
char *epas_sp_load(const char *model, size_t size, epas_sp_processor **processor);
void epas_sp_free(epas_sp_processor *processor);

/// Number of pieces, and the ids of the special ones; -1 where the model has none.
int32_t epas_sp_vocabulary_size(const epas_sp_processor *processor);
int32_t epas_sp_unknown_id(const epas_sp_processor *processor);
int32_t epas_sp_beginning_id(const epas_sp_processor *processor);
int32_t epas_sp_end_id(const epas_sp_processor *processor);

/// Encodes UTF-8 text, without special tokens. Safe to call from several threads at once.
char *epas_sp_encode(const epas_sp_processor *processor, const char *text, size_t size,
                     int32_t **ids, size_t *count);

/// Decodes ids, each of which must be within the vocabulary.
char *epas_sp_decode(const epas_sp_processor *processor, const int32_t *ids, size_t count,
                     char **text, size_t *size);

/// Lends the next training sentence, valid until the next call; returns 0 after the last one.
typedef int (*epas_sp_next_sentence)(void *context, const char **text, size_t *size);

/// Trains a model with SentencePiece's own option names, and returns it serialized.
char *epas_sp_train(const char *const *names, const char *const *values, size_t option_count,
                    epas_sp_next_sentence next, void *context, char **model, size_t *size);

void epas_sp_release(void *memory);

#ifdef __cplusplus
}
#endif
