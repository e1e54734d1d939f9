#include "epas_sentencepiece.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

namespace sentencepiece {
namespace logging {
// Exported by the library, declared in none of its installed headers.
void SetMinLogLevel(int level);
}  // namespace logging
}  // namespace sentencepiece

struct epas_sp_processor {
  sentencepiece::SentencePieceProcessor processor;
};

namespace {

// Levels are info 0, warning 1, error 2, fatal 3; a failed call returns its message instead.
constexpr int kOnlyFatal = 3;

template <typename Element>
Element *Copy(const Element *source, size_t count) {
  const size_t bytes = count * sizeof(Element);
  auto *memory = static_cast<Element *>(std::malloc(bytes == 0 ? 1 : bytes));
  if (memory == nullptr) throw std::bad_alloc();
  if (bytes > 0) std::memcpy(memory, source, bytes);
  return memory;
}

char *Message(const char *text) {
  char *copy = strdup(text);
  // The caller only distinguishes NULL from a message, so a failed copy must not look like success.
  if (copy == nullptr) std::abort();
  return copy;
}

// Runs a body that returns a status, and turns every way it can fail into a message.
template <typename Body>
char *Guarded(Body body) {
  try {
    sentencepiece::logging::SetMinLogLevel(kOnlyFatal);
    const sentencepiece::util::Status status = body();
    if (status.ok()) return nullptr;
    return Message(status.error_message());
  } catch (const std::bad_alloc &) {
    return Message("out of memory");
  } catch (const std::exception &error) {
    return Message(error.what());
  } catch (...) {
    return Message("an exception of unknown type");
  }
}

class CallbackIterator : public sentencepiece::SentenceIterator {
 public:
  CallbackIterator(epas_sp_next_sentence next, void *context) : next_(next), context_(context) {
    Next();
  }

  bool done() const override { return done_; }
  const std::string &value() const override { return value_; }
  sentencepiece::util::Status status() const override { return {}; }

  void Next() override {
    const char *text = nullptr;
    size_t size = 0;
    done_ = next_(context_, &text, &size) == 0;
    if (!done_) value_.assign(text, size);
  }

 private:
  epas_sp_next_sentence next_;
  void *context_;
  std::string value_;
  bool done_ = false;
};

}  // namespace

char *epas_sp_load(const char *model, size_t size, epas_sp_processor **processor) {
  return Guarded([&] {
    auto loaded = std::make_unique<epas_sp_processor>();
    const auto status =
        loaded->processor.LoadFromSerializedProto(absl::string_view(model, size));
    if (status.ok()) *processor = loaded.release();
    return status;
  });
}

void epas_sp_free(epas_sp_processor *processor) { delete processor; }

int32_t epas_sp_vocabulary_size(const epas_sp_processor *processor) {
  return processor->processor.GetPieceSize();
}

int32_t epas_sp_unknown_id(const epas_sp_processor *processor) {
  return processor->processor.unk_id();
}

int32_t epas_sp_beginning_id(const epas_sp_processor *processor) {
  return processor->processor.bos_id();
}

int32_t epas_sp_end_id(const epas_sp_processor *processor) {
  return processor->processor.eos_id();
}

char *epas_sp_encode(const epas_sp_processor *processor, const char *text, size_t size,
                     int32_t **ids, size_t *count) {
  return Guarded([&] {
    std::vector<int> result;
    const auto status = processor->processor.Encode(absl::string_view(text, size), &result);
    if (status.ok()) {
      *ids = Copy<int32_t>(result.data(), result.size());
      *count = result.size();
    }
    return status;
  });
}

char *epas_sp_decode(const epas_sp_processor *processor, const int32_t *ids, size_t count,
                     char **text, size_t *size) {
  return Guarded([&] {
    std::string result;
    const auto status =
        processor->processor.Decode(std::vector<int>(ids, ids + count), &result);
    if (status.ok()) {
      *text = Copy(result.data(), result.size());
      *size = result.size();
    }
    return status;
  });
}

char *epas_sp_train(const char *const *names, const char *const *values, size_t option_count,
                    epas_sp_next_sentence next, void *context, char **model, size_t *size) {
  return Guarded([&] {
    std::unordered_map<std::string, std::string> options;
    for (size_t i = 0; i < option_count; ++i) options[names[i]] = values[i];
    CallbackIterator sentences(next, context);
    std::string result;
    const auto status =
        sentencepiece::SentencePieceTrainer::Train(options, &sentences, &result);
    if (status.ok()) {
      *model = Copy(result.data(), result.size());
      *size = result.size();
    }
    return status;
  });
}

void epas_sp_release(void *memory) { std::free(memory); }
